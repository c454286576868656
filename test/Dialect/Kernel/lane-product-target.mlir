// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx512 --kernel-lower-to-vector --verify-diagnostics
// RUN: not nm-opt %s --split-input-file --nm-attach-target=target=x86-64 --kernel-lower-to-vector 2>&1 | FileCheck %s --check-prefix=SSE

func.func @registers(%v: memref<2x8x8xf32>, %x: memref<1x64xf32>, %acc: vector<2x1x8xf32>) -> vector<2x1x8xf32> {
  // expected-error @+1 {{has registers of 8 lanes, expected whole ones of the target's 16}}
  %0 = kernel.lane_product %v by %x into %acc {unroll = 4 : i64} : memref<2x8x8xf32> by memref<1x64xf32> into vector<2x1x8xf32>
  return %0 : vector<2x1x8xf32>
}

// -----

// SSE: has segments of 4 elements, which the target has no permutes for
func.func @permutes(%v: memref<2x8x16xf32>, %i: memref<2x1x16xi32>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) -> vector<2x1x16xf32> {
  %0 = kernel.lane_product %v[%i] by %x into %acc {segment = 4 : i64, slots = 2 : i64, unroll = 16 : i64}
      : memref<2x8x16xf32>[memref<2x1x16xi32>] by memref<1x128xf32> into vector<2x1x16xf32>
  return %0 : vector<2x1x16xf32>
}
