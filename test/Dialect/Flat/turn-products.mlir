// RUN: nm-opt %s --flat-turn-products | FileCheck %s
// RUN: nm-opt %s --flat-turn-products --remarks-filter=flat-turn-products 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// Queries and keys are made with positions side by side; the epilogue's indices change places with the result's. Values have a
// second reader.
// REMARK: product-turned {{.*}}operand=q
// REMARK: product-turned {{.*}}operand=k
// REMARK-NOT: product-turned
// CHECK-DAG: #[[ROW:.+]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[SWAP:.+]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func @layer(
// CHECK-SAME: %[[X:[^:]+]]: tensor<256x64xf32>, %[[WQ:[^:]+]]: tensor<64x32xf32, {{[^>]+}}>>, %[[WK:[^:]+]]: tensor<32x64xf32, {{[^>]+}}>>, %[[WV:[^:]+]]: tensor
// CHECK: %[[Q:.+]] = nm.matmul transpose_lhs transpose_rhs ins(%[[WQ]], %[[X]] : tensor<64x32xf32, {{.+}}>, tensor<256x64xf32>)
// CHECK-SAME: epilogue(%{{.+}}, %{{.+}} : tensor<32xf32>, tensor<256x32xf32>) maps [#[[ROW]], #[[SWAP]]] outs(%{{.+}} : tensor<32x256xf32>)
// CHECK: %[[HQ:.+]] = tensor.expand_shape %[[Q]] {{\[\[}}0, 1], [2, 3]] output_shape [4, 8, 2, 128]
// CHECK: %[[K:.+]] = nm.matmul transpose_rhs ins(%[[WK]], %[[X]] : {{.+}}) outs(%{{.+}} : tensor<32x256xf32>)
// CHECK: %[[HK:.+]] = tensor.expand_shape %[[K]] {{\[\[}}0, 1], [2, 3]] output_shape [4, 8, 2, 128]
// CHECK: %[[V:.+]] = nm.matmul ins(%[[X]], %[[WV]] :
// CHECK: flat.attention ins(%[[HQ]], %[[HK]], %{{.+}}) outs({{.*}}) orders(q = hdbn, k = hdbn, v = bnhd, o = bnhd)
func.func @layer(%x: tensor<256x64xf32>, %wq: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>,
                 %wk: tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>, %wv: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>,
                 %bias: tensor<32xf32>, %r: tensor<256x32xf32>, %out: tensor<2x128x4x8xf32>)
    -> (tensor<2x128x4x8xf32>, tensor<256x32xf32>) {
  %e = tensor.empty() : tensor<256x32xf32>
  %q = nm.matmul ins(%x, %wq : tensor<256x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>)
      epilogue(%bias, %r : tensor<32xf32>, tensor<256x32xf32>) maps [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>]
      outs(%e : tensor<256x32xf32>) {
  ^bb0(%acc: f32, %b: f32, %c: f32):
    %s = arith.addf %acc, %b : f32
    %t = arith.addf %s, %c : f32
    nm.yield %t : f32
  } -> tensor<256x32xf32>
  %k = nm.matmul transpose_rhs ins(%x, %wk : tensor<256x64xf32>, tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<256x32xf32>) -> tensor<256x32xf32>
  %v = nm.matmul ins(%x, %wv : tensor<256x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>)
      outs(%e : tensor<256x32xf32>) -> tensor<256x32xf32>
  %hq = tensor.expand_shape %q [[0, 1], [2, 3]] output_shape [2, 128, 4, 8] : tensor<256x32xf32> into tensor<2x128x4x8xf32>
  %hk = tensor.expand_shape %k [[0, 1], [2, 3]] output_shape [2, 128, 4, 8] : tensor<256x32xf32> into tensor<2x128x4x8xf32>
  %hv = tensor.expand_shape %v [[0, 1], [2, 3]] output_shape [2, 128, 4, 8] : tensor<256x32xf32> into tensor<2x128x4x8xf32>
  %a = flat.attention ins(%hq, %hk, %hv : tensor<2x128x4x8xf32>, tensor<2x128x4x8xf32>, tensor<2x128x4x8xf32>)
      outs(%out : tensor<2x128x4x8xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) -> tensor<2x128x4x8xf32>
  return %a, %v : tensor<2x128x4x8xf32>, tensor<256x32xf32>
}

// Few positions, and products without an encoded weight, stay.
// CHECK-LABEL: func @short(
// CHECK-NOT: transpose_lhs
// CHECK: orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd)
func.func @short(%x: tensor<32x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %k: tensor<1x128x4x8xf32>,
                 %out: tensor<1x32x4x8xf32>) -> tensor<1x32x4x8xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  %q = nm.matmul ins(%x, %w : tensor<32x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>)
      outs(%e : tensor<32x32xf32>) -> tensor<32x32xf32>
  %h = tensor.expand_shape %q [[0, 1], [2, 3]] output_shape [1, 32, 4, 8] : tensor<32x32xf32> into tensor<1x32x4x8xf32>
  %a = flat.attention ins(%h, %k, %k : tensor<1x32x4x8xf32>, tensor<1x128x4x8xf32>, tensor<1x128x4x8xf32>)
      outs(%out : tensor<1x32x4x8xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) -> tensor<1x32x4x8xf32>
  return %a : tensor<1x32x4x8xf32>
}

// CHECK-LABEL: func @dense(
// CHECK-NOT: transpose_lhs
// CHECK: orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd)
func.func @dense(%x: tensor<128x64xf32>, %w: tensor<64x32xf32>, %k: tensor<1x128x4x8xf32>, %out: tensor<1x128x4x8xf32>)
    -> tensor<1x128x4x8xf32> {
  %e = tensor.empty() : tensor<128x32xf32>
  %q = nm.matmul ins(%x, %w : tensor<128x64xf32>, tensor<64x32xf32>) outs(%e : tensor<128x32xf32>) -> tensor<128x32xf32>
  %h = tensor.expand_shape %q [[0, 1], [2, 3]] output_shape [1, 128, 4, 8] : tensor<128x32xf32> into tensor<1x128x4x8xf32>
  %a = flat.attention ins(%h, %k, %k : tensor<1x128x4x8xf32>, tensor<1x128x4x8xf32>, tensor<1x128x4x8xf32>)
      outs(%out : tensor<1x128x4x8xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) -> tensor<1x128x4x8xf32>
  return %a : tensor<1x128x4x8xf32>
}
