// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RUN: nm-opt %s --flat-lower-rows --split-input-file --verify-diagnostics

func.func @f(%x: tensor<2x8xf32>) -> tensor<2x8xi8> {
  // expected-error @below {{flat_quantize_rows_c1: expected the sizes of 'tensor<2x8xf32>' and 4 more in the last dimension, got 'tensor<2x8xi8>'}}
  %r = flat.quantize_rows %x : tensor<2x8xf32> -> tensor<2x8xi8>
  return %r : tensor<2x8xi8>
}

// -----

func.func @f(%x: tensor<2x?xf32>) -> tensor<2x?xi8> {
  // expected-error @below {{flat_quantize_rows_c2: rows must have a known width of 1 or more, got 'tensor<2x?xf32>'}}
  %r = flat.quantize_rows %x : tensor<2x?xf32> -> tensor<2x?xi8>
  return %r : tensor<2x?xi8>
}

// -----

func.func @f(%x: tensor<i8>) -> tensor<f32> {
  // expected-error @below {{flat_dequantize_rows_c1: expected tensors of one rank above 0}}
  %r = flat.dequantize_rows %x : tensor<i8> -> tensor<f32>
  return %r : tensor<f32>
}

// -----

func.func @f(%x: tensor<2x4xi8>) -> tensor<2x0xf32> {
  // expected-error @below {{flat_dequantize_rows_c2: rows must have a known width of 1 or more}}
  %r = flat.dequantize_rows %x : tensor<2x4xi8> -> tensor<2x0xf32>
  return %r : tensor<2x0xf32>
}

// -----

func.func @f(%x: tensor<2x12xi8>) -> tensor<2x8xf32> {
  // expected-error @below {{the quantised cache 'past' is read by something else than attention}}
  %r = flat.dequantize_rows %x {cache = "past"} : tensor<2x12xi8> -> tensor<2x8xf32>
  // expected-note @below {{it is read by 'math.exp' here}}
  %y = math.exp %r : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x4xi8>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) -> tensor<1x4x8x12xf32> {
  // expected-error @below {{flat_attention_c9: quantised rows of k must be the last dimension, of a known size of 5 or more, got 'tensor<1x2x10x4xi8>'}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x4xi8>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) -> tensor<1x4x8x12xf32>
  return %r : tensor<1x4x8x12xf32>
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xi8>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) -> tensor<1x4x8x12xf32> {
  // expected-error @below {{flat_attention_c2: width of q and k must agree, got 16 and 12}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xi8>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) -> tensor<1x4x8x12xf32>
  return %r : tensor<1x4x8x12xf32>
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x20xi8>, %v: tensor<1x2x16x10xi8>, %o: tensor<1x4x8x12xf32>) -> tensor<1x4x8x12xf32> {
  // expected-error @below {{flat_attention_c9: quantised rows of v must be the last dimension}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x20xi8>, tensor<1x2x16x10xi8>) outs(%o : tensor<1x4x8x12xf32>) orders(v = bhdn) -> tensor<1x4x8x12xf32>
  return %r : tensor<1x4x8x12xf32>
}
