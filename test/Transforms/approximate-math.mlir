// RUN: nm-opt %s --nm-approximate-math | FileCheck %s

// One polynomial of degree 14, no quotient.
// CHECK-LABEL: func @error_function
// CHECK-NOT: divf
// CHECK-COUNT-15: math.fma {{.*}} : vector<8xf32>
// CHECK: arith.cmpf oge
// CHECK: math.copysign
// CHECK: arith.select
// CHECK-NOT: math.fma
// CHECK: return
func.func @error_function(%a: vector<8xf32>) -> vector<8xf32> {
  %0 = math.erf %a : vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: func @scalar_and_vector
// CHECK-NOT: math.exp
// CHECK-NOT: math.erf
// CHECK-NOT: math.tanh
// CHECK: return
func.func @scalar_and_vector(%a: f32, %b: vector<8xf32>, %c: vector<8xbf16>) -> (f32, vector<8xf32>, vector<8xbf16>, vector<8xbf16>) {
  %0 = math.erf %a : f32
  %1 = math.exp %b : vector<8xf32>
  %2 = math.tanh %c : vector<8xbf16>
  %3 = math.erf %c : vector<8xbf16>
  return %0, %1, %2, %3 : f32, vector<8xf32>, vector<8xbf16>, vector<8xbf16>
}

// Upstream's polynomial is for x86 alone and stops the compiler.
// CHECK-LABEL: func @inverse_root
// CHECK: math.rsqrt
func.func @inverse_root(%a: vector<8xf32>) -> vector<8xf32> {
  %0 = math.rsqrt %a : vector<8xf32>
  return %0 : vector<8xf32>
}
