// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx2 --nm-vectorize-contractions | FileCheck %s
// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx512 --nm-vectorize-contractions | FileCheck %s --check-prefix=WIDE

// Tiles of six rows by two vectors; what remains, row by row and column by column.
// CHECK-LABEL: func @logits
// CHECK: scf.parallel
// CHECK: kernel.tile_product {{.*}} : memref<6x64xf32, {{.*}}>, memref<64x16xf32, {{.*}}> into vector<6x2x8xf32>
// CHECK: kernel.tile_product {{.*}} into vector<6x1x8xf32>
// CHECK: kernel.tile_product {{.*}} into vector<6x1x1xf32>
// CHECK: kernel.tile_product {{.*}} into vector<1x2x8xf32>
// CHECK: kernel.tile_product {{.*}} into vector<1x1x8xf32>
// CHECK: kernel.tile_product {{.*}} into vector<1x1x1xf32>
// CHECK-NOT: linalg.batch_matmul
// With 32 registers, six rows by four vectors, then by two and one.
// WIDE-LABEL: func @logits
// WIDE: scf.parallel
// WIDE: kernel.tile_product {{.*}} into vector<6x4x16xf32>
// WIDE: kernel.tile_product {{.*}} into vector<6x2x16xf32>
// WIDE: kernel.tile_product {{.*}} into vector<6x1x16xf32>
func.func @logits(%q: memref<12x128x64xf32>, %k: memref<12x64x128xf32>, %s: memref<12x128x128xf32>) {
  linalg.batch_matmul ins(%q, %k : memref<12x128x64xf32>, memref<12x64x128xf32>) outs(%s : memref<12x128x128xf32>)
  return
}

// Other element types are left to the loops.
// CHECK-LABEL: func @doubles
// CHECK: linalg.matmul
func.func @doubles(%a: memref<8x8xf64>, %b: memref<8x8xf64>, %c: memref<8x8xf64>) {
  linalg.matmul ins(%a, %b : memref<8x8xf64>, memref<8x8xf64>) outs(%c : memref<8x8xf64>)
  return
}
