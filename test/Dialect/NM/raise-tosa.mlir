// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(tosa-to-linalg-named,tosa-to-linalg,tosa-to-tensor,tosa-to-arith,nm-raise,nm-fuse-epilogue))' | FileCheck %s

// A fully connected layer as TFLite's importer leaves it in TOSA: rank 3, the
// constant weight with a batch of one, the bias added with a unit row.
// CHECK-LABEL: func.func @fully_connected
// CHECK-SAME: (%[[X:.+]]: tensor<1x3x4xf32>)
// CHECK: %[[S:.+]] = nm.compress %{{.+}} : tensor<4x2xf32> to tensor<4x2xf32, #nm.sparsity<1:4, axis = 0>>
// CHECK: nm.matmul ins(%[[X]], %[[S]] :
// CHECK-SAME: epilogue(%{{.+}} : tensor<2xf32>)
// CHECK: arith.addf
// CHECK-NOT: linalg.{{generic|batch_matmul}}
func.func @fully_connected(%x: tensor<1x3x4xf32>) -> tensor<1x3x2xf32> {
  %w = "tosa.const"() <{values = dense<[[[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 2.0]]]> : tensor<1x4x2xf32>}> : () -> tensor<1x4x2xf32>
  %b = "tosa.const"() <{values = dense<[[[1.0, 2.0]]]> : tensor<1x1x2xf32>}> : () -> tensor<1x1x2xf32>
  %zp = "tosa.const"() <{values = dense<0.0> : tensor<1xf32>}> : () -> tensor<1xf32>
  %0 = tosa.matmul %x, %w, %zp, %zp : (tensor<1x3x4xf32>, tensor<1x4x2xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x3x2xf32>
  %1 = tosa.add %0, %b : (tensor<1x3x2xf32>, tensor<1x1x2xf32>) -> tensor<1x3x2xf32>
  return %1 : tensor<1x3x2xf32>
}

// A parameter and a transpose in TOSA.
// CHECK-LABEL: func.func @transposed
// CHECK-SAME: (%[[X:.+]]: tensor<1x3x4xf32>)
// CHECK: %[[W:.+]] = nm.param "w" : tensor<1x2x4xf32, #nm.sparsity<2:4, axis = 2>>
// CHECK: nm.matmul transpose_rhs ins(%[[X]], %[[W]] :
func.func @transposed(%x: tensor<1x3x4xf32>) -> tensor<1x3x2xf32> {
  %p = nm.param "w" : tensor<1x2x4xf32, #nm.sparsity<2:4, axis = 2>>
  %w = nm.decompress %p : tensor<1x2x4xf32, #nm.sparsity<2:4, axis = 2>> to tensor<1x2x4xf32>
  %zp = "tosa.const"() <{values = dense<0.0> : tensor<1xf32>}> : () -> tensor<1xf32>
  %t = tosa.transpose %w {perms = array<i32: 0, 2, 1>} : (tensor<1x2x4xf32>) -> tensor<1x4x2xf32>
  %0 = tosa.matmul %x, %t, %zp, %zp : (tensor<1x3x4xf32>, tensor<1x4x2xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x3x2xf32>
  return %0 : tensor<1x3x2xf32>
}
