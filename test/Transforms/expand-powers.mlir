// RUN: nm-opt %s --nm-approximate-math | FileCheck %s

// CHECK-LABEL: func @cube
// CHECK: %[[S:.*]] = arith.mulf %[[X:.*]], %[[X]] : vector<8xf32>
// CHECK: %[[P:.*]] = arith.mulf %[[X]], %[[S]] : vector<8xf32>
// CHECK: return %[[P]]
func.func @cube(%x: vector<8xf32>) -> vector<8xf32> {
  %n = arith.constant dense<3> : vector<8xi64>
  %r = math.fpowi %x, %n : vector<8xf32>, vector<8xi64>
  return %r : vector<8xf32>
}

// CHECK-LABEL: func @inverse
// CHECK: %[[S:.*]] = arith.mulf
// CHECK: arith.divf %{{.*}}, %[[S]] : f32
func.func @inverse(%x: f32) -> f32 {
  %n = arith.constant -2 : i32
  %r = math.fpowi %x, %n : f32, i32
  return %r : f32
}

// CHECK-LABEL: func @any
// CHECK-NOT: fpowi
// CHECK: arith.select {{.*}} : vector<8xi1>, vector<8xf32>
func.func @any(%x: vector<8xf32>, %n: vector<8xi32>) -> vector<8xf32> {
  %r = math.fpowi %x, %n : vector<8xf32>, vector<8xi32>
  return %r : vector<8xf32>
}
