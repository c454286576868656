// Calls of functions that hold operations of nm are inlined.

// RUN: nm-opt %s --inline | FileCheck %s
// RUN: nm-opt %s --nm-to-cpu | FileCheck %s --check-prefix=CPU

// CPU-NOT: @project
// CPU: llvm.func @_mlir_ciface_model
// CPU-NOT: @project

func.func private @project(%x: tensor<8x16xf32>, %c: tensor<8x12xf32>) -> tensor<8x12xf32> {
  %w = nm.param "w" : tensor<16x12xf32, #nm.sparsity<2:4, axis = 0>>
  %y = nm.matmul ins(%x, %w : tensor<8x16xf32>, tensor<16x12xf32, #nm.sparsity<2:4, axis = 0>>) outs(%c : tensor<8x12xf32>) -> tensor<8x12xf32>
  return %y : tensor<8x12xf32>
}

func.func private @dense(%x: tensor<8x16xf32>, %c: tensor<8x12xf32>) -> tensor<8x12xf32> {
  %w = nm.param "v" : tensor<16x12xf32, #nm.sparsity<2:4, axis = 0>>
  %d = nm.decompress %w : tensor<16x12xf32, #nm.sparsity<2:4, axis = 0>> to tensor<16x12xf32>
  %y = nm.matmul ins(%x, %d : tensor<8x16xf32>, tensor<16x12xf32>) outs(%c : tensor<8x12xf32>) -> tensor<8x12xf32>
  return %y : tensor<8x12xf32>
}

// CHECK-LABEL: func.func @model(
// CHECK-SAME: %[[X:.*]]: tensor<8x16xf32>, %[[C:.*]]: tensor<8x12xf32>
// CHECK-NOT: call
// CHECK: %[[W:.*]] = nm.param "w"
// CHECK: %[[P:.*]] = nm.matmul ins(%[[X]], %[[W]]
// CHECK-SAME: outs(%[[C]]
// CHECK: %[[V:.*]] = nm.param "v"
// CHECK: %[[R:.*]] = nm.matmul ins(%[[X]], %[[V]]
// CHECK-SAME: outs(%[[P]]
// CHECK-NOT: call
// CHECK: return %[[R]]
func.func @model(%x: tensor<8x16xf32>, %c: tensor<8x12xf32>) -> tensor<8x12xf32> {
  %0 = call @project(%x, %c) : (tensor<8x16xf32>, tensor<8x12xf32>) -> tensor<8x12xf32>
  %1 = call @dense(%x, %0) : (tensor<8x16xf32>, tensor<8x12xf32>) -> tensor<8x12xf32>
  return %1 : tensor<8x12xf32>
}
