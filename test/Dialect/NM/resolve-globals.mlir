// RUN: nm-opt %s --nm-resolve-globals --split-input-file --verify-diagnostics | FileCheck %s

// The seed that exporters declare and nothing reads.
// CHECK-LABEL: module @unused
// CHECK-NOT: ml_program
module @unused {
  ml_program.global private mutable @global_seed(dense<0> : tensor<i64>) : tensor<i64>
}

// -----

// CHECK-LABEL: func.func @constants
// CHECK-DAG: %[[A:.+]] = arith.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK-DAG: %[[B:.+]] = arith.constant dense<7> : tensor<i64>
// CHECK-DAG: %[[C:.+]] = arith.constant 4 : i32
// CHECK-DAG: %[[D:.+]] = tensor.cast %{{.+}} : tensor<2xf32> to tensor<?xf32>
// CHECK: return %[[A]], %[[B]], %[[C]], %[[D]]
ml_program.global private @table(dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
ml_program.global private mutable @seed(dense<7> : tensor<i64>) : tensor<i64>
ml_program.global private @count(4 : i32) : i32
ml_program.global private @open(dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<?xf32>
func.func @constants() -> (tensor<2xf32>, tensor<i64>, i32, tensor<?xf32>) {
  %a = ml_program.global_load_const @table : tensor<2xf32>
  %b = ml_program.global_load @seed : tensor<i64>
  %c = ml_program.global_load_const @count : i32
  %d = ml_program.global_load_const @open : tensor<?xf32>
  return %a, %b, %c, %d : tensor<2xf32>, tensor<i64>, i32, tensor<?xf32>
}

// -----

// CHECK-LABEL: func.func @external
// CHECK: nm.param "fc.weight" : tensor<4x8xf32>
ml_program.global private @fc.weight(#ml_program.extern : tensor<4x8xf32>) : tensor<4x8xf32>
func.func @external() -> tensor<4x8xf32> {
  %w = ml_program.global_load_const @fc.weight : tensor<4x8xf32>
  return %w : tensor<4x8xf32>
}

// -----

// expected-note @below {{the global}}
ml_program.global private mutable @step(dense<0> : tensor<i64>) : tensor<i64>
func.func @state(%x: tensor<i64>) {
  // expected-error @below {{keeps state between calls in global 'step', expected a function of its arguments alone; pass the state in as an argument and return it as a result}}
  ml_program.global_store @step = %x : tensor<i64>
  return
}

// -----

ml_program.global private mutable @undefined : tensor<4xf32>
func.func @undefined_value() -> tensor<4xf32> {
  // expected-error @below {{loads global 'undefined', which has no initial value}}
  %x = ml_program.global_load @undefined : tensor<4xf32>
  return %x : tensor<4xf32>
}

// -----

ml_program.global private @dynamic(#ml_program.extern : tensor<?xf32>) : tensor<?xf32>
func.func @external_dynamic() -> tensor<?xf32> {
  // expected-error @below {{loads external global 'dynamic' of type 'tensor<?xf32>', expected a tensor of static shape for a parameter of the checkpoint}}
  %x = ml_program.global_load_const @dynamic : tensor<?xf32>
  return %x : tensor<?xf32>
}

// -----

ml_program.global private @text("hello") : !ml_program.token
func.func @no_number() -> !ml_program.token {
  // expected-error @below {{expected a number or a tensor of numbers}}
  %x = ml_program.global_load_const @text : !ml_program.token
  return %x : !ml_program.token
}
