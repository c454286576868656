// RUN: nm-opt %s --nm-check-sizes | FileCheck %s

// A size that was found to be one of an argument's is looked at as that, at the
// entry, where the value that it came from is not there yet.
// CHECK-LABEL: func @equal_to_an_argument(
// CHECK: %[[DIM:.+]] = tensor.dim %arg0
// CHECK: %[[I:.+]] = arith.index_cast %[[DIM]]
// CHECK: %[[F:.+]] = arith.sitofp %[[I]]
// CHECK: %[[FITS:.+]] = arith.cmpf ole, %[[F]]
// CHECK: nm.require %[[FITS]], "{{.*}} makes a tensor of {0} x 8 elements, more than memory can hold"(%[[DIM]])
// CHECK: arith.maxsi %arg1
func.func @equal_to_an_argument(%x: tensor<?xf32>, %n: index) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %m = arith.maxsi %n, %c0 : index
  %e = tensor.empty(%m) : tensor<?xf32>
  %s = linalg.exp ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %w = tensor.empty(%m) : tensor<?x8xf32>
  %b = linalg.broadcast ins(%s : tensor<?xf32>) outs(%w : tensor<?x8xf32>) dimensions = [1]
  return %b : tensor<?x8xf32>
}

// What one branch looks at is looked at again in the other, which may be the one that runs.
// CHECK-LABEL: func @branches(
// CHECK: scf.if
// CHECK: nm.require %{{.*}}, "{{.*}} more than memory can hold"
// CHECK: } else {
// CHECK: nm.require %{{.*}}, "{{.*}} more than memory can hold"
func.func @branches(%c: i1, %n: index, %v: f32) -> tensor<?x8xf32> {
  %r = scf.if %c -> tensor<?x8xf32> {
    %e = tensor.empty(%n) : tensor<?x8xf32>
    %s = linalg.fill ins(%v : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
    scf.yield %s : tensor<?x8xf32>
  } else {
    %e = tensor.empty(%n) : tensor<?x8xf32>
    scf.yield %e : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
