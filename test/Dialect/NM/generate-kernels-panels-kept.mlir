// What a product writes for others alone goes to their packed activations: nothing turns it, nothing packs it.

// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-generate-kernels=parallel=false | FileCheck %s
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-generate-kernels=parallel=false --remarks-filter=nm-generate-kernels \
// RUN:   -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// A profile measures the same code.
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-insert-measures --nm-generate-kernels=parallel=false \
// RUN:   --remarks-filter=nm-generate-kernels -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK-COUNT-5: [Passed] panels-kept
// REMARK-NOT: [Passed] panels-kept

#v = #nm.sparsity<2:4, axis = 1>

// Panels of x, panels of what lies between; the buffer for that is gone.
// CHECK-LABEL: func @chain
// CHECK: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK-NOT: memref.alloc(%
// CHECK-NOT: memref<9x96xf32>
// CHECK: return
func.func @chain(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<9x48xf32>, %b: memref<96xf32>, %y: memref<9x48xf32>) {
  %t = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) epilogue(%b : memref<96xf32>) maps [affine_map<(d0, d1) -> (d1)>] outs(%t : memref<9x96xf32>) {
  ^bb0(%acc: f32, %e: f32):
    %0 = arith.addf %acc, %e : f32
    nm.yield %0 : f32
  }
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96>
      ins(%t : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  memref.dealloc %t : memref<9x96xf32>
  return
}

// -----

#v = #nm.sparsity<2:4, axis = 1>

// One buffer in between serves two chains, one after the other; the second has two readers.
// CHECK-LABEL: func @again
// CHECK-NOT: memref<9x96xf32>
// CHECK: return
func.func @again(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<9x48xf32>, %y: memref<9x48xf32>, %z: memref<9x48xf32>) {
  %t = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 3, cols = 32, depth = 48> ins(%x : memref<9x48xf32>) outs(%t : memref<9x96xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96> ins(%t : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 3, cols = 32, depth = 48> ins(%y : memref<9x48xf32>) outs(%t : memref<9x96xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96> ins(%t : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 48> ins(%t : memref<9x96xf32>) outs(%z : memref<9x48xf32>)
  memref.dealloc %t : memref<9x96xf32>
  return
}

// -----

#v = #nm.sparsity<2:4, axis = 1>

// The second of two chains through one buffer is read by someone else: the first keeps its panels.
// CHECK-LABEL: func @one_of_two
func.func @one_of_two(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<9x48xf32>, %y: memref<9x48xf32>) {
  %t = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 3, cols = 32, depth = 48> ins(%x : memref<9x48xf32>) outs(%t : memref<9x96xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96> ins(%t : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 3, cols = 32, depth = 48> ins(%y : memref<9x48xf32>) outs(%t : memref<9x96xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96> ins(%t : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 16, depth = 96> ins(%t : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  memref.dealloc %t : memref<9x96xf32>
  return
}

// -----

#v = #nm.sparsity<2:4, axis = 1>

// Columns that are known at run time, and C and X that lie the other way.
// CHECK-LABEL: func @open
// CHECK-NOT: memref<96x?xf32>
// CHECK: return
func.func @open(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<48x?xf32>, %n: index, %y: memref<48x?xf32>) {
  %t = memref.alloc(%n) : memref<96x?xf32>
  nm.packed_matmul weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 3, cols = 32, depth = 48> ins(%x : memref<48x?xf32>) outs(%t : memref<96x?xf32>)
  nm.packed_matmul weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96> ins(%t : memref<96x?xf32>) outs(%y : memref<48x?xf32>)
  memref.dealloc %t : memref<96x?xf32>
  return
}

// -----

#v = #nm.sparsity<2:4, axis = 1>

// An epilogue operand that follows the columns, another reader, rows that are no whole groups: as ever.
// CHECK-LABEL: func @refused
// CHECK-COUNT-3: memref.alloc() : memref<9x
func.func @refused(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<9x48xf32>, %s: memref<9xf32>, %y: memref<9x48xf32>, %w: memref<9x96xf32>, %v5: memref<2400xf32>, %m5: memref<2400xi16>) {
  %t = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) epilogue(%s : memref<9xf32>) maps [affine_map<(d0, d1) -> (d0)>] outs(%t : memref<9x96xf32>) {
  ^bb0(%acc: f32, %e: f32):
    %0 = arith.mulf %acc, %e : f32
    nm.yield %0 : f32
  }
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96> ins(%t : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  %u = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 3, cols = 32, depth = 48> ins(%x : memref<9x48xf32>) outs(%u : memref<9x96xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96> ins(%u : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  memref.copy %u, %w : memref<9x96xf32> to memref<9x96xf32>
  %o = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v5, %m5 : memref<2400xf32>, memref<2400xi16>)
      of tensor<96x48xf32, #v> layout panel<rows = 5, cols = 32, depth = 48> ins(%x : memref<9x48xf32>) outs(%o : memref<9x96xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<48x96xf32, #v> layout panel<rows = 3, cols = 32, depth = 96> ins(%o : memref<9x96xf32>) outs(%y : memref<9x48xf32>)
  memref.dealloc %t : memref<9x96xf32>
  memref.dealloc %u : memref<9x96xf32>
  memref.dealloc %o : memref<9x96xf32>
  return
}
