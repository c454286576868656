// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RUN: nm-opt %s --nm-grow-caches --canonicalize --split-input-file --verify-diagnostics | FileCheck %s
// RUN: nm-opt %s --nm-grow-caches --split-input-file --verify-diagnostics --mlir-print-op-generic | FileCheck %s --check-prefix=ATTRS
//
// Caches that grow by a concatenation become memory with room and a number of rows; other arguments stay.

// ATTRS: nm.grows = 2 : i64, nm.in_place = 1 : i64, nm.name = "past", nm.rows = 2 : i64
// ATTRS-SAME: nm.name = "rows of past"

// CHECK-LABEL: func.func @concat(
// CHECK-SAME: %[[PAST:.*]]: tensor<2x3x?x8xf32> {{{.*}}}, %[[NEW:.*]]: tensor<2x3x?x8xf32>, %[[ROWS:.*]]: index {nm.name = "rows of past"})
// CHECK-SAME: -> (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>, index)
// CHECK: %[[L:.*]] = tensor.dim %[[NEW]]
// CHECK: %[[FULL:.*]] = tensor.insert_slice %[[NEW]] into %[[PAST]][0, 0, %[[ROWS]], 0] [2, 3, %[[L]], 8]
// CHECK: %[[TOTAL:.*]] = arith.addi %[[ROWS]], %[[L]]
// CHECK: %[[NOW:.*]] = tensor.extract_slice %[[FULL]][0, 0, 0, 0] [2, 3, %[[TOTAL]], 8]
// CHECK: %[[Y:.*]] = math.exp %[[NOW]]
// CHECK: return %[[Y]], %[[FULL]], %[[TOTAL]]
func.func @concat(%past: tensor<2x3x?x8xf32> {nm.in_place = 1 : i64, nm.name = "past"}, %new: tensor<2x3x?x8xf32>)
    -> (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>) {
  %now = tensor.concat dim(2) %past, %new : (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>) -> tensor<2x3x?x8xf32>
  %y = math.exp %now : tensor<2x3x?x8xf32>
  return %y, %now : tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>
}

// -----

// Three pieces, as TOSA has them, and a reader of the past and of its size.
// CHECK-LABEL: func.func @tosa(
// CHECK-SAME: %[[PAST:.*]]: tensor<2x?x8xf32> {{{.*}}}, %[[A:.*]]: tensor<2x1x8xf32>, %[[ROWS:.*]]: index
// CHECK-DAG: %[[OLD:.*]] = tensor.extract_slice %[[PAST]][0, 0, 0] [2, %[[ROWS]], 8]
// CHECK-DAG: %[[ONE:.*]] = tensor.insert_slice %[[A]] into %[[PAST]][0, %[[ROWS]], 0] [2, 1, 8]
// CHECK: %[[NEXT:.*]] = arith.addi %[[ROWS]], %{{.*}}
// CHECK: %[[FULL:.*]] = tensor.insert_slice %[[A]] into %[[ONE]][0, %[[NEXT]], 0] [2, 1, 8]
// CHECK: %[[TOTAL:.*]] = arith.addi %[[ROWS]], %{{.*}}
// CHECK: return %[[FULL]], %{{.*}}, %[[ROWS]], %[[TOTAL]]
func.func @tosa(%past: tensor<2x?x8xf32> {nm.in_place = 0 : i64}, %a: tensor<2x1x8xf32>)
    -> (tensor<2x?x8xf32>, tensor<2x?x8xf32>, index) {
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %past, %c1 : tensor<2x?x8xf32>
  %now = tosa.concat %past, %a, %a {axis = 1 : i32} : (tensor<2x?x8xf32>, tensor<2x1x8xf32>, tensor<2x1x8xf32>) -> tensor<2x?x8xf32>
  %y = math.exp %past : tensor<2x?x8xf32>
  return %now, %y, %rows : tensor<2x?x8xf32>, tensor<2x?x8xf32>, index
}

// -----

// Nothing is there yet: the cache is not among the pieces.
// CHECK-LABEL: func.func @empty(
// CHECK-SAME: %[[PAST:.*]]: tensor<2x?x8xf32> {{{.*}}}, %[[NEW:.*]]: tensor<2x4x8xf32>, %[[ROWS:.*]]: index
// CHECK: %[[FULL:.*]] = tensor.insert_slice %{{.*}} into %[[PAST]][0, %[[ROWS]], 0] [2, 4, 8]
// CHECK: return %[[FULL]]
func.func @empty(%past: tensor<2x0x8xf32> {nm.in_place = 0 : i64}, %new: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %y = math.exp %new : tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// -----

// Pieces that leave a gap, or come before the cache, are no growth.
// CHECK-LABEL: func.func @gap(
// CHECK-NOT: index
// CHECK: return
func.func @gap(%past: tensor<2x3x8xf32> {nm.in_place = 0 : i64}, %new: tensor<2x1x8xf32>) -> tensor<2x5x8xf32> {
  %e = tensor.empty() : tensor<2x5x8xf32>
  %a = tensor.insert_slice %past into %e[0, 0, 0] [2, 3, 8] [1, 1, 1] : tensor<2x3x8xf32> into tensor<2x5x8xf32>
  %b = tensor.insert_slice %new into %a[0, 4, 0] [2, 1, 8] [1, 1, 1] : tensor<2x1x8xf32> into tensor<2x5x8xf32>
  return %b : tensor<2x5x8xf32>
}

// -----

// CHECK-LABEL: func.func @before(
// CHECK-NOT: index
// CHECK: return
func.func @before(%past: tensor<2x?x8xf32> {nm.in_place = 0 : i64}, %new: tensor<2x?x8xf32>) -> tensor<2x?x8xf32> {
  %now = tensor.concat dim(1) %new, %past : (tensor<2x?x8xf32>, tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  return %now : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{result 0 of function 'first' grows behind argument 'past' in dimension 0, where no stride tells how much room an array has}}
func.func @first(%past: tensor<?x8xf32> {nm.in_place = 0 : i64, nm.name = "past"}, %new: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %now = tensor.concat dim(0) %past, %new : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %now : tensor<?x8xf32>
}

// -----

// One branch puts rows behind those in use, the other begins anew.
// CHECK-LABEL: func.func @branches(
// CHECK-SAME: %[[C:.*]]: i1, %[[PAST:.*]]: tensor<2x3x?x8xf32> {{{.*}}}, %[[NEW:.*]]: tensor<2x3x?x8xf32>, %[[ROWS:.*]]: index {nm.name = "rows of past"})
// CHECK: %[[R:.*]]:3 = scf.if %[[C]] -> (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>, index) {
// CHECK: %[[FULL:.*]] = tensor.insert_slice %[[NEW]] into %[[PAST]][0, 0, %[[ROWS]], 0] [2, 3, %[[L:.*]], 8]
// CHECK: %[[TOTAL:.*]] = arith.addi %[[ROWS]], %[[L]]
// CHECK: %[[NOW:.*]] = tensor.extract_slice %[[FULL]][0, 0, 0, 0] [2, 3, %[[TOTAL]], 8]
// CHECK: %[[Y:.*]] = math.exp %[[NOW]]
// CHECK: scf.yield %[[Y]], %[[FULL]], %[[TOTAL]]
// CHECK: } else {
// CHECK: %[[E:.*]] = math.exp %[[NEW]]
// CHECK: %[[K:.*]] = tensor.dim %[[E]]
// CHECK: %[[FIRST:.*]] = tensor.insert_slice %[[E]] into %[[PAST]][0, 0, 0, 0] [2, 3, %[[K]], 8]
// CHECK: scf.yield %{{.*}}, %[[FIRST]], %[[K]]
// CHECK: return %[[R]]#0, %[[R]]#1, %[[R]]#2
func.func @branches(%c: i1, %past: tensor<2x3x?x8xf32> {nm.in_place = 1 : i64, nm.name = "past"}, %new: tensor<2x3x?x8xf32>)
    -> (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>) {
  %r:2 = scf.if %c -> (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>) {
    %now = tensor.concat dim(2) %past, %new : (tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>) -> tensor<2x3x?x8xf32>
    %y = math.exp %now : tensor<2x3x?x8xf32>
    scf.yield %y, %now : tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>
  } else {
    %now = math.exp %new : tensor<2x3x?x8xf32>
    %y = math.exp %now : tensor<2x3x?x8xf32>
    scf.yield %y, %now : tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>
  }
  return %r#0, %r#1 : tensor<2x3x?x8xf32>, tensor<2x3x?x8xf32>
}

// -----

// The other branch leaves the cache as it is; what reads the result behind reads the rows in use.
// CHECK-LABEL: func.func @left(
// CHECK-SAME: %[[C:.*]]: i1, %[[PAST:.*]]: tensor<2x?x8xf32> {{{.*}}}, %[[NEW:.*]]: tensor<2x1x8xf32>, %[[ROWS:.*]]: index
// CHECK: %[[R:.*]]:2 = scf.if
// CHECK: scf.yield %{{.*}}, %{{.*}} : tensor<2x?x8xf32>, index
// CHECK: scf.yield %[[PAST]], %[[ROWS]]
// CHECK: %[[NOW:.*]] = tensor.extract_slice %[[R]]#0[0, 0, 0] [2, %[[R]]#1, 8]
// CHECK: math.exp %[[NOW]]
// CHECK: return %[[R]]#0, %{{.*}}, %[[R]]#1
func.func @left(%c: i1, %past: tensor<2x?x8xf32> {nm.in_place = 0 : i64, nm.name = "past"}, %new: tensor<2x1x8xf32>)
    -> (tensor<2x?x8xf32>, tensor<2x?x8xf32>) {
  %r = scf.if %c -> tensor<2x?x8xf32> {
    %now = tensor.concat dim(1) %past, %new : (tensor<2x?x8xf32>, tensor<2x1x8xf32>) -> tensor<2x?x8xf32>
    scf.yield %now : tensor<2x?x8xf32>
  } else {
    scf.yield %past : tensor<2x?x8xf32>
  }
  %y = math.exp %r : tensor<2x?x8xf32>
  return %r, %y : tensor<2x?x8xf32>, tensor<2x?x8xf32>
}
