// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt | FileCheck %s
// RUN: nm-opt %s --emit-bytecode | nm-opt | FileCheck %s

// CHECK-LABEL: func @masks(
func.func @masks(%w: tensor<8x16xf32>, %n: i32, %scale: f32) {
  // CHECK: step.mask %{{.*}} to <2:4, axis = 1> : tensor<8x16xf32>
  %0 = step.mask %w to <2:4, axis = 1> : tensor<8x16xf32>
  // CHECK: step.mask %{{.*}} to <1:4, axis = 0, stride = 2> : tensor<8x16xf32>
  %1 = step.mask %w to <1:4, axis = 0, stride = 2> : tensor<8x16xf32>
  // CHECK: step.mask %{{.*}} to <2:4, axis = 1, stride = 2, block = [4, 2]> : tensor<8x16xf32>
  %2 = step.mask %w to <2:4, axis = 1, stride = 2, block = [4, 2]> : tensor<8x16xf32>
  // CHECK: step.mask %{{.*}} keep %{{.*}} to <?:16, axis = 1> : tensor<8x16xf32>
  %3 = step.mask %w keep %n to <?:16, axis = 1> : tensor<8x16xf32>
  // CHECK: step.transposable_mask %{{.*}} {axes = array<i64: 0, 1>, m = 4 : i64, n = 2 : i64} : tensor<8x16xf32>
  %4 = step.transposable_mask %w {n = 2 : i64, m = 4 : i64, axes = array<i64: 0, 1>} : tensor<8x16xf32>
  // CHECK: step.soft_threshold %{{.*}} to <2:4, axis = 1> scale %{{.*}} : tensor<8x16xf32>
  %5 = step.soft_threshold %w to <2:4, axis = 1> scale %scale : tensor<8x16xf32>
  // CHECK: step.soft_threshold %{{.*}} keep %{{.*}} to <?:4, axis = 1> scale %{{.*}} : tensor<8x16xf32>
  %6 = step.soft_threshold %w keep %n to <?:4, axis = 1> scale %scale : tensor<8x16xf32>
  // CHECK: step.effective %{{.*}}, %{{.*}} : tensor<8x16xf32>
  %7 = step.effective %w, %0 : tensor<8x16xf32>
  // CHECK: step.effective %{{.*}}, %{{.*}} decay %{{.*}} : tensor<8x16xf32>
  %8 = step.effective %w, %0 decay %scale : tensor<8x16xf32>
  return
}

// Sizes that are known only at run time, and none at all.
// CHECK-LABEL: func @dynamic(
func.func @dynamic(%w: tensor<?x?xf32>, %e: tensor<0x4xf32>) {
  // CHECK: step.mask %{{.*}} to <2:4, axis = 0> : tensor<?x?xf32>
  %0 = step.mask %w to <2:4, axis = 0> : tensor<?x?xf32>
  // CHECK: step.mask %{{.*}} to <2:4, axis = 1> : tensor<0x4xf32>
  %1 = step.mask %e to <2:4, axis = 1> : tensor<0x4xf32>
  return
}

// CHECK-LABEL: func @updates(
func.func @updates(%w: tensor<?xf32>, %g: tensor<?xf32>, %m: tensor<?xf32>, %v: tensor<?xf32>, %pi: tensor<?xi1>,
                   %a: f32, %b: f32, %c: f32) {
  // CHECK: step.straight_through %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %0 = step.straight_through %g, %w, %pi, %a : tensor<?xf32>
  // CHECK: step.weight_decay %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %1 = step.weight_decay %g, %w, %a : tensor<?xf32>
  // CHECK: step.scale %{{.*}}, %{{.*}} : tensor<?xf32>
  %2 = step.scale %w, %a : tensor<?xf32>
  // CHECK: step.moment %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %3 = step.moment %m, %g, %a, %b : tensor<?xf32>
  // CHECK: step.second_moment %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %4 = step.second_moment %v, %g, %a, %b : tensor<?xf32>
  // CHECK: step.adam_update %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %5 = step.adam_update %w, %m, %v, %a, %b, %c : tensor<?xf32>
  // CHECK: step.frozen_update inside %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %6 = step.frozen_update inside %w, %m, %v, %a, %b : tensor<?xf32>
  // CHECK: step.frozen_update outside %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %7 = step.frozen_update outside %w, %m, %v, %a, %b : tensor<?xf32>
  // CHECK: step.descend %{{.*}}, %{{.*}}, %{{.*}} : tensor<?xf32>
  %8 = step.descend %w, %m, %a : tensor<?xf32>
  return
}

// CHECK-LABEL: func @statistics(
func.func @statistics(%v: tensor<?xf32>, %v1: tensor<?xf32>) {
  // CHECK: step.change_sum %{{.*}}, %{{.*}} : tensor<?xf32>
  %0 = step.change_sum %v, %v1 : tensor<?xf32>
  // CHECK: %{{.*}}, %{{.*}}, %{{.*}} = step.change_product %{{.*}}, %{{.*}} : tensor<?xf32>
  %1, %2, %3 = step.change_product %v, %v1 : tensor<?xf32>
  // CHECK: step.count_nonfinite %{{.*}} : tensor<?xf32>
  %4 = step.count_nonfinite %v : tensor<?xf32>
  return
}
