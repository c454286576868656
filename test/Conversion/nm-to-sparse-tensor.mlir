// RUN: nm-opt %s --convert-nm-to-sparse-tensor --split-input-file --verify-diagnostics | FileCheck %s

#s = #nm.sparsity<2:4, axis = 1>

// CHECK-DAG: #[[$LAST:.*]] = #sparse_tensor.encoding<{ map = (d0, d1) -> (d0 : dense, d1 floordiv 4 : dense, d1 mod 4 : structured[2, 4]) }>
// CHECK-DAG: #[[$FIRST:.*]] = #sparse_tensor.encoding<{ map = (d0, d1) -> (d1 : dense, d0 floordiv 8 : dense, d0 mod 8 : structured[1, 8]) }>
// CHECK-DAG: #[[$MIDDLE:.*]] = #sparse_tensor.encoding<{ map = (d0, d1, d2) -> (d0 : dense, d2 : dense, d1 floordiv 7 : dense, d1 mod 7 : structured[3, 7]) }>

// CHECK-LABEL: func @types(
// CHECK-SAME: tensor<8x16xf32, #[[$LAST]]>, %{{.*}}: tensor<8x16xf32, #[[$FIRST]]>, %{{.*}}: tensor<2x14x5xbf16, #[[$MIDDLE]]>) -> tensor<8x16xf32, #[[$LAST]]>
// CHECK: call @callee(%{{.*}}) : (tensor<8x16xf32, #[[$LAST]]>) -> tensor<8x16xf32, #[[$LAST]]>
// expected-warning @below {{upstream's lowering of structured[N, M] levels takes every group for full: results are wrong where a group holds fewer than N non-zeros (nm-lower-to-linalg is exact)}}
func.func @types(%a: tensor<8x16xf32, #s>, %b: tensor<8x16xf32, #nm.sparsity<1:8, axis = 0>>,
                 %c: tensor<2x14x5xbf16, #nm.sparsity<3:7, axis = 1>>) -> tensor<8x16xf32, #s> {
  %r = call @callee(%a) : (tensor<8x16xf32, #s>) -> tensor<8x16xf32, #s>
  return %r : tensor<8x16xf32, #s>
}
func.func private @callee(tensor<8x16xf32, #s>) -> tensor<8x16xf32, #s>

// CHECK-LABEL: func @compress(
// CHECK: %[[P:.*]] = nm.prune
// CHECK: sparse_tensor.convert %[[P]] : tensor<8x16xf32> to tensor<8x16xf32, #[[$LAST]]>
func.func @compress(%w: tensor<8x16xf32>) -> tensor<8x16xf32, #s> {
  %p = nm.prune %w to <2:4, axis = 1> : tensor<8x16xf32>
  %s = nm.compress %p : tensor<8x16xf32> to tensor<8x16xf32, #s>
  return %s : tensor<8x16xf32, #s>
}

// CHECK-LABEL: func @decompress(
// CHECK: sparse_tensor.convert %{{.*}} : tensor<8x16xf32, #[[$LAST]]> to tensor<8x16xf32>
func.func @decompress(%s: tensor<8x16xf32, #s>) -> tensor<8x16xf32> {
  %d = nm.decompress %s : tensor<8x16xf32, #s> to tensor<8x16xf32>
  return %d : tensor<8x16xf32>
}

// CHECK-LABEL: func @known(
// CHECK: %[[W:.*]] = nm.packed_param "w" of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout dense : tensor<8x16xf32>
// CHECK: sparse_tensor.convert %[[W]] : tensor<8x16xf32> to tensor<8x16xf32, #[[$LAST]]>
// CHECK: %[[C:.*]] = arith.constant dense<{{.*}}> : tensor<1x4xf32>
// CHECK: sparse_tensor.convert %[[C]]
func.func @known() -> (tensor<8x16xf32, #s>, tensor<1x4xf32, #s>) {
  %w = nm.param "w" : tensor<8x16xf32, #s>
  %c = arith.constant dense<[[0.0, 1.0, 0.0, 2.0]]> : tensor<1x4xf32, #s>
  return %w, %c : tensor<8x16xf32, #s>, tensor<1x4xf32, #s>
}

// The epilogue is dense: only the contraction reads the sparse operand.
// CHECK-LABEL: func @matmul(
// CHECK-SAME: %[[X:.*]]: tensor<4x16xf32>, %[[W:.*]]: tensor<8x16xf32, #[[$LAST]]>
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[W]] : tensor<4x16xf32>, tensor<8x16xf32, #[[$LAST]]>)
// CHECK: linalg.generic {{.*}} ins(%[[SUM]], %{{.*}} : tensor<4x8xf32>, tensor<8xf32>)
func.func @matmul(%x: tensor<4x16xf32>, %w: tensor<8x16xf32, #s>, %b: tensor<8xf32>, %c: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %r = nm.matmul transpose_rhs ins(%x, %w : tensor<4x16xf32>, tensor<8x16xf32, #s>)
      epilogue(%b : tensor<8xf32>) maps [affine_map<(i, j) -> (j)>] outs(%c : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %e: f32):
    %t = arith.addf %acc, %e : f32
    nm.yield %t : f32
  } -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// A product of dense tensors is not this pass's business.
// CHECK-LABEL: func @dense_matmul(
// CHECK: nm.matmul
func.func @dense_matmul(%x: tensor<4x16xf32>, %w: tensor<16x8xf32>, %c: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %r = nm.matmul ins(%x, %w : tensor<4x16xf32>, tensor<16x8xf32>) outs(%c : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

// expected-error @below {{uses 'tensor<8xf32, #nm.sparsity<1:1, axis = 0>>', which sparse_tensor does not express: a structured level needs M of 2 or more, got 1:1}}
func.func private @one_of_one(tensor<8xf32, #nm.sparsity<1:1, axis = 0>>)

// -----

func.func @assemble(%v: tensor<8x8xf32>, %m: tensor<8x2xi8>) -> tensor<8x16xf32> {
  // expected-error @below {{'nm.assemble' op has no counterpart in sparse_tensor, which knows no layout; use nm.compress and nm.decompress of dense tensors}}
  %s = nm.assemble %v, %m layout canonical : tensor<8x8xf32>, tensor<8x2xi8> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  %d = nm.decompress %s : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<8x16xf32>
  return %d : tensor<8x16xf32>
}
