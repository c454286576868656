// Factors of generated code follow the description of the processor, by the
// expressions of docs/kernels.md. Each target is x86-64-avx2 with one fact
// changed.
//
// RUN: nm-opt %s --split-input-file --nm-linalg-to-loops --nm-select-layout --canonicalize | FileCheck %s
// RUN: nm-opt %s --split-input-file --nm-generate-kernels --kernel-lower-to-vector --canonicalize | FileCheck %s --check-prefix=KERNEL

// As many partial sums as an addition has cycles; 64 x 512 iterations are those
// from which threads pay.
// CHECK-LABEL: func @row_sum
// CHECK: scf.parallel
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>) {
module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768, l2 = 524288, l3 = 33554432, line = 64, cores = 2>} {
func.func @row_sum(%x: memref<64x512xf32>, %y: memref<64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<64x512xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  }
  return
}
}

// -----

// CHECK-LABEL: func @row_sum
// CHECK-NOT: scf.parallel
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>) {
// CHECK: }
// CHECK: %[[LAST:.+]] = arith.addf %[[SUMS:.+]]#1, %[[SUMS]]#2 : vector<8xf32>
// CHECK: arith.addf %[[SUMS]]#0, %[[LAST]] : vector<8xf32>
module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768, l2 = 524288, l3 = 33554432, line = 64, cores = 2, latency = 3, parallel = 2097216>} {
func.func @row_sum(%x: memref<64x512xf32>, %y: memref<64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<64x512xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  }
  return
}
}

// -----

// A long latency makes the ends of blocks dear: fewer vectors, deeper blocks.
// 1 + 1/4 + 34/(256/2) = 1.52 against 1 + 1/8 + 34/(128/2) = 1.66.
// CHECK-LABEL: func @panel
// CHECK: layout panel<rows = 4, cols = 16, depth = 256>
module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768, l2 = 524288, l3 = 33554432, line = 64, cores = 2, latency = 64>} {
func.func @panel(%x: tensor<128x3072xf32>) -> tensor<128x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<128x768xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<128x3072xf32>, tensor<768x3072xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<128x768xf32>) -> tensor<128x768xf32>
  return %y : tensor<128x768xf32>
}
}

// -----

// A tile of one sum is split into as many as 1.5 x 2 x 4 chains allow, at most 4.
// KERNEL-LABEL: func @narrow
// KERNEL: scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>) {
module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768, l2 = 524288, l3 = 33554432, line = 64, cores = 2>} {
func.func @narrow(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<16x48xf32>, %y: memref<16x96xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 1, cols = 8, depth = 48>
      ins(%x : memref<16x48xf32>) outs(%y : memref<16x96xf32>)
  return
}
}

// -----

// A tile of one sum is split into as many as 1.5 x 2 x 1 chains allow.
// KERNEL-LABEL: func @short
// KERNEL: scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>) {
module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768, l2 = 524288, l3 = 33554432, line = 64, cores = 2, latency = 1>} {
func.func @short(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<16x48xf32>, %y: memref<16x96xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 1, cols = 8, depth = 48>
      ins(%x : memref<16x48xf32>) outs(%y : memref<16x96xf32>)
  return
}
}
