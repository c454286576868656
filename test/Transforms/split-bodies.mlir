// RUN: nm-opt %s --nm-split-bodies=max-body=48 | FileCheck %s
// RUN: nm-opt %s --nm-split-bodies | FileCheck %s --check-prefix=WHOLE

// A short body stays whole.
// WHOLE-COUNT-2: linalg.generic
// WHOLE-NOT: linalg.generic

#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>
#turned = affine_map<(i, j) -> (j, i)>

// Cut where one value crosses; indices and constants are made again where they are read, and the bias
// is read by the part that adds it.
// CHECK-LABEL: func @split
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[BIAS:.*]]: tensor<8xf32>
// CHECK: %[[SIZE:.*]] = tensor.dim
// CHECK: tensor.empty(%[[SIZE]]) : tensor<?x8xf32>
// CHECK: %[[FIRST:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<?x8xf32>)
// CHECK: math.exp
// CHECK: math.tanh
// CHECK: math.sin
// CHECK: linalg.yield
// CHECK: linalg.generic {{.*}} ins(%[[FIRST]], %[[BIAS]] : tensor<?x8xf32>, tensor<8xf32>)
// CHECK: linalg.index 1
// CHECK: arith.constant 2.000000e+00
// CHECK: math.cos
func.func @split(%x: tensor<?x8xf32>, %bias: tensor<8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %r = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %bias : tensor<?x8xf32>, tensor<8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %two = arith.constant 2.0 : f32
    %j = linalg.index 1 : index
    %0 = math.exp %a : f32
    %1 = arith.addf %0, %a : f32
    %2 = arith.mulf %1, %0 : f32
    %3 = math.tanh %2 : f32
    %4 = math.sin %3 : f32
    %5 = arith.index_cast %j : index to i32
    %6 = arith.sitofp %5 : i32 to f32
    %7 = arith.mulf %4, %6 : f32
    %8 = arith.mulf %7, %two : f32
    %9 = arith.addf %8, %b : f32
    %10 = math.cos %9 : f32
    linalg.yield %10 : f32
  } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// Where elements end up elsewhere than the loops run, nothing is split.
// CHECK-LABEL: func @turned
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
func.func @turned(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  %r = linalg.generic {indexing_maps = [#id, #turned], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    %1 = math.tanh %0 : f32
    %2 = math.sin %1 : f32
    %3 = math.cos %2 : f32
    linalg.yield %3 : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}
