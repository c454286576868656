// RUN: nm-opt %s --nm-return-in-place --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @first(%arg0: memref<?xf32>, %arg1: memref<4xf32>) -> index
// CHECK: return %{{.*}} : index
func.func @first(%a: memref<?xf32> {nm.in_place = 2 : i64}, %b: memref<4xf32> {nm.in_place = 0 : i64}) -> (memref<4xf32>, index, memref<4xf32>) {
  %c = memref.cast %a : memref<?xf32> to memref<4xf32>
  %n = arith.constant 4 : index
  return %b, %n, %c : memref<4xf32>, index, memref<4xf32>
}

// -----

// Two caches change places.
// expected-error @below {{result 0 of function 'swap' cannot be written to the memory of argument 'arg0' without a copy: expected the argument with parts replaced}}
func.func @swap(%a: memref<4xf32> {nm.in_place = 0 : i64}, %b: memref<4xf32> {nm.in_place = 1 : i64}) -> (memref<4xf32>, memref<4xf32>) {
  return %b, %a : memref<4xf32>, memref<4xf32>
}

// -----

// expected-error @below {{result 0 of function 'anew' cannot be written to the memory of argument 'past' without a copy}}
func.func @anew(%a: memref<4xf32> {nm.in_place = 0 : i64, nm.name = "past"}) -> memref<4xf32> {
  %b = memref.alloc() : memref<4xf32>
  return %b : memref<4xf32>
}

// -----

// expected-error @below {{'nm.in_place' of argument 'arg0' is no number of a result of its own}}
func.func @number(%a: memref<4xf32> {nm.in_place = 1 : i64}) -> memref<4xf32> {
  return %a : memref<4xf32>
}

// -----

// expected-error @below {{'nm.in_place' of argument 'arg1' is no number of a result of its own}}
func.func @both(%a: memref<4xf32> {nm.in_place = 0 : i64}, %b: memref<4xf32> {nm.in_place = 0 : i64}) -> memref<4xf32> {
  return %a : memref<4xf32>
}

// -----

// expected-error @below {{function 'callee' writes results to arguments and is called in the module; expected callers from outside alone}}
func.func @callee(%a: memref<4xf32> {nm.in_place = 0 : i64}) -> memref<4xf32> {
  return %a : memref<4xf32>
}
func.func @caller(%a: memref<4xf32>) -> memref<4xf32> {
  %b = func.call @callee(%a) : (memref<4xf32>) -> memref<4xf32>
  return %b : memref<4xf32>
}
