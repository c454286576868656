// RUN: nm-opt %s --nm-bind-arguments --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @layer(%{{.+}}: tensor<2x8xf32>) -> (tensor<4x8xf32>, tensor<4xbf16>, tensor<2x8xf32>)
// CHECK-DAG: nm.param "fc.weight" : tensor<4x8xf32>
// CHECK-DAG: nm.param "fc.bias" in "adapter" : tensor<4xbf16>
func.func @layer(%w: tensor<4x8xf32> {nm.param = "fc.weight"}, %x: tensor<2x8xf32>,
                 %b: tensor<4xbf16> {nm.param = "fc.bias", nm.scope = "adapter"})
    -> (tensor<4x8xf32>, tensor<4xbf16>, tensor<2x8xf32>) {
  return %w, %b, %x : tensor<4x8xf32>, tensor<4xbf16>, tensor<2x8xf32>
}

// CHECK-LABEL: func.func @caller
// CHECK: call @layer(%{{.+}}) : (tensor<2x8xf32>) ->
func.func @caller(%w: tensor<4x8xf32>, %x: tensor<2x8xf32>, %b: tensor<4xbf16>) {
  func.call @layer(%w, %x, %b) : (tensor<4x8xf32>, tensor<2x8xf32>, tensor<4xbf16>)
    -> (tensor<4x8xf32>, tensor<4xbf16>, tensor<2x8xf32>)
  return
}

// -----

// expected-error @below {{argument 0 has 'nm.param' = 3 : i64, expected a key that is not empty}}
func.func @number(%w: tensor<4xf32> {nm.param = 3}) {
  return
}

// -----

// expected-error @below {{argument 0 has 'nm.param' = "", expected a key that is not empty}}
func.func @empty(%w: tensor<4xf32> {nm.param = ""}) {
  return
}

// -----

// expected-error @below {{argument 0 has 'nm.scope' = 3 : i64, expected a string}}
func.func @scope(%w: tensor<4xf32> {nm.param = "w", nm.scope = 3}) {
  return
}

// -----

// expected-error @below {{argument 1, bound to key 'w', has type 'tensor<?xf32>', expected a tensor of static shape}}
func.func @dynamic(%x: tensor<4xf32>, %w: tensor<?xf32> {nm.param = "w"}) {
  return
}

// -----

// expected-error @below {{argument 0 is bound to key 'w', but there is no body}}
func.func private @external(tensor<4xf32> {nm.param = "w"})

// -----

// expected-error @below {{has arguments that are bound to checkpoint keys, expected to be used by calls alone}}
func.func @target(%w: tensor<4xf32> {nm.param = "w"}) {
  return
}
func.func @pointer() {
  // expected-note @below {{another use}}
  %f = func.constant @target : (tensor<4xf32>) -> ()
  return
}
