// RUN: nm-opt %s --nm-rearrange-weights | FileCheck %s
// RUN: nm-opt %s --nm-rearrange-weights --remarks-filter=nm-rearrange-weights -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// The kernel of a convolution as a matrix of taps by channels: the loader turns it.
// CHECK-LABEL: func @kernel
// CHECK: %[[W:.*]] = nm.param "{\22rearrange\22:{\22key\22:\22w\22,\22dtype\22:\22f32\22,\22shape\22:[8,4,3,2],\22strides\22:[24,2,1,6]},\22loops\22:[8,3,2,4],\22shape\22:[8,24]}" in "s" : tensor<8x24xf32>
// CHECK-NOT: linalg.transpose
// CHECK: linalg.matmul ins(%[[W]]
// REMARK: [Passed] rearranged | Category:nm-rearrange-weights | key=w
func.func @kernel(%x: tensor<24x5xf32>, %o: tensor<8x5xf32>) -> tensor<8x5xf32> {
  %w = nm.param "w" in "s" : tensor<8x4x3x2xf32>
  %e = tensor.empty() : tensor<8x3x2x4xf32>
  %t = linalg.transpose ins(%w : tensor<8x4x3x2xf32>) outs(%e : tensor<8x3x2x4xf32>) permutation = [0, 2, 3, 1]
  %m = tensor.collapse_shape %t [[0], [1, 2, 3]] : tensor<8x3x2x4xf32> into tensor<8x24xf32>
  %y = linalg.matmul ins(%m, %x : tensor<8x24xf32>, tensor<24x5xf32>) outs(%o : tensor<8x5xf32>) -> tensor<8x5xf32>
  return %y : tensor<8x5xf32>
}

// Of one tap: the matrix is what is stored.
// CHECK-LABEL: func @pointwise
// CHECK: nm.param "{\22rearrange\22:{\22key\22:\22w\22,\22dtype\22:\22f32\22,\22shape\22:[8,4,1,1],\22strides\22:[4,1,1,1]},\22loops\22:[8,4,1,1],\22shape\22:[8,4]}" : tensor<8x4xf32>
func.func @pointwise(%x: tensor<4x5xf32>, %o: tensor<8x5xf32>) -> tensor<8x5xf32> {
  %w = nm.param "w" : tensor<8x4x1x1xf32>
  %m = tensor.collapse_shape %w [[0], [1, 2, 3]] : tensor<8x4x1x1xf32> into tensor<8x4xf32>
  %y = linalg.matmul ins(%m, %x : tensor<8x4xf32>, tensor<4x5xf32>) outs(%o : tensor<8x5xf32>) -> tensor<8x5xf32>
  return %y : tensor<8x5xf32>
}

// What nm-raise reads through by itself stays.
// CHECK-LABEL: func @transposed
// CHECK: nm.param "w" : tensor<8x4xf32>
func.func @transposed(%x: tensor<5x4xf32>, %o: tensor<5x8xf32>) -> tensor<5x8xf32> {
  %w = nm.param "w" : tensor<8x4xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<5x4xf32>, tensor<4x8xf32>) outs(%o : tensor<5x8xf32>) -> tensor<5x8xf32>
  return %y : tensor<5x8xf32>
}

// A computation is no rearrangement, and neither is an argument.
// CHECK-LABEL: func @others
// CHECK: nm.param "w" : tensor<8x2x2xf32>
// CHECK: math.absf
// CHECK: tensor.collapse_shape %{{.*}} : tensor<4x5x1xf32>
func.func @others(%x: tensor<4x5x1xf32>, %o: tensor<8x5xf32>) -> tensor<8x5xf32> {
  %w = nm.param "w" : tensor<8x2x2xf32>
  %e = tensor.empty() : tensor<8x2x2xf32>
  %a = linalg.map { math.absf } ins(%w : tensor<8x2x2xf32>) outs(%e : tensor<8x2x2xf32>)
  %m = tensor.collapse_shape %a [[0], [1, 2]] : tensor<8x2x2xf32> into tensor<8x4xf32>
  %c = tensor.collapse_shape %x [[0], [1, 2]] : tensor<4x5x1xf32> into tensor<4x5xf32>
  %y = linalg.matmul ins(%m, %c : tensor<8x4xf32>, tensor<4x5xf32>) outs(%o : tensor<8x5xf32>) -> tensor<8x5xf32>
  return %y : tensor<8x5xf32>
}
