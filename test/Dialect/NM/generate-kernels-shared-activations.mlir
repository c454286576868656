// Products that read the same activations pack them once, if nothing writes them in between.

// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-generate-kernels=parallel=false | FileCheck %s
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-generate-kernels=parallel=false --remarks-filter=nm-generate-kernels \
// RUN:   -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: packed once for {{.*}}3
// REMARK: packed once for {{.*}}2
// REMARK: packed once for {{.*}}2
// REMARK-NOT: packed once

// The panels are a buffer of dynamic size; three products, one of it.
// CHECK-LABEL: func @qkv
// CHECK: %[[PANELS:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK-NOT: memref.alloc(%
// CHECK: memref.dealloc %[[PANELS]]
// CHECK-NOT: memref.alloc(%
// CHECK: return
func.func @qkv(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<9x48xf32>) -> (memref<9x96xf32>, memref<9x96xf32>, memref<9x96xf32>) {
  %q = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) outs(%q : memref<9x96xf32>)
  %k = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 24>
      ins(%x : memref<9x48xf32>) outs(%k : memref<9x96xf32>)
  %w = memref.alloc() : memref<9x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) outs(%w : memref<9x96xf32>)
  return %q, %k, %w : memref<9x96xf32>, memref<9x96xf32>, memref<9x96xf32>
}

// -----

// CHECK-LABEL: func @written_between
// CHECK-COUNT-2: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
func.func @written_between(%v: memref<1152xf32>, %m: memref<1152xi16>, %x: memref<9x48xf32>, %y: memref<9x48xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<1152xf32>, memref<1152xi16>)
      of tensor<48x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) outs(%y : memref<9x48xf32>)
  memref.copy %y, %x : memref<9x48xf32> to memref<9x48xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<1152xf32>, memref<1152xi16>)
      of tensor<48x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) outs(%y : memref<9x48xf32>)
  return
}

// -----

// Two arguments may be one buffer: the first product may write what the second reads.
// CHECK-LABEL: func @may_alias
// CHECK-COUNT-2: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
func.func @may_alias(%v: memref<1152xf32>, %m: memref<1152xi16>, %x: memref<9x48xf32>, %y: memref<9x48xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<1152xf32>, memref<1152xi16>)
      of tensor<48x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) outs(%y : memref<9x48xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<1152xf32>, memref<1152xi16>)
      of tensor<48x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) outs(%y : memref<9x48xf32>)
  return
}

// -----

// What is measured in between is no memory of theirs.
// CHECK-LABEL: func @measured
// CHECK-COUNT-1: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK-NOT: memref.alloc(%
// CHECK: return
func.func @measured(%v: memref<1152xf32>, %m: memref<1152xi16>, %x: memref<9x48xf32>, %n: index) -> (memref<9x48xf32>, memref<9x48xf32>) {
  %y = memref.alloc() : memref<9x48xf32>
  nm.measure_memory %n
  nm.measure_begin 0
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<1152xf32>, memref<1152xi16>)
      of tensor<48x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) outs(%y : memref<9x48xf32>)
  nm.measure_end 0 work(%n, %n, %n)
  %z = memref.alloc() : memref<9x48xf32>
  nm.measure_begin 1
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<1152xf32>, memref<1152xi16>)
      of tensor<48x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<9x48xf32>) outs(%z : memref<9x48xf32>)
  nm.measure_end 1 work(%n, %n, %n)
  return %y, %z : memref<9x48xf32>, memref<9x48xf32>
}

// -----

// Both kernels in both products, one buffer for what either reads: the columns decide.
// CHECK-LABEL: func @run_time
// CHECK: %[[FEW:.+]] = arith.cmpi ule, %{{.+}}, %c6
// CHECK: %[[SIZE:.+]] = arith.select %[[FEW]]
// CHECK: %[[PACKED:.+]] = memref.alloc(%[[SIZE]]) {alignment = 64 : i64} : memref<?xf32>
// CHECK: scf.if %[[FEW]]
// CHECK: scf.if %[[FEW]]
// CHECK: } else {
// CHECK-NOT: memref.alloc(%
// CHECK: memref.dealloc %[[PACKED]]
func.func @run_time(%v: memref<6144xf32>, %m: memref<7680xi8>, %x: memref<?x64xf32>, %n: index) -> (memref<?x96xf32>, memref<?x96xf32>) {
  %y = memref.alloc(%n) : memref<?x96xf32>
  %z = memref.alloc(%n) : memref<?x96xf32>
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<6144xf32>, memref<7680xi8>)
      of tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>> layout lane_panel<lanes = 8, rows = 3, cols = 32, depth = 64>
      ins(%x : memref<?x64xf32>) outs(%y : memref<?x96xf32>)
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<6144xf32>, memref<7680xi8>)
      of tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>> layout lane_panel<lanes = 8, rows = 3, cols = 32, depth = 64>
      ins(%x : memref<?x64xf32>) outs(%z : memref<?x96xf32>)
  return %y, %z : memref<?x96xf32>, memref<?x96xf32>
}
