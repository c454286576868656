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

func.func @pack_rank(%x: memref<64xf32>, %panel: memref<64x16xf32>) {
  // expected-error @+1 {{'kernel.pack' op operand #0 must be 2D memref of floating-point or signless integer values, but got 'memref<64xf32>'}}
  kernel.pack %x into %panel : memref<64xf32> into memref<64x16xf32>
  return
}

// -----

func.func @pack_strides(%x: memref<64x16xf32, affine_map<(i, j) -> (i * 16 + j floordiv 2)>>, %panel: memref<64x16xf32>) {
  // expected-error @+1 {{pack_c1: has 'memref<64x16xf32, affine_map<(d0, d1) -> (d0 * 16 + d1 floordiv 2)>>', expected strides}}
  kernel.pack %x into %panel : memref<64x16xf32, affine_map<(i, j) -> (i * 16 + j floordiv 2)>> into memref<64x16xf32>
  return
}

// -----

func.func @pack_bits(%x: memref<64x16xi1>, %panel: memref<64x16xf32>) {
  // expected-error @+1 {{pack_c1: has elements of 'i1', expected whole bytes}}
  kernel.pack %x into %panel : memref<64x16xi1> into memref<64x16xf32>
  return
}

// -----

func.func @pack_floats(%x: memref<64x16xf32>, %panel: memref<64x16xi32>) {
  // expected-error @+1 {{pack_c2: packs 'f32' into a panel of 'i32', expected floats, or integers as wide for integers}}
  kernel.pack %x into %panel : memref<64x16xf32> into memref<64x16xi32>
  return
}

// -----

func.func @pack_narrow(%x: memref<64x16xi32>, %panel: memref<64x16xi8>) {
  // expected-error @+1 {{pack_c2: packs 'i32' into a panel of 'i8', expected floats, or integers as wide for integers}}
  kernel.pack %x into %panel : memref<64x16xi32> into memref<64x16xi8>
  return
}

// -----

func.func @pack_rows(%x: memref<65x16xf32>, %panel: memref<64x16xf32>) {
  // expected-error @+1 {{pack_c3: packs 65 rows into a panel of 64}}
  kernel.pack %x into %panel : memref<65x16xf32> into memref<64x16xf32>
  return
}

// -----

func.func @pack_scaled_integers(%x: memref<64x16xi8>, %s: memref<64x4xi8>, %panel: memref<64x16xi32>) {
  // expected-error @+1 {{pack_c4: scales 'memref<64x16xi32>', expected a panel of f32}}
  kernel.pack %x scaled by %s into %panel : memref<64x16xi8> scaled by memref<64x4xi8> into memref<64x16xi32>
  return
}

// -----

func.func @pack_scales(%x: memref<64x16xi8>, %s: memref<64x4xi8>, %panel: memref<64x16xf32>) {
  // expected-error @+1 {{pack_c4: has scales of type 'memref<64x4xi8>', expected 4 bytes for each of the columns of 'memref<64x16xi8>'}}
  kernel.pack %x scaled by %s into %panel {axis = 1 : i64} : memref<64x16xi8> scaled by memref<64x4xi8> into memref<64x16xf32>
  return
}

// -----

func.func @pack_scale_bytes(%x: memref<64x16xi8>, %s: memref<64x2xi8>, %panel: memref<64x16xf32>) {
  // expected-error @+1 {{pack_c4: has scales of type 'memref<64x2xi8>', expected 4 bytes for each of the rows of 'memref<64x16xi8>'}}
  kernel.pack %x scaled by %s into %panel : memref<64x16xi8> scaled by memref<64x2xi8> into memref<64x16xf32>
  return
}

// -----

func.func @pack_factor(%x: memref<64x16xi8>, %panel: memref<64x16xi32>) {
  // expected-error @+1 {{pack_c5: has a factor for a panel of 'i32', expected floats}}
  kernel.pack %x into %panel {factor = 2.0 : f32} : memref<64x16xi8> into memref<64x16xi32>
  return
}

// -----

func.func @pack_axis(%x: memref<64x16xi8>, %panel: memref<64x16xf32>) {
  // expected-error @+1 {{pack_c6: has an axis of scales, but no scales}}
  kernel.pack %x into %panel {axis = 1 : i64} : memref<64x16xi8> into memref<64x16xf32>
  return
}
