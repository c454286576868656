func.func @f(%x: memref<8xf32>, %w: memref<8xf32> {nm.param}, %v: memref<?xf32> {nm.param}) {
  return
}
