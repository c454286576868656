// Calls of functions that hold attention are inlined, its region with it.

// RUN: nm-opt %s --inline | FileCheck %s

func.func private @layer(%q: tensor<1x2x5x8xf32>, %k: tensor<1x1x5x8xf32>) -> tensor<1x2x5x8xf32> {
  %e = tensor.empty() : tensor<1x2x5x8xf32>
  %r = flat.attention ins(%q, %k, %k : tensor<1x2x5x8xf32>, tensor<1x1x5x8xf32>, tensor<1x1x5x8xf32>) scale(0.25)
      outs(%e : tensor<1x2x5x8xf32>)
      score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %low = arith.constant 0xFF800000 : f32
      %past = arith.cmpi sle, %j, %i : index
      %t = arith.select %past, %s, %low : f32
      flat.yield %t : f32
    } -> tensor<1x2x5x8xf32>
  return %r : tensor<1x2x5x8xf32>
}

// CHECK-LABEL: func.func @model(
// CHECK-SAME: %[[Q:.*]]: tensor<1x2x5x8xf32>, %[[K:.*]]: tensor<1x1x5x8xf32>
// CHECK-NOT: call
// CHECK: %[[R:.*]] = flat.attention ins(%[[Q]], %[[K]], %[[K]]
// CHECK: arith.select
// CHECK: flat.yield
// CHECK: %[[S:.*]] = flat.attention ins(%[[R]], %[[K]], %[[K]]
// CHECK-NOT: call
// CHECK: return %[[S]]
func.func @model(%q: tensor<1x2x5x8xf32>, %k: tensor<1x1x5x8xf32>) -> tensor<1x2x5x8xf32> {
  %0 = call @layer(%q, %k) : (tensor<1x2x5x8xf32>, tensor<1x1x5x8xf32>) -> tensor<1x2x5x8xf32>
  %1 = call @layer(%0, %k) : (tensor<1x2x5x8xf32>, tensor<1x1x5x8xf32>) -> tensor<1x2x5x8xf32>
  return %1 : tensor<1x2x5x8xf32>
}
