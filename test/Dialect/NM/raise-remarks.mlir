// RUN: nm-opt %s --nm-raise --split-input-file --remarks-filter=nm-raise -o /dev/null 2>&1 | FileCheck %s
// RUN: nm-opt %s --nm-raise=dense --split-input-file | FileCheck %s --check-prefix=DENSE
// RUN: nm-opt %s --nm-raise=detect=false --split-input-file --remarks-filter=nm-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=DETECT

// CHECK: [Passed] raised | Category:nm-raise
// CHECK-SAME: from=linalg.matmul, known="declared by its type", pattern=2:4, result=20x32, weight=64x32
func.func @raised(%x: tensor<20x64xf32>, %s: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) -> tensor<20x32xf32> {
  %w = nm.decompress %s : tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// The pattern runs along the rows of the result.
// CHECK: [Missed] not-raised
// CHECK-SAME: lhs: it comes from a block argument; rhs: its pattern 2:4 (declared by its type) lies along dimension 1, the contraction is dimension 0
func.func @wrong_axis(%x: tensor<20x64xf32>, %s: tensor<64x32xf32, #nm.sparsity<2:4, axis = 1>>) -> tensor<20x32xf32> {
  %w = nm.decompress %s : tensor<64x32xf32, #nm.sparsity<2:4, axis = 1>> to tensor<64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// What stands between product and weight.
// CHECK: [Missed] not-raised
// CHECK-SAME: lhs: it comes from 'math.absf'; rhs: it comes from 'tensor.collapse_shape', which merges dimensions
func.func @obstacles(%x: tensor<20x64xf32>, %s: tensor<16x4x32xf32, #nm.sparsity<2:4, axis = 1>>) -> tensor<20x32xf32> {
  %a = math.absf %x : tensor<20x64xf32>
  %w = nm.decompress %s : tensor<16x4x32xf32, #nm.sparsity<2:4, axis = 1>> to tensor<16x4x32xf32>
  %c = tensor.collapse_shape %w [[0, 1], [2]] : tensor<16x4x32xf32> into tensor<64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%a, %c : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// CHECK: [Missed] not-raised
// CHECK-SAME: rhs: parameter 'w' is dense; nm-declare-sparsity finds its pattern in a checkpoint
// DENSE-LABEL: func.func @dense_param
// DENSE: %[[W:.+]] = nm.param "w" : tensor<32x64xf32, #nm.sparsity<1:1, axis = 1>>
// DENSE: nm.matmul transpose_rhs ins(%{{.+}}, %[[W]] :
func.func @dense_param(%x: tensor<20x64xf32>) -> tensor<20x32xf32> {
  %w = nm.param "w" : tensor<32x64xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>]
      ins(%x, %w : tensor<20x64xf32>, tensor<32x64xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// CHECK: [Missed] not-raised
// CHECK-SAME: rhs: its pattern 1:2 (found in the constant) lies along dimension 1, the contraction is dimension 0
// CHECK: [Missed] not-raised
// CHECK-SAME: rhs: it is a dense constant
// DETECT: [Missed] not-raised{{.*}} rhs: it is a constant, and detection is off
// DENSE-LABEL: func.func @constants
// DENSE: nm.compress %{{.+}} : tensor<4x2xf32> to tensor<4x2xf32, #nm.sparsity<1:1, axis = 0>>
func.func @constants(%x: tensor<3x4xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %c0 = arith.constant dense<[[1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 2.0]]> : tensor<4x2xf32>
  %w0 = arith.constant dense<[[1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]> : tensor<4x2xf32>
  %w1 = arith.constant dense<1.0> : tensor<4x2xf32>
  %zero = arith.constant dense<0.0> : tensor<3x2xf32>
  %0 = linalg.matmul ins(%x, %w0 : tensor<3x4xf32>, tensor<4x2xf32>) outs(%zero : tensor<3x2xf32>) -> tensor<3x2xf32>
  %1 = linalg.matmul ins(%x, %w1 : tensor<3x4xf32>, tensor<4x2xf32>) outs(%zero : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

// CHECK: [Missed] not-raised
// CHECK-SAME: it accumulates in f64, expected f32, bf16, f16 or i32
func.func @f64(%x: tensor<20x64xf64>, %w: tensor<64x32xf64>) -> tensor<20x32xf64> {
  %zero = arith.constant dense<0.0> : tensor<20x32xf64>
  %y = linalg.matmul ins(%x, %w : tensor<20x64xf64>, tensor<64x32xf64>) outs(%zero : tensor<20x32xf64>) -> tensor<20x32xf64>
  return %y : tensor<20x32xf64>
}

// -----

// CHECK: [Missed] not-raised
// CHECK-SAME: it sums over 2 dimensions, expected one
func.func @two_sums(%x: tensor<5x20x64xf32>, %s: tensor<5x64x32xf32, #nm.sparsity<2:4, axis = 1>>) -> tensor<20x32xf32> {
  %w = nm.decompress %s : tensor<5x64x32xf32, #nm.sparsity<2:4, axis = 1>> to tensor<5x64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.batch_reduce_matmul ins(%x, %w : tensor<5x20x64xf32>, tensor<5x64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// Unsigned extension is not what nm.matmul does.
// CHECK: [Missed] not-raised
// CHECK-SAME: the body is not a sum of products of exactly extended operands
func.func @unsigned(%x: tensor<20x64xi8>, %s: tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>>) -> tensor<20x32xi32> {
  %w = nm.decompress %s : tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xi8>
  %zero = arith.constant dense<0> : tensor<20x32xi32>
  %y = linalg.matmul {cast = #linalg.type_fn<cast_unsigned>} ins(%x, %w : tensor<20x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<20x32xi32>) -> tensor<20x32xi32>
  return %y : tensor<20x32xi32>
}

// -----

// CHECK: [Missed] not-raised
// CHECK-SAME: rhs: the other operand's dimensions are not [batch.., i, k] in either order of the last two
func.func @batch_in_the_middle(%x: tensor<20x2x64xf32>, %s: tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>) -> tensor<2x20x32xf32> {
  %w = nm.decompress %s : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>> to tensor<32x64xf32>
  %zero = arith.constant dense<0.0> : tensor<2x20x32xf32>
  %y = linalg.contract
      indexing_maps = [affine_map<(b, i, j, k) -> (i, b, k)>, affine_map<(b, i, j, k) -> (j, k)>, affine_map<(b, i, j, k) -> (b, i, j)>]
      ins(%x, %w : tensor<20x2x64xf32>, tensor<32x64xf32>) outs(%zero : tensor<2x20x32xf32>) -> tensor<2x20x32xf32>
  return %y : tensor<2x20x32xf32>
}

// -----

// A maximum of products is no matrix product: no remark.
// CHECK-NOT: remark
func.func @not_a_product(%x: tensor<20x64xf32>, %w: tensor<64x32xf32>) -> tensor<20x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.maximumf %c, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// A product that has its name already gets an encoded weight all the same.
// DENSE-LABEL: func.func @named
// DENSE: %[[W:.+]] = nm.param "w" : tensor<32x64xf32, #nm.sparsity<1:1, axis = 1>>
// DENSE: nm.matmul transpose_rhs ins(%{{.+}}, %[[W]] : tensor<20x64xf32>,
// DENSE: %[[V:.+]] = nm.param "v" : tensor<64x20xf32, #nm.sparsity<1:1, axis = 0>>
// DENSE: nm.matmul transpose_lhs ins(%[[V]], %{{.+}} :
func.func @named(%x: tensor<20x64xf32>, %y: tensor<64x8xf32>) -> (tensor<20x32xf32>, tensor<20x8xf32>) {
  %w = nm.param "w" : tensor<32x64xf32>
  %e = tensor.empty() : tensor<20x32xf32>
  %0 = nm.matmul transpose_rhs ins(%x, %w : tensor<20x64xf32>, tensor<32x64xf32>) outs(%e : tensor<20x32xf32>) -> tensor<20x32xf32>
  %v = nm.param "v" : tensor<64x20xf32>
  %e1 = tensor.empty() : tensor<20x8xf32>
  %1 = nm.matmul transpose_lhs ins(%v, %y : tensor<64x20xf32>, tensor<64x8xf32>) outs(%e1 : tensor<20x8xf32>) -> tensor<20x8xf32>
  return %0, %1 : tensor<20x32xf32>, tensor<20x8xf32>
}
