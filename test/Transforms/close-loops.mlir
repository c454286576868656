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
