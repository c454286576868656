// RUN: nm-opt %s --split-input-file --verify-diagnostics

func.func @streams(%v: memref<3x8x16xf32>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c1: has values of type 'memref<3x8x16xf32>', expected 2 streams of runs of registers of 16 elements}}
  %0 = kernel.lane_product %v by %x into %acc {unroll = 4 : i64} : memref<3x8x16xf32> by memref<1x128xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @registers(%v: memref<2x8x24xf32>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c1: has values of type 'memref<2x8x24xf32>'}}
  %0 = kernel.lane_product %v by %x into %acc {unroll = 4 : i64} : memref<2x8x24xf32> by memref<1x128xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @interleave(%v: memref<2x4x32xf16>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c1: interleaves 2 registers of 'f16', expected two of bf16, four of i8 or one}}
  %0 = kernel.lane_product %v by %x into %acc {unroll = 4 : i64} : memref<2x4x32xf16> by memref<1x128xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @columns(%v: memref<2x8x16xf32>, %x: memref<1x120xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c2: multiplies 'memref<1x120xf32>', expected 1 rows of 'f32', of whole registers of 16}}
  %0 = kernel.lane_product %v by %x into %acc {unroll = 4 : i64} : memref<2x8x16xf32> by memref<1x120xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @sums(%v: memref<2x8x16xf32>, %x: memref<1x128xbf16>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c2: multiplies 'memref<1x128xbf16>', expected 1 rows of 'f32'}}
  %0 = kernel.lane_product %v by %x into %acc {unroll = 4 : i64} : memref<2x8x16xf32> by memref<1x128xbf16> into vector<2x1x16xf32>
  return
}

// -----

func.func @runs(%v: memref<2x3x32xbf16>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c2: has streams of 3 runs, expected 4 for 8 steps of 'memref<1x128xf32>'}}
  %0 = kernel.lane_product %v by %x into %acc {unroll = 4 : i64} : memref<2x3x32xbf16> by memref<1x128xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @words(%v: memref<2x8x16xf32>, %i: memref<2x2x16xi32>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c3: has indices of type 'memref<2x2x16xi32>', expected 2 x 1 x 16}}
  %0 = kernel.lane_product %v[%i] by %x into %acc {segment = 4 : i64, slots = 2 : i64, unroll = 16 : i64}
      : memref<2x8x16xf32>[memref<2x2x16xi32>] by memref<1x128xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @segment(%v: memref<2x8x16xf32>, %i: memref<2x1x16xi32>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c4: has segments of 8 elements and 16 steps for each word of indices, expected a power of two from 4 to 32 that divides 16, and a divisor of 32 that leaves an index the bits to name it}}
  %0 = kernel.lane_product %v[%i] by %x into %acc {segment = 8 : i64, slots = 2 : i64, unroll = 16 : i64}
      : memref<2x8x16xf32>[memref<2x1x16xi32>] by memref<1x128xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @slots(%v: memref<2x8x16xf32>, %i: memref<2x1x16xi32>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c4: has rows of 3 slots, expected at least two in a segment of 4}}
  %0 = kernel.lane_product %v[%i] by %x into %acc {segment = 4 : i64, slots = 3 : i64, unroll = 16 : i64}
      : memref<2x8x16xf32>[memref<2x1x16xi32>] by memref<1x128xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @alone(%v: memref<2x8x16xf32>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c4: has segments, but no indices}}
  %0 = kernel.lane_product %v by %x into %acc {segment = 4 : i64, slots = 2 : i64, unroll = 16 : i64}
      : memref<2x8x16xf32> by memref<1x128xf32> into vector<2x1x16xf32>
  return
}

// -----

func.func @sets(%v: memref<2x8x16xf32>, %x: memref<1x128xf32>, %acc: vector<2x1x16xf32>) {
  // expected-error @+1 {{lane_product_c5: takes 4 steps at once, expected a multiple of 3 sets of sums and of 1 interleaved steps}}
  %0 = kernel.lane_product %v by %x into %acc {unroll = 4 : i64, sets = 3 : i64} : memref<2x8x16xf32> by memref<1x128xf32> into vector<2x1x16xf32>
  return
}
