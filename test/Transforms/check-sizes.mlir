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
