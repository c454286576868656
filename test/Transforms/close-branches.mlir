// RUN: nm-opt %s --nm-close-loops | FileCheck %s

// Both branches write to memory made before them, whose size the condition chooses.
// CHECK-LABEL: func.func @sizes
// CHECK-SAME: %[[C:.*]]: i1, %[[X:.*]]: tensor<?xf32>, %[[Y:.*]]: tensor<?xf32>)
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[X]]
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[Y]]
// CHECK: %[[SIZE:.*]] = arith.select %[[C]], %{{.*}}, %{{.*}} : index
// CHECK: %[[ROOM:.*]] = bufferization.alloc_tensor(%[[SIZE]]) : tensor<?xf32>
// CHECK: %[[R:.*]] = scf.if %[[C]]
// CHECK: %[[A:.*]] = linalg.exp
// CHECK: %[[MA:.*]] = bufferization.materialize_in_destination %[[A]] in %[[ROOM]]
// CHECK: scf.yield %[[MA]]
// CHECK: %[[B:.*]] = linalg.exp
// CHECK: %[[MB:.*]] = bufferization.materialize_in_destination %[[B]] in %[[ROOM]]
// CHECK: scf.yield %[[MB]]
// CHECK: return %[[R]]
func.func @sizes(%c: i1, %x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %r = scf.if %c -> tensor<?xf32> {
    %e = tensor.empty(%n) : tensor<?xf32>
    %s = linalg.exp ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  } else {
    %m = tensor.dim %y, %c0 : tensor<?xf32>
    %e = tensor.empty(%m) : tensor<?xf32>
    %s = linalg.exp ins(%y : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// One that is changed or left has memory; what is handed on beside something new is copied.
// CHECK-LABEL: func.func @memory
// CHECK-SAME: %[[C:.*]]: i1, %[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
// CHECK: %[[ROOM:.*]] = bufferization.alloc_tensor() : tensor<4xf32>
// CHECK-NOT: alloc_tensor
// CHECK: scf.if
// CHECK: %[[S:.*]] = linalg.exp ins(%[[X]] : tensor<4xf32>) outs(%[[X]]
// CHECK: %[[A:.*]] = bufferization.materialize_in_destination %[[Y]] in %[[ROOM]]
// CHECK: scf.yield %[[S]], %[[A]]
// CHECK: %[[B:.*]] = bufferization.materialize_in_destination %{{.*}} in %[[ROOM]]
// CHECK: scf.yield %[[X]], %[[B]]
func.func @memory(%c: i1, %x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r:2 = scf.if %c -> (tensor<4xf32>, tensor<4xf32>) {
    %s = linalg.exp ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %s, %y : tensor<4xf32>, tensor<4xf32>
  } else {
    %e = tensor.empty() : tensor<4xf32>
    %s = linalg.exp ins(%y : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %x, %s : tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}

// Branches in branches write to the memory of those around them.
// CHECK-LABEL: func.func @nested
// CHECK: %[[ROOM:.*]] = bufferization.alloc_tensor() : tensor<4xf32>
// CHECK-NOT: alloc_tensor
// CHECK: scf.if
// CHECK: %[[I:.*]] = scf.if
// CHECK: bufferization.materialize_in_destination %{{.*}} in %[[ROOM]]
// CHECK: bufferization.materialize_in_destination %{{.*}} in %[[ROOM]]
// CHECK: scf.yield %[[I]]
// CHECK: bufferization.materialize_in_destination %{{.*}} in %[[ROOM]]
// CHECK-NOT: materialize_in_destination
func.func @nested(%c: i1, %d: i1, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = scf.if %c -> tensor<4xf32> {
    %i = scf.if %d -> tensor<4xf32> {
      %s = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      scf.yield %s : tensor<4xf32>
    } else {
      %s = linalg.exp ins(%y : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      scf.yield %s : tensor<4xf32>
    }
    scf.yield %i : tensor<4xf32>
  } else {
    %s = linalg.tanh ins(%y : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %s : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// A size that a branch reads from a tensor is its own: the element need not be there in a call that takes the other.
// CHECK-LABEL: func.func @data
// CHECK-NOT: bufferization
// CHECK: return
func.func @data(%c: i1, %x: tensor<?xf32>, %sizes: tensor<?xindex>, %v: f32) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %r = scf.if %c -> tensor<?xf32> {
    %n = tensor.extract %sizes[%c0] : tensor<?xindex>
    %e = tensor.empty(%n) : tensor<?xf32>
    %s = linalg.fill ins(%v : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  } else {
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %s = linalg.exp ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// A choice of what a loop overwrites is a copy.
// CHECK-LABEL: func.func @choice
// CHECK: scf.for {{.*}} iter_args(%[[A:.*]] =
// CHECK: %[[ROOM:.*]] = bufferization.alloc_tensor() : tensor<4xf32>
// CHECK: scf.if
// CHECK: bufferization.materialize_in_destination %[[A]] in %[[ROOM]]
// CHECK-NOT: arith.select
// CHECK: return
func.func @choice(%c: i1, %x: tensor<4xf32>, %y: tensor<4xf32>, %n: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> tensor<4xf32> {
    %s = arith.select %c, %a, %y : tensor<4xf32>
    %e = linalg.exp ins(%s : tensor<4xf32>) outs(%a : tensor<4xf32>) -> tensor<4xf32>
    %t = linalg.add ins(%e, %s : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %t : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
