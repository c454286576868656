// RUN: nm-opt %s --nm-close-loops | FileCheck %s

// A chain in the memory that is carried stays as it is.
// CHECK-LABEL: func.func @in_place
// CHECK: scf.for
// CHECK-NOT: bufferization
// CHECK: return
func.func @in_place(%x: tensor<4x6xf32>, %n: index) -> tensor<4x6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> tensor<4x6xf32> {
    %p = tensor.extract_slice %a[%i, 0] [1, 6] [1, 1] : tensor<4x6xf32> to tensor<1x6xf32>
    %e = linalg.exp ins(%p : tensor<1x6xf32>) outs(%p : tensor<1x6xf32>) -> tensor<1x6xf32>
    %s = tensor.insert_slice %e into %a[%i, 0] [1, 6] [1, 1] : tensor<1x6xf32> into tensor<4x6xf32>
    scf.yield %s : tensor<4x6xf32>
  }
  return %r : tensor<4x6xf32>
}

// A new tensor is copied.
// CHECK-LABEL: func.func @fresh
// CHECK: scf.for {{.*}} iter_args(%[[A:.*]] =
// CHECK: %[[S:.*]] = linalg.exp
// CHECK: %[[M:.*]] = bufferization.materialize_in_destination %[[S]] in %[[A]]
// CHECK: scf.yield %[[M]]
func.func @fresh(%x: tensor<6xf32>, %n: index) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> tensor<6xf32> {
    %e = tensor.empty() : tensor<6xf32>
    %s = linalg.exp ins(%a : tensor<6xf32>) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    scf.yield %s : tensor<6xf32>
  }
  return %r : tensor<6xf32>
}

// Two that change places go through copies.
// CHECK-LABEL: func.func @swap
// CHECK: scf.for {{.*}} iter_args(%[[A:.*]] = {{.*}}, %[[B:.*]] = {{.*}})
// CHECK: %[[OLDB:.*]] = bufferization.alloc_tensor() copy(%[[B]])
// CHECK: %[[OLDA:.*]] = bufferization.alloc_tensor() copy(%[[A]])
// CHECK: bufferization.materialize_in_destination %[[OLDB]] in %[[A]]
// CHECK: bufferization.materialize_in_destination %[[OLDA]] in %[[B]]
func.func @swap(%x: tensor<6xf32>, %y: tensor<6xf32>, %n: index) -> (tensor<6xf32>, tensor<6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x, %b = %y) -> (tensor<6xf32>, tensor<6xf32>) {
    scf.yield %b, %a : tensor<6xf32>, tensor<6xf32>
  }
  return %r#0, %r#1 : tensor<6xf32>, tensor<6xf32>
}

// An open size is checked.
// CHECK-LABEL: func.func @open
// CHECK: %[[SAME:.*]] = arith.cmpi eq, %{{.*}}, %{{.*}} : index
// CHECK: nm.require %[[SAME]], "dimension 0 of result 0 of 'scf.for' (close-loops.mlir:{{[0-9:]+}}) is {0} after a step and {1} before"
// CHECK: bufferization.materialize_in_destination
func.func @open(%x: tensor<?xf32>, %v: f32, %n: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> tensor<?xf32> {
    %e = tensor.empty(%i) : tensor<?xf32>
    %s = linalg.fill ins(%v : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// The blocks of an scf.while hand tensors to one another in one place, those of the condition's too.
// CHECK-LABEL: func.func @condition
// CHECK: scf.while (%{{.*}} = %{{.*}}, %[[A:.*]] = %{{.*}})
// CHECK: %[[S:.*]] = linalg.exp
// CHECK: %[[M:.*]] = bufferization.materialize_in_destination %[[S]] in %[[A]]
// CHECK: scf.condition(%{{.*}}) %{{.*}}, %[[M]]
// CHECK: ^bb0(%[[I:.*]]: index, %[[B:.*]]: tensor<6xf32>)
// CHECK-NOT: bufferization
// CHECK: scf.yield %[[I]], %[[B]]
func.func @condition(%x: tensor<6xf32>, %n: index) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.while (%i = %c0, %a = %x) : (index, tensor<6xf32>) -> (index, tensor<6xf32>) {
    %e = tensor.empty() : tensor<6xf32>
    %s = linalg.exp ins(%a : tensor<6xf32>) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %j = arith.addi %i, %c1 : index
    %more = arith.cmpi slt, %j, %n : index
    scf.condition(%more) %j, %s : index, tensor<6xf32>
  } do {
  ^bb0(%i: index, %a: tensor<6xf32>):
    scf.yield %i, %a : index, tensor<6xf32>
  }
  return %r#1 : tensor<6xf32>
}

// What is handed on at another place than it is carried has memory of its own.
// CHECK-LABEL: func.func @handed_on
// CHECK-SAME: %[[X:.*]]: tensor<6xf32>
// CHECK: %[[ROOM:.*]] = tensor.empty() : tensor<6xf16>
// CHECK: %[[R:.*]]:4 = scf.while (%[[A:.*]] = %[[X]], %{{.*}} = %{{.*}}, %[[H:.*]] = %[[ROOM]]) : (tensor<6xf32>, index, tensor<6xf16>) -> (tensor<6xf32>, index, tensor<6xf16>, index)
// CHECK: %[[HALF:.*]] = linalg.copy
// CHECK: %[[M:.*]] = bufferization.materialize_in_destination %[[HALF]] in %[[H]]
// CHECK: scf.condition(%{{.*}}) %[[A]], %[[I:.*]], %[[M]], %[[I]]
// CHECK: ^bb0(%[[A2:.*]]: tensor<6xf32>, %{{.*}}: index, %[[H2:.*]]: tensor<6xf16>, %{{.*}}: index)
// CHECK: %[[WIDE:.*]] = linalg.copy ins(%[[H2]]
// CHECK: %[[M2:.*]] = bufferization.materialize_in_destination %[[WIDE]] in %[[A2]]
// CHECK: scf.yield %[[M2]], %{{.*}}, %[[H2]]
// CHECK: return %[[R]]#2, %[[R]]#3
func.func @handed_on(%x: tensor<6xf32>, %n: index) -> (tensor<6xf16>, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.while (%a = %x, %i = %c0) : (tensor<6xf32>, index) -> (index, tensor<6xf16>) {
    %e = tensor.empty() : tensor<6xf16>
    %h = linalg.copy ins(%a : tensor<6xf32>) outs(%e : tensor<6xf16>) -> tensor<6xf16>
    %more = arith.cmpi slt, %i, %n : index
    scf.condition(%more) %i, %h : index, tensor<6xf16>
  } do {
  ^bb0(%i: index, %h: tensor<6xf16>):
    %e = tensor.empty() : tensor<6xf32>
    %w = linalg.copy ins(%h : tensor<6xf16>) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %j = arith.addi %i, %c1 : index
    scf.yield %w, %j : tensor<6xf32>, index
  }
  return %r#1, %r#0 : tensor<6xf16>, index
}

// What comes back as it was handed on has memory of its own, too.
// CHECK-LABEL: func.func @back
// CHECK: scf.while (%[[A:.*]] = %{{.*}}, %{{.*}} = %{{.*}}, %[[H:.*]] = %{{.*}}) : (tensor<6xf32>, index, tensor<6xf32>) -> (tensor<6xf32>, index, tensor<6xf32>, index)
// CHECK: %[[M:.*]] = bufferization.materialize_in_destination %[[A]] in %[[H]]
// CHECK: ^bb0(%[[A2:.*]]: tensor<6xf32>, %{{.*}}: index, %[[H2:.*]]: tensor<6xf32>, %{{.*}}: index)
// CHECK: %[[M2:.*]] = bufferization.materialize_in_destination %[[H2]] in %[[A2]]
// CHECK: scf.yield %[[M2]], %{{.*}}, %[[H2]]
func.func @back(%x: tensor<6xf32>, %n: index) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.while (%a = %x, %i = %c0) : (tensor<6xf32>, index) -> (index, tensor<6xf32>) {
    %more = arith.cmpi slt, %i, %n : index
    scf.condition(%more) %i, %a : index, tensor<6xf32>
  } do {
  ^bb0(%i: index, %h: tensor<6xf32>):
    %j = arith.addi %i, %c1 : index
    scf.yield %h, %j : tensor<6xf32>, index
  }
  return %r#1 : tensor<6xf32>
}
