// RUN: nm-opt %s --split-input-file --verify-diagnostics

func.func @rank(%lhs: memref<6xf32>, %rhs: memref<64x16xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c1: has a left operand of rank 1, expected rows x K or S x rows x L}}
  %0 = kernel.tile_product %lhs, %rhs into %acc : memref<6xf32>, memref<64x16xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @rows(%lhs: memref<5x64xf32>, %rhs: memref<64x16xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c1: has 'memref<5x64xf32>' for a tile of 6 rows}}
  %0 = kernel.tile_product %lhs, %rhs into %acc : memref<5x64xf32>, memref<64x16xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @neighbours(%lhs: memref<16x6x?xf32>, %rhs: memref<64x16xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c1: has 'memref<16x6x?xf32>', expected a static number of neighbours}}
  %0 = kernel.tile_product %lhs, %rhs into %acc : memref<16x6x?xf32>, memref<64x16xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @element(%lhs: memref<6x64xf32>, %rhs: memref<64x16xbf16>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c2: has a panel of 'bf16' for sums of 'f32'}}
  %0 = kernel.tile_product %lhs, %rhs into %acc : memref<6x64xf32>, memref<64x16xbf16> into vector<6x2x8xf32>
  return
}

// -----

func.func @columns(%lhs: memref<6x64xf32>, %rhs: memref<64x15xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c2: has a panel of 15 columns for a tile of 16}}
  %0 = kernel.tile_product %lhs, %rhs into %acc : memref<6x64xf32>, memref<64x15xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @panel(%lhs: memref<6x64xf32>, %rhs: memref<1024xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c2: has a panel of rank 1, expected K x columns}}
  %0 = kernel.tile_product %lhs, %rhs into %acc : memref<6x64xf32>, memref<1024xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @depth(%lhs: memref<6x64xf32>, %rhs: memref<63x16xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c3: multiplies 'memref<6x64xf32>' and 'memref<63x16xf32>', whose contractions differ}}
  %0 = kernel.tile_product %lhs, %rhs into %acc : memref<6x64xf32>, memref<63x16xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @steps(%lhs: memref<12x6x4xf32>, %rhs: memref<49x16xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c3: multiplies 'memref<12x6x4xf32>' and 'memref<49x16xf32>', whose contractions differ}}
  %0 = kernel.tile_product %lhs, %rhs into %acc : memref<12x6x4xf32>, memref<49x16xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @offsets(%lhs: memref<12x6x4xf32>, %rhs: memref<1024xf32>, %o: memref<12x5x4xi16>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c4: has offsets of type 'memref<12x5x4xi16>', expected those of a left operand of S x 6 x 2 or 4, found 'memref<12x6x4xf32>'}}
  %0 = kernel.tile_product %lhs, %rhs[%o] into %acc : memref<12x6x4xf32>, memref<1024xf32>[memref<12x5x4xi16>] into vector<6x2x8xf32>
  return
}

// -----

func.func @plain_offsets(%lhs: memref<6x64xf32>, %rhs: memref<1024xf32>, %o: memref<6x64xi16>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c4: has offsets of type 'memref<6x64xi16>'}}
  %0 = kernel.tile_product %lhs, %rhs[%o] into %acc : memref<6x64xf32>, memref<1024xf32>[memref<6x64xi16>] into vector<6x2x8xf32>
  return
}

// -----

func.func @narrow(%lhs: memref<12x6x4xf32>, %rhs: memref<1024xf32>, %o: memref<12x6x4xi16>, %acc: vector<6x2x2xf32>) {
  // expected-error @+1 {{tile_product_c4: has vectors of 2 lanes, expected a multiple of the 4 elements that have offsets of their own}}
  %0 = kernel.tile_product %lhs, %rhs[%o] into %acc : memref<12x6x4xf32>, memref<1024xf32>[memref<12x6x4xi16>] into vector<6x2x2xf32>
  return
}

// -----

func.func @sets(%lhs: memref<6x64xf32>, %rhs: memref<64x16xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c5: has 3 sets of sums, which do not divide the 4 elements of an iteration}}
  %0 = kernel.tile_product %lhs, %rhs into %acc {unroll = 4 : i64, sets = 3 : i64} : memref<6x64xf32>, memref<64x16xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @common(%lhs: memref<12x6x4xf32>, %rhs: memref<1024xf32>, %o: memref<12x4xi16>, %acc: vector<6x2x8xf32>, %n: index) {
  // expected-error @+1 {{tile_product_c6: has steps with common offsets, expected offsets of each row's own}}
  %0 = kernel.tile_product %lhs, %rhs[%o] common %n into %acc : memref<12x6x4xf32>, memref<1024xf32>[memref<12x4xi16>] into vector<6x2x8xf32>
  return
}

// -----

func.func @ahead(%lhs: memref<6x64xf32>, %rhs: memref<64x16xf32>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c7: asks for steps ahead of 'memref<6x64xf32>', expected S x rows x L}}
  %0 = kernel.tile_product %lhs, %rhs into %acc {ahead = 2 : i64} : memref<6x64xf32>, memref<64x16xf32> into vector<6x2x8xf32>
  return
}

// -----

func.func @ahead_of_offsets(%lhs: memref<12x6x4xf32>, %rhs: memref<1024xf32>, %o: memref<12x6x4xi16>, %acc: vector<6x2x8xf32>) {
  // expected-error @+1 {{tile_product_c7: asks for steps ahead of 'memref<12x6x4xf32>', whose rows have offsets of their own}}
  %0 = kernel.tile_product %lhs, %rhs[%o] into %acc {ahead = 2 : i64} : memref<12x6x4xf32>, memref<1024xf32>[memref<12x6x4xi16>] into vector<6x2x8xf32>
  return
}
