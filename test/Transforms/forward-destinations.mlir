// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(nm-forward-destinations))' | FileCheck %s

// CHECK-LABEL: func.func @tensors
// CHECK-SAME: (%[[X:.+]]: tensor<4xf32>, %{{.+}}: tensor<4xf32>, %{{.+}}: tensor<?xf32>)
// CHECK-NOT: materialize_in_destination
// CHECK: %[[Y:.+]] = tensor.cast %[[X]] : tensor<4xf32> to tensor<?xf32>
// CHECK: return %[[X]], %[[Y]]
func.func @tensors(%x: tensor<4xf32>, %d: tensor<4xf32>, %e: tensor<?xf32>) -> (tensor<4xf32>, tensor<?xf32>) {
  %0 = bufferization.materialize_in_destination %x in %d : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = bufferization.materialize_in_destination %x in %e : (tensor<4xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0, %1 : tensor<4xf32>, tensor<?xf32>
}

// A write to a buffer is an effect.
// CHECK-LABEL: func.func @buffer
// CHECK: bufferization.materialize_in_destination
func.func @buffer(%x: tensor<4xf32>, %d: memref<4xf32>) {
  bufferization.materialize_in_destination %x in restrict writable %d : (tensor<4xf32>, memref<4xf32>) -> ()
  return
}
