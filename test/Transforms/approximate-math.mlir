// RUN: nm-opt %s --nm-approximate-math | FileCheck %s

// CHECK-LABEL: func @scalar_and_vector
// CHECK-NOT: math.exp
// CHECK-NOT: math.erf
// CHECK-NOT: math.tanh
// CHECK: return
func.func @scalar_and_vector(%a: f32, %b: vector<8xf32>, %c: vector<8xbf16>) -> (f32, vector<8xf32>, vector<8xbf16>) {
  %0 = math.erf %a : f32
  %1 = math.exp %b : vector<8xf32>
  %2 = math.tanh %c : vector<8xbf16>
  return %0, %1, %2 : f32, vector<8xf32>, vector<8xbf16>
}

// Upstream's polynomial is for x86 alone and stops the compiler.
// CHECK-LABEL: func @inverse_root
// CHECK: math.rsqrt
func.func @inverse_root(%a: vector<8xf32>) -> vector<8xf32> {
  %0 = math.rsqrt %a : vector<8xf32>
  return %0 : vector<8xf32>
}
