// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --canonicalize | FileCheck %s --check-prefix=CANON
// RUN: nm-opt %s --flat-lower-rows=caches --canonicalize | FileCheck %s --check-prefix=LOWER
//
// Rows of eight bits: their syntax, views and attention that take them as they lie, and what they mean.

// CHECK-LABEL: func @round(
// CHECK: flat.quantize_rows %{{.*}} : tensor<1x2x?x8xf32> -> tensor<1x2x?x12xi8>
// CHECK: flat.dequantize_rows %{{.*}} {cache = "past"} : tensor<1x2x?x12xi8> -> tensor<1x2x?x8xf16>
// LOWER-LABEL: func @round(
// LOWER-NOT: flat.
// LOWER: math.absf
// LOWER: arith.maximumf
// LOWER: arith.divf
// LOWER: math.roundeven
// LOWER: arith.fptosi
// LOWER: arith.shrui
// LOWER: tensor.insert_slice %{{.*}}[0, 0, 0, 0] [1, 2, %{{.*}}, 8]
// LOWER: tensor.insert_slice %{{.*}}[0, 0, 0, 8] [1, 2, %{{.*}}, 4]
// LOWER: arith.ori
// LOWER: arith.bitcast %{{.*}} : i32 to f32
// LOWER: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 2, %{{.*}}, 8]
// LOWER: arith.sitofp
// LOWER: arith.truncf
func.func @round(%x: tensor<1x2x?x8xf32>) -> tensor<1x2x?x8xf16> {
  %r = flat.quantize_rows %x : tensor<1x2x?x8xf32> -> tensor<1x2x?x12xi8>
  %y = flat.dequantize_rows %r {cache = "past"} : tensor<1x2x?x12xi8> -> tensor<1x2x?x8xf16>
  return %y : tensor<1x2x?x8xf16>
}

// Slices, casts and reshapes that leave rows whole are taken of the rows, and attention reads these.
// CANON-LABEL: func @views(
// CANON-SAME: %[[C:.*]]: tensor<2x1x2x?x12xi8>
// CANON-DAG: %[[K:.*]] = tensor.extract_slice %[[C]][0, 0, 0, 0, 0] [1, 1, 2, %{{.*}}, 12]
// CANON-DAG: %[[V:.*]] = tensor.extract_slice %[[C]][1, 0, 0, 0, 0] [1, 1, 2, %{{.*}}, 12]
// CANON-NOT: dequantize_rows
// CANON: flat.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<1x4x1x8xf32>, tensor<1x2x?x12xi8>, tensor<1x2x?x12xi8>)
func.func @views(%c: tensor<2x1x2x?x12xi8>, %q: tensor<1x4x1x8xf32>, %n: index, %o: tensor<1x4x1x8xf32>) -> (tensor<1x4x1x8xf32>, index) {
  %c3 = arith.constant 3 : index
  %x = flat.dequantize_rows %c {cache = "past"} : tensor<2x1x2x?x12xi8> -> tensor<2x1x2x?x8xf32>
  %size = tensor.dim %x, %c3 : tensor<2x1x2x?x8xf32>
  %a = tensor.extract_slice %x[0, 0, 0, 0, 0] [1, 1, 2, %n, 8] [1, 1, 1, 1, 1] : tensor<2x1x2x?x8xf32> to tensor<1x1x2x?x8xf32>
  %k = tensor.collapse_shape %a [[0, 1], [2], [3], [4]] : tensor<1x1x2x?x8xf32> into tensor<1x2x?x8xf32>
  %v = tensor.extract_slice %x[1, 0, 0, 0, 0] [1, 1, 2, %n, 8] [1, 1, 1, 1, 1] : tensor<2x1x2x?x8xf32> to tensor<1x2x?x8xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x1x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>)
      outs(%o : tensor<1x4x1x8xf32>) -> tensor<1x4x1x8xf32>
  return %r, %size : tensor<1x4x1x8xf32>, index
}

// A part of a row is none.
// CANON-LABEL: func @part(
// CANON: flat.dequantize_rows
// CANON: tensor.extract_slice
func.func @part(%c: tensor<3x12xi8>) -> tensor<3x4xf32> {
  %x = flat.dequantize_rows %c : tensor<3x12xi8> -> tensor<3x8xf32>
  %a = tensor.extract_slice %x[0, 0] [3, 4] [1, 1] : tensor<3x8xf32> to tensor<3x4xf32>
  return %a : tensor<3x4xf32>
}
