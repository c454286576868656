// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RUN: nm-opt %s --nm-grow-caches --nm-quantize-caches --canonicalize --split-input-file --verify-diagnostics | FileCheck %s
//
// Caches in the memory of arguments become rows of eight bits; what is inserted is quantised, what reads them reads numbers.

// CHECK-LABEL: func.func @concat(
// CHECK-SAME: %[[PAST:.*]]: tensor<2x3x?x12xi8> {{{.*}}}, %[[NEW:.*]]: tensor<2x3x?x8xf32>, %[[ROWS:.*]]: index
// CHECK-SAME: -> (tensor<2x3x?x8xf32>, tensor<2x3x?x12xi8>, index)
// CHECK: %[[BYTES:.*]] = flat.quantize_rows %[[NEW]] : tensor<2x3x?x8xf32> -> tensor<2x3x?x12xi8>
// CHECK: %[[FULL:.*]] = tensor.insert_slice %[[BYTES]] into %[[PAST]][0, 0, %[[ROWS]], 0] [2, 3, %{{.*}}, 12]
// CHECK: %[[NOW:.*]] = tensor.extract_slice %[[FULL]][0, 0, 0, 0] [2, 3, %{{.*}}, 12]
// CHECK: %[[X:.*]] = flat.dequantize_rows %[[NOW]] {cache = "past"} : tensor<2x3x?x12xi8> -> tensor<2x3x?x8xf32>
// CHECK: %[[Y:.*]] = math.exp %[[X]]
// CHECK: return %[[Y]], %[[FULL]]
func.func @concat(%past: tensor<2x3x?x8xf32> {nm.in_place = 1 : i64, nm.name = "past"}, %new: tensor<2x3x?x8xf32>)
    -> (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>) {
  %now = tensor.concat dim(2) %past, %new : (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>) -> tensor<2x3x?x8xf32>
  %y = math.exp %now : tensor<2x3x?x8xf32>
  return %y, %now : tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>
}

// -----

// A loop over batches, sizes of the cache, and a cache beside it that stays.
// CHECK-LABEL: func.func @loop(
// CHECK-SAME: %[[C:.*]]: tensor<2x9x12xi8> {nm.in_place = 0 : i64}, %[[X:.*]]: tensor<2x1x8xf16>
// CHECK: scf.for {{.*}} iter_args(%[[INTO:.*]] = %[[C]]) -> (tensor<2x9x12xi8>)
// CHECK: %[[ROW:.*]] = flat.quantize_rows %{{.*}} : tensor<1x1x8xf16> -> tensor<1x1x12xi8>
// CHECK: tensor.insert_slice %[[ROW]] into %[[INTO]][%{{.*}}, 4, 0] [1, 1, 12]
// CHECK: return %{{.*}}, %c8{{.*}} : tensor<2x9x12xi8>, index
func.func @loop(%c: tensor<2x9x8xf16> {nm.in_place = 0 : i64}, %x: tensor<2x1x8xf16>) -> (tensor<2x9x8xf16>, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %r = scf.for %b = %c0 to %c2 step %c1 iter_args(%into = %c) -> (tensor<2x9x8xf16>) {
    %row = tensor.extract_slice %x[%b, 0, 0] [1, 1, 8] [1, 1, 1] : tensor<2x1x8xf16> to tensor<1x1x8xf16>
    %next = tensor.insert_slice %row into %into[%b, 4, 0] [1, 1, 8] [1, 1, 1] : tensor<1x1x8xf16> into tensor<2x9x8xf16>
    scf.yield %next : tensor<2x9x8xf16>
  }
  %d = tensor.dim %r, %c2 : tensor<2x9x8xf16>
  return %r, %d : tensor<2x9x8xf16>, index
}

// -----

// expected-error @below {{the cache 'past' of function 'computed' cannot be held in i8: it is written by 'math.exp', expected whole rows that a loop or a concatenation inserts}}
func.func @computed(%past: tensor<2x9x8xf32> {nm.in_place = 0 : i64, nm.name = "past"}) -> tensor<2x9x8xf32> {
  // expected-note @below {{it is written here}}
  %y = math.exp %past : tensor<2x9x8xf32>
  return %y : tensor<2x9x8xf32>
}

// -----

// A part of each row.
// expected-error @below {{the cache 'arg0' of function 'columns' cannot be held in i8: it is written by 'tensor.insert_slice'}}
func.func @columns(%past: tensor<2x9x8xf32> {nm.in_place = 0 : i64}, %x: tensor<2x9x1xf32>) -> tensor<2x9x8xf32> {
  // expected-note @below {{it is written here}}
  %y = tensor.insert_slice %x into %past[0, 0, 3] [2, 9, 1] [1, 1, 1] : tensor<2x9x1xf32> into tensor<2x9x8xf32>
  return %y : tensor<2x9x8xf32>
}

// -----

// expected-error @below {{cannot be held in i8: it has elements of 'i64', expected f32, f16 or bf16}}
func.func @integers(%past: tensor<2x9xi64> {nm.in_place = 0 : i64}) -> tensor<2x9xi64> {
  return %past : tensor<2x9xi64>
}

// -----

// expected-error @below {{cannot be held in i8: it is 'tensor<2x?xf32>', expected rows whose width, the last dimension, is known; give it with --size}}
func.func @open(%past: tensor<2x?xf32> {nm.in_place = 0 : i64}) -> tensor<2x?xf32> {
  return %past : tensor<2x?xf32>
}
