// RUN: nm-opt %s --nm-normalize-slices | FileCheck %s
// RUN: nm-opt %s --nm-to-cpu -o /dev/null

// CHECK-LABEL: func @extract
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 7, 4, 1] [1, 2, 1, 1]
func.func @extract(%x: tensor<1x13x4x3xf32>) -> tensor<1x7x4xf32> {
  %s = tensor.extract_slice %x[0, 0, 0, 0] [1, 7, 4, 1] [2, 2, 1, 1] : tensor<1x13x4x3xf32> to tensor<1x7x4xf32>
  %e = tensor.empty() : tensor<1x7x4xf32>
  %y = linalg.exp ins(%s : tensor<1x7x4xf32>) outs(%e : tensor<1x7x4xf32>) -> tensor<1x7x4xf32>
  return %y : tensor<1x7x4xf32>
}

// CHECK-LABEL: func @insert
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 2, 1] [1, 5, 1] [1, 2, 1]
func.func @insert(%x: tensor<5xf32>, %d: tensor<3x12x4xf32>) -> tensor<3x12x4xf32> {
  %e = tensor.empty() : tensor<5xf32>
  %y = linalg.exp ins(%x : tensor<5xf32>) outs(%e : tensor<5xf32>) -> tensor<5xf32>
  %i = tensor.insert_slice %y into %d[0, 2, 1] [1, 5, 1] [3, 2, 2] : tensor<5xf32> into tensor<3x12x4xf32>
  return %i : tensor<3x12x4xf32>
}
