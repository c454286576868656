// RUN: nm-opt %s --step-lower-to-linalg --canonicalize | FileCheck %s --implicit-check-not=step.

// CHECK-LABEL: func @elementwise(
// Scalars are captured, not passed as tensors; the order is the description's.
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<?xf32>, tensor<?xf32>)
// CHECK-NEXT: ^bb0(%[[M:.*]]: f32, %[[G:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[OLD:.*]] = arith.mulf %[[M]], %{{.*}} : f32
// CHECK-NEXT: %[[NEW:.*]] = arith.mulf %[[G]], %{{.*}} : f32
// CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[OLD]], %[[NEW]] : f32
// CHECK-NEXT: linalg.yield %[[SUM]] : f32
func.func @elementwise(%m: tensor<?xf32>, %g: tensor<?xf32>, %beta: f32, %gain: f32)
    -> (tensor<?xf32> {step.updates = 0 : i64}) {
  %0 = step.moment %m, %g, %beta, %gain : tensor<?xf32>
  return %0 : tensor<?xf32>
}

// CHECK-LABEL: func @mask(
// A dynamic size is checked.
// CHECK: %[[FITS:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK: cf.assert %[[FITS]], "step.mask: the size of dimension 0 is no multiple of 4"
// The magnitude as an integer, NaN just above infinity.
// CHECK: linalg.generic
// CHECK: arith.andi %{{.*}}, %c2147483647_i32
// CHECK: arith.minsi %{{.*}}, %c2139095041_i32
// The rank of an element in its group decides.
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: linalg.generic
// CHECK: arith.cmpi slt, %{{.*}}, %c2_i32
func.func @mask(%w: tensor<?x3xf32>) -> tensor<?x3xi1> {
  %0 = step.mask %w to <2:4, axis = 0> : tensor<?x3xf32>
  return %0 : tensor<?x3xi1>
}

// Blocks are scored first.
// CHECK-LABEL: func @blocks(
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction", "reduction"]
// CHECK: arith.addf
func.func @blocks(%w: tensor<4x8xf32>) -> tensor<4x8xi1> {
  %0 = step.mask %w to <2:4, axis = 1, block = [2, 2]> : tensor<4x8xf32>
  return %0 : tensor<4x8xi1>
}

// One pass for each element of a block.
// CHECK-LABEL: func @transposable(
// CHECK: scf.for %{{.*}} = %c0 to %c16 step %c1 iter_args
func.func @transposable(%w: tensor<4x8xf32>) -> tensor<4x8xi1> {
  %0 = step.transposable_mask %w {n = 2 : i64, m = 4 : i64, axes = array<i64: 0, 1>} : tensor<4x8xf32>
  return %0 : tensor<4x8xi1>
}

// CHECK-LABEL: func @statistics(
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (tensor<8xf64>)
// CHECK: scf.for {{.*}} -> (tensor<8xf64>, i64, i64)
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction"]
func.func @statistics(%v: tensor<?xf32>, %v1: tensor<?xf32>) -> (f64, f64, i64, i64, i64) {
  %0 = step.change_sum %v, %v1 : tensor<?xf32>
  %1, %2, %3 = step.change_product %v, %v1 : tensor<?xf32>
  %4 = step.count_nonfinite %v : tensor<?xf32>
  return %0, %1, %2, %3, %4 : f64, f64, i64, i64, i64
}
