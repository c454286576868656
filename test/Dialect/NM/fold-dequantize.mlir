// RUN: nm-opt %s --nm-fold-dequantize | FileCheck %s
// RUN: nm-opt %s --nm-fold-dequantize --remarks-filter=nm-fold-dequantize -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

#id = affine_map<(r, g, k) -> (r, g, k)>
#group = affine_map<(r, g, k) -> (r, g, 0)>
#row = affine_map<(i, j) -> (i, 0)>
#all = affine_map<(i, j) -> (i, j)>

// A scale and a zero point for each group: one parameter, whose key says how it is worked out.
// CHECK-LABEL: func @groups
// CHECK: %[[W:.*]] = nm.param "{\22dequantize\22:{\22key\22:\22q\22,\22dtype\22:\22u8\22,\22shape\22:[8,16],\22strides\22:[16,4,1]},\22zero\22:{\22key\22:\22z\22,\22dtype\22:\22u8\22,\22shape\22:[8,4,1],\22strides\22:[4,1,0]},\22scale\22:{\22key\22:\22s\22,\22dtype\22:\22f16\22,\22shape\22:[8,4],\22strides\22:[4,1,0]},\22loops\22:[8,4,4],\22compute\22:\22f32\22,\22dtype\22:\22f32\22,\22shape\22:[8,16]}" : tensor<8x16xf32>
// CHECK-NOT: nm.param
// CHECK: linalg.transpose ins(%[[W]]
// REMARK: [Passed] dequantized | Category:nm-fold-dequantize | scale=s, weight=q, zero=z
func.func @groups(%x: tensor<6x16xf32>) -> tensor<6x8xf32> {
  %q = nm.param "q" : tensor<8x16xi8>
  %z = nm.param "z" : tensor<8x4x1xi8>
  %s = nm.param "s" : tensor<8x4xf16>
  %grouped = tensor.expand_shape %q [[0], [1, 2]] output_shape [8, 4, 4] : tensor<8x16xi8> into tensor<8x4x4xi8>
  %e = tensor.empty() : tensor<8x4x4xf32>
  %d = linalg.generic {indexing_maps = [#id, #group, affine_map<(r, g, k) -> (r, g)>, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%grouped, %z, %s : tensor<8x4x4xi8>, tensor<8x4x1xi8>, tensor<8x4xf16>) outs(%e : tensor<8x4x4xf32>) {
  ^bb0(%a: i8, %b: i8, %c: f16, %o: f32):
    %ai = arith.extui %a : i8 to i32
    %bi = arith.extui %b : i8 to i32
    %di = arith.subi %ai, %bi : i32
    %df = arith.sitofp %di : i32 to f32
    %cf = arith.extf %c : f16 to f32
    %m = arith.mulf %cf, %df : f32
    linalg.yield %m : f32
  } -> tensor<8x4x4xf32>
  %w = tensor.collapse_shape %d [[0], [1, 2]] : tensor<8x4x4xf32> into tensor<8x16xf32>
  %et = tensor.empty() : tensor<16x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x16xf32>) outs(%et : tensor<16x8xf32>) permutation = [1, 0]
  %zero = arith.constant 0.0 : f32
  %ey = tensor.empty() : tensor<6x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%ey : tensor<6x8xf32>) -> tensor<6x8xf32>
  %y = linalg.matmul ins(%x, %t : tensor<6x16xf32>, tensor<16x8xf32>) outs(%f : tensor<6x8xf32>) -> tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}

// Signed integers with a scale for each row: nm-raise takes them as they are.
// CHECK-LABEL: func @rows
// CHECK: nm.param "q" : tensor<8x16xi8>
func.func @rows(%x: tensor<6x16xf32>) -> tensor<6x8xf32> {
  %q = nm.param "q" : tensor<8x16xi8>
  %s = nm.param "s" : tensor<8x1xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %w = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<8x16xi8>, tensor<8x1xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: i8, %c: f32, %o: f32):
    %af = arith.sitofp %a : i8 to f32
    %m = arith.mulf %af, %c : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  %et = tensor.empty() : tensor<16x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x16xf32>) outs(%et : tensor<16x8xf32>) permutation = [1, 0]
  %zero = arith.constant 0.0 : f32
  %ey = tensor.empty() : tensor<6x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%ey : tensor<6x8xf32>) -> tensor<6x8xf32>
  %y = linalg.matmul ins(%x, %t : tensor<6x16xf32>, tensor<16x8xf32>) outs(%f : tensor<6x8xf32>) -> tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}

// Constants are worked out here: (3 - 1) * 0.5 and so on.
// CHECK-LABEL: func @constants
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, -1.500000e+00], [-1.000000e+00, 0.000000e+00]]> : tensor<2x2xf32>
func.func @constants(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %q = arith.constant dense<[[3, -2], [-1, 1]]> : tensor<2x2xi8>
  %s = arith.constant dense<0.5> : tensor<1xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %w = linalg.generic {indexing_maps = [#all, affine_map<(i, j) -> (0)>, #all], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<2x2xi8>, tensor<1xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%a: i8, %c: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %af = arith.sitofp %a : i8 to f32
    %d = arith.subf %af, %one : f32
    %m = arith.mulf %d, %c : f32
    linalg.yield %m : f32
  } -> tensor<2x2xf32>
  %zero = arith.constant 0.0 : f32
  %ey = tensor.empty() : tensor<3x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%ey : tensor<3x2xf32>) -> tensor<3x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<3x2xf32>, tensor<2x2xf32>) outs(%f : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// Another order of operations has no derived key.
// CHECK-LABEL: func @other
// CHECK: nm.param "q" : tensor<8x16xi8>
func.func @other(%x: tensor<6x8xf32>) -> tensor<6x16xf32> {
  %q = nm.param "q" : tensor<8x16xi8>
  %s = nm.param "s" : tensor<8x1xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %w = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<8x16xi8>, tensor<8x1xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: i8, %c: f32, %o: f32):
    %af = arith.sitofp %a : i8 to f32
    %m = arith.mulf %af, %c : f32
    %p = arith.addf %m, %c : f32
    linalg.yield %p : f32
  } -> tensor<8x16xf32>
  %zero = arith.constant 0.0 : f32
  %ey = tensor.empty() : tensor<6x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%ey : tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = linalg.matmul ins(%x, %w : tensor<6x8xf32>, tensor<8x16xf32>) outs(%f : tensor<6x16xf32>) -> tensor<6x16xf32>
  return %y : tensor<6x16xf32>
}

// Activations end the search: each of these is read twice by the next.
// CHECK-LABEL: func @activations
func.func @activations(%x0: tensor<4x4xf32>, %w: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %x1 = linalg.mul ins(%x0, %x0 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x2 = linalg.mul ins(%x1, %x1 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x3 = linalg.mul ins(%x2, %x2 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x4 = linalg.mul ins(%x3, %x3 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x5 = linalg.mul ins(%x4, %x4 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x6 = linalg.mul ins(%x5, %x5 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x7 = linalg.mul ins(%x6, %x6 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x8 = linalg.mul ins(%x7, %x7 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x9 = linalg.mul ins(%x8, %x8 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x10 = linalg.mul ins(%x9, %x9 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x11 = linalg.mul ins(%x10, %x10 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x12 = linalg.mul ins(%x11, %x11 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x13 = linalg.mul ins(%x12, %x12 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x14 = linalg.mul ins(%x13, %x13 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x15 = linalg.mul ins(%x14, %x14 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x16 = linalg.mul ins(%x15, %x15 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x17 = linalg.mul ins(%x16, %x16 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x18 = linalg.mul ins(%x17, %x17 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x19 = linalg.mul ins(%x18, %x18 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x20 = linalg.mul ins(%x19, %x19 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x21 = linalg.mul ins(%x20, %x20 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x22 = linalg.mul ins(%x21, %x21 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x23 = linalg.mul ins(%x22, %x22 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x24 = linalg.mul ins(%x23, %x23 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x25 = linalg.mul ins(%x24, %x24 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x26 = linalg.mul ins(%x25, %x25 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x27 = linalg.mul ins(%x26, %x26 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x28 = linalg.mul ins(%x27, %x27 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x29 = linalg.mul ins(%x28, %x28 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x30 = linalg.mul ins(%x29, %x29 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x31 = linalg.mul ins(%x30, %x30 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x32 = linalg.mul ins(%x31, %x31 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x33 = linalg.mul ins(%x32, %x32 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x34 = linalg.mul ins(%x33, %x33 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x35 = linalg.mul ins(%x34, %x34 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x36 = linalg.mul ins(%x35, %x35 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x37 = linalg.mul ins(%x36, %x36 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x38 = linalg.mul ins(%x37, %x37 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x39 = linalg.mul ins(%x38, %x38 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %x40 = linalg.mul ins(%x39, %x39 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%w : tensor<4x4xf32>) -> tensor<4x4xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = linalg.matmul ins(%x40, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}
