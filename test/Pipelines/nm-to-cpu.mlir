// RUN: nm-opt %s --nm-to-packed | FileCheck %s --check-prefix=PACKED
// RUN: nm-opt %s --nm-to-packed=dense=true | FileCheck %s --check-prefix=DENSE
// RUN: nm-opt %s --nm-to-cpu | FileCheck %s
// RUN: nm-opt %s --nm-to-cpu=parallel=false | FileCheck %s --check-prefix=SEQUENTIAL
// RUN: nm-opt %s --nm-to-cpu=reference=true | FileCheck %s

// PACKED: nm.manifest
// PACKED: nm.packed_matmul {{.*}} of tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>>
// Weights without a pattern are packed as 1:1.
// PACKED: nm.packed_matmul {{.*}} of tensor<64x64xf32, #nm.sparsity<1:1, axis = 1>>
// PACKED: nm.packed_matmul {{.*}} of tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>>
// A declared pattern stays; those that constants happen to have are ignored when asked.
// DENSE: nm.packed_matmul {{.*}} of tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>>
// DENSE: nm.packed_matmul {{.*}} of tensor<64x64xf32, #nm.sparsity<1:1, axis = 1>>
// DENSE: nm.packed_matmul {{.*}} of tensor<2x4xf32, #nm.sparsity<1:1, axis = 1>>

// Everything is LLVM's, and the C interface is there.
// CHECK: nm.manifest
// CHECK: llvm.func @_mlir_ciface_linear
// CHECK-NOT: builtin.unrealized_conversion_cast
// SEQUENTIAL-NOT: omp.parallel
func.func @linear(%x: tensor<500x64xf32>) -> tensor<500x64xf32> {
  %zero = arith.constant 0.0 : f32
  %w = nm.param "w" : tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>>
  %d = nm.decompress %w : tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>> to tensor<64x64xf32>
  %te = tensor.empty() : tensor<64x64xf32>
  %t = linalg.transpose ins(%d : tensor<64x64xf32>) outs(%te : tensor<64x64xf32>) permutation = [1, 0]
  %e = tensor.empty() : tensor<500x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<500x64xf32>) -> tensor<500x64xf32>
  %y = linalg.matmul ins(%x, %t : tensor<500x64xf32>, tensor<64x64xf32>) outs(%f : tensor<500x64xf32>) -> tensor<500x64xf32>
  return %y : tensor<500x64xf32>
}

func.func @unpruned(%x: tensor<500x64xf32>, %f: tensor<500x64xf32>) -> tensor<500x64xf32> {
  %w = nm.param "v" : tensor<64x64xf32>
  %te = tensor.empty() : tensor<64x64xf32>
  %t = linalg.transpose ins(%w : tensor<64x64xf32>) outs(%te : tensor<64x64xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<500x64xf32>, tensor<64x64xf32>) outs(%f : tensor<500x64xf32>) -> tensor<500x64xf32>
  return %y : tensor<500x64xf32>
}

func.func @constant(%x: tensor<4x500xf32>, %f: tensor<2x500xf32>) -> tensor<2x500xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 0.0, 0.0], [0.0, 3.0, 0.0, 4.0]]> : tensor<2x4xf32>
  %y = linalg.matmul ins(%w, %x : tensor<2x4xf32>, tensor<4x500xf32>) outs(%f : tensor<2x500xf32>) -> tensor<2x500xf32>
  return %y : tensor<2x500xf32>
}
