// RUN: nm-opt %s --split-input-file --nm-raise=dense --nm-fuse-epilogue | FileCheck %s

// A product read through a map that says 0 for a dimension of size 1: the bias is fused as it is without.
// CHECK-LABEL: func.func @main(
// CHECK: nm.matmul
// CHECK-SAME: epilogue
// CHECK: arith.addf
// CHECK-NOT: linalg.generic
// CHECK: return
module {
  func.func @main(%arg0: tensor<1x9x16xf32>) -> tensor<1x9x8xf32> {
    %p1 = nm.param "w" : tensor<8x16xf32>
    %p2 = nm.param "b" : tensor<8xf32>
    %v3 = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<1x9x16xf32> into tensor<9x16xf32>
    %e4 = tensor.empty() : tensor<16x8xf32>
    %v5 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1, d0)>], iterator_types = ["parallel", "parallel"]} ins(%p1 : tensor<8x16xf32>) outs(%e4 : tensor<16x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<16x8xf32>
    %c6 = arith.constant 0.0 : f32
    %e7 = tensor.empty() : tensor<9x8xf32>
    %f8 = linalg.fill ins(%c6 : f32) outs(%e7 : tensor<9x8xf32>) -> tensor<9x8xf32>
    %v9 = linalg.matmul ins(%v3, %v5 : tensor<9x16xf32>, tensor<16x8xf32>) outs(%f8 : tensor<9x8xf32>) -> tensor<9x8xf32>
    %v10 = tensor.expand_shape %v9 [[0, 1], [2]] output_shape [1, 9, 8] : tensor<9x8xf32> into tensor<1x9x8xf32>
    %e12 = tensor.empty() : tensor<1x9x8xf32>
    %v11 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (0, d1, d2)>, affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%v10, %p2 : tensor<1x9x8xf32>, tensor<8xf32>) outs(%e12 : tensor<1x9x8xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %s = arith.addf %i, %j : f32
      linalg.yield %s : f32
    } -> tensor<1x9x8xf32>
    return %v11 : tensor<1x9x8xf32>
  }
}
