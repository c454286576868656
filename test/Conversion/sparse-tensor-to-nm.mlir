// RUN: nm-opt %s --convert-sparse-tensor-to-nm --split-input-file --verify-diagnostics | FileCheck %s

#NV24 = #sparse_tensor.encoding<{ map = (i, j) -> (i : dense, j floordiv 4 : dense, j mod 4 : structured[2, 4]), crdWidth = 8 }>
#NV24T = #sparse_tensor.encoding<{ map = (i, j) -> (j : dense, i floordiv 4 : dense, i mod 4 : structured[2, 4]) }>
#B37 = #sparse_tensor.encoding<{ map = (b, i, j) -> (j : dense, b : dense, i floordiv 7 : dense, i mod 7 : structured[3, 7]) }>
#CSR = #sparse_tensor.encoding<{ map = (i, j) -> (i : dense, j : compressed) }>

// Levels in any order; the widths of positions and coordinates are storage.
// CHECK-LABEL: func @types(
// CHECK-SAME: tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>, %{{.*}}: tensor<16x8xf32, #nm.sparsity<2:4, axis = 0>>, %{{.*}}: tensor<2x14x3xf16, #nm.sparsity<3:7, axis = 1>>, %{{.*}}: tensor<8x16xf32, #sparse
func.func @types(%a: tensor<8x16xf32, #NV24>, %b: tensor<16x8xf32, #NV24T>, %c: tensor<2x14x3xf16, #B37>, %d: tensor<8x16xf32, #CSR>) {
  return
}

// CHECK-LABEL: func @converts(
// CHECK-SAME: %[[W:.*]]: tensor<8x16xf32>
// CHECK: %[[S:.*]] = nm.compress %[[W]] : tensor<8x16xf32> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
// CHECK: %[[D:.*]] = nm.decompress %[[S]]
// CHECK: %[[D2:.*]] = nm.decompress %[[S]]
// CHECK: %[[CSR:.*]] = sparse_tensor.convert %[[D2]] : tensor<8x16xf32> to tensor<8x16xf32, #sparse
// CHECK: %[[D3:.*]] = sparse_tensor.convert %[[CSR]] : tensor<8x16xf32, #sparse{{.*}}> to tensor<8x16xf32>
// CHECK: nm.compress %[[D3]]
func.func @converts(%w: tensor<8x16xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32, #NV24>) {
  %s = sparse_tensor.convert %w : tensor<8x16xf32> to tensor<8x16xf32, #NV24>
  %d = sparse_tensor.convert %s : tensor<8x16xf32, #NV24> to tensor<8x16xf32>
  %c = sparse_tensor.convert %s : tensor<8x16xf32, #NV24> to tensor<8x16xf32, #CSR>
  %t = sparse_tensor.convert %c : tensor<8x16xf32, #CSR> to tensor<8x16xf32, #NV24>
  return %d, %t : tensor<8x16xf32>, tensor<8x16xf32, #NV24>
}

// CHECK-LABEL: func @other_axis(
// CHECK: nm.decompress %{{.*}} : tensor<16x16xf32, #nm.sparsity<2:4, axis = 1>>
// CHECK: nm.compress %{{.*}} to tensor<16x16xf32, #nm.sparsity<2:4, axis = 0>>
func.func @other_axis(%s: tensor<16x16xf32, #NV24>) -> tensor<16x16xf32, #NV24T> {
  %t = sparse_tensor.convert %s : tensor<16x16xf32, #NV24> to tensor<16x16xf32, #NV24T>
  return %t : tensor<16x16xf32, #NV24T>
}

// The destination is zero: plain product.
// CHECK-LABEL: func @matmul(
// CHECK: nm.matmul ins(%{{.*}}, %{{.*}} : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>, tensor<16x4xf32>) outs(%{{.*}} : tensor<8x4xf32>) -> tensor<8x4xf32>
func.func @matmul(%s: tensor<8x16xf32, #NV24>, %x: tensor<16x4xf32>) -> tensor<8x4xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  %r = linalg.matmul ins(%s, %x : tensor<8x16xf32, #NV24>, tensor<16x4xf32>) outs(%i : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// What the destination holds is added.
// CHECK-LABEL: func @matmul_accumulate(
// CHECK-SAME: %[[C:[^,]*]]: tensor<3x5x8xf16>)
// CHECK: nm.matmul ins(%{{.*}}, %{{.*}} : tensor<3x5x16xf16>, tensor<3x16x8xf16, #nm.sparsity<2:4, axis = 1>>) epilogue(%[[C]] : tensor<3x5x8xf16>) maps [#{{.*}}] outs(%[[C]] : tensor<3x5x8xf16>) {
// CHECK: ^bb0(%[[ACC:.*]]: f32, %[[E:.*]]: f16):
// CHECK: %[[F:.*]] = arith.extf %[[E]]
// CHECK: %[[A:.*]] = arith.addf %[[ACC]], %[[F]] : f32
// CHECK: %[[T:.*]] = arith.truncf %[[A]]
// CHECK: nm.yield %[[T]] : f16
#BATCH = #sparse_tensor.encoding<{ map = (b, i, j) -> (b : dense, j : dense, i floordiv 4 : dense, i mod 4 : structured[2, 4]) }>
func.func @matmul_accumulate(%x: tensor<3x5x16xf16>, %s: tensor<3x16x8xf16, #BATCH>, %c: tensor<3x5x8xf16>) -> tensor<3x5x8xf16> {
  %r = linalg.batch_matmul ins(%x, %s : tensor<3x5x16xf16>, tensor<3x16x8xf16, #BATCH>) outs(%c : tensor<3x5x8xf16>) -> tensor<3x5x8xf16>
  return %r : tensor<3x5x8xf16>
}

// A generic that has the weight first, transposed, and the result's columns in
// it: the weight is the right operand.
// CHECK-LABEL: func @generic(
// CHECK-SAME: %[[S:[^:]*]]: tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>, %[[X:[^:]*]]: tensor<5x16xf32>
// CHECK: nm.matmul transpose_rhs ins(%[[X]], %[[S]] :
func.func @generic(%s: tensor<8x16xf32, #NV24>, %x: tensor<5x16xf32>) -> tensor<5x8xf32> {
  %i = arith.constant dense<0.0> : tensor<5x8xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%s, %x : tensor<8x16xf32, #NV24>, tensor<5x16xf32>) outs(%i : tensor<5x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %c, %p : f32
    linalg.yield %q : f32
  } -> tensor<5x8xf32>
  return %r : tensor<5x8xf32>
}

// No product along the sparse axis: the dense tensor is read.
// CHECK-LABEL: func @elementwise(
// CHECK: %[[D:.*]] = nm.decompress
// CHECK: linalg.exp ins(%[[D]] : tensor<8x16xf32>)
func.func @elementwise(%s: tensor<8x16xf32, #NV24>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %r = linalg.exp ins(%s : tensor<8x16xf32, #NV24>) outs(%c : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// CHECK-LABEL: func @matmul_other_axis(
// CHECK: %[[D:.*]] = nm.decompress
// CHECK: linalg.matmul ins(%[[D]], %{{.*}} :
func.func @matmul_other_axis(%s: tensor<8x16xf32, #NV24T>, %x: tensor<16x4xf32>, %c: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %r = linalg.matmul ins(%s, %x : tensor<8x16xf32, #NV24T>, tensor<16x4xf32>) outs(%c : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// -----

#ONES = #sparse_tensor.encoding<{ map = (i, j) -> (i : dense, j floordiv 4 : dense, j mod 4 : structured[2, 4]), explicitVal = 1.0 : f32 }>

// expected-error @below {{which nm does not express: the encoding has an explicit or implicit value, or slices}}
func.func private @explicit_value(tensor<8x16xf32, #ONES>)

// -----

#NV24 = #sparse_tensor.encoding<{ map = (i, j) -> (i : dense, j floordiv 4 : dense, j mod 4 : structured[2, 4]) }>

// expected-error @below {{which nm does not express: nm_sparsity_c4: element type must be f32, bf16, f16 or i8, got 'f64'}}
func.func private @element_type(tensor<8x16xf64, #NV24>)

// -----

#NV24 = #sparse_tensor.encoding<{ map = (i, j) -> (i : dense, j floordiv 4 : dense, j mod 4 : structured[2, 4]) }>

func.func @values(%s: tensor<8x16xf32, #NV24>) -> memref<?xf32> {
  // expected-error @below {{'sparse_tensor.values' op has no counterpart in nm for structured tensors; go through sparse_tensor.convert and dense tensors}}
  %v = sparse_tensor.values %s : tensor<8x16xf32, #NV24> to memref<?xf32>
  return %v : memref<?xf32>
}

// -----

#NV24 = #sparse_tensor.encoding<{ map = (i, j) -> (i : dense, j floordiv 4 : dense, j mod 4 : structured[2, 4]) }>

func.func @sparse_result(%s: tensor<8x16xf32, #NV24>, %o: tensor<8x16xf32, #NV24>) -> tensor<8x16xf32, #NV24> {
  // expected-error @below {{'linalg.exp' op writes a structured tensor, which nm does not express: nm.matmul has a dense result}}
  %r = linalg.exp ins(%s : tensor<8x16xf32, #NV24>) outs(%o : tensor<8x16xf32, #NV24>) -> tensor<8x16xf32, #NV24>
  return %r : tensor<8x16xf32, #NV24>
}
