// RUN: nm-opt %s --flat-raise-attention --canonicalize --mlir-print-local-scope | FileCheck %s

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#row = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>

// Grouped heads by broadcast and collapse; bf16 around an f32 softmax; a
// causal mask that is a constant; heads before positions in the products only.
// CHECK-LABEL: func @grouped(
// CHECK-SAME: %[[Q:.*]]: tensor<2x5x4x8xbf16>, %[[K:.*]]: tensor<2x5x2x8xbf16>, %[[V:.*]]: tensor<2x5x2x8xbf16>)
// CHECK: flat.attention ins(%[[Q]], %[[K]], %[[V]] : tensor<2x5x4x8xbf16>, tensor<2x5x2x8xbf16>, tensor<2x5x2x8xbf16>) outs
// CHECK-SAME: orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) guard(none) score {
// CHECK: arith.cmpi sle
// CHECK: -> tensor<2x5x4x8xbf16>
// CHECK-NOT: linalg
// CHECK: return
func.func @grouped(%q: tensor<2x5x4x8xbf16>, %k: tensor<2x5x2x8xbf16>, %v: tensor<2x5x2x8xbf16>) -> tensor<2x5x32xbf16> {
  %zero = arith.constant 0.0 : bf16
  %zero32 = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %eq = tensor.empty() : tensor<2x4x5x8xbf16>
  %qh = linalg.transpose ins(%q : tensor<2x5x4x8xbf16>) outs(%eq : tensor<2x4x5x8xbf16>) permutation = [0, 2, 1, 3]
  %ek = tensor.empty() : tensor<2x2x5x8xbf16>
  %kh = linalg.transpose ins(%k : tensor<2x5x2x8xbf16>) outs(%ek : tensor<2x2x5x8xbf16>) permutation = [0, 2, 1, 3]
  %vh = linalg.transpose ins(%v : tensor<2x5x2x8xbf16>) outs(%ek : tensor<2x2x5x8xbf16>) permutation = [0, 2, 1, 3]
  %eb = tensor.empty() : tensor<2x2x2x5x8xbf16>
  %kb = linalg.broadcast ins(%kh : tensor<2x2x5x8xbf16>) outs(%eb : tensor<2x2x2x5x8xbf16>) dimensions = [2]
  %vb = linalg.broadcast ins(%vh : tensor<2x2x5x8xbf16>) outs(%eb : tensor<2x2x2x5x8xbf16>) dimensions = [2]
  %kr = tensor.collapse_shape %kb [[0, 1, 2], [3], [4]] : tensor<2x2x2x5x8xbf16> into tensor<8x5x8xbf16>
  %vr = tensor.collapse_shape %vb [[0, 1, 2], [3], [4]] : tensor<2x2x2x5x8xbf16> into tensor<8x5x8xbf16>
  %ekt = tensor.empty() : tensor<8x8x5xbf16>
  %kt = linalg.transpose ins(%kr : tensor<8x5x8xbf16>) outs(%ekt : tensor<8x8x5xbf16>) permutation = [0, 2, 1]
  %qr = tensor.collapse_shape %qh [[0, 1], [2], [3]] : tensor<2x4x5x8xbf16> into tensor<8x5x8xbf16>
  %es = tensor.empty() : tensor<8x5x5xbf16>
  %zs = linalg.fill ins(%zero : bf16) outs(%es : tensor<8x5x5xbf16>) -> tensor<8x5x5xbf16>
  %s = linalg.batch_matmul ins(%qr, %kt : tensor<8x5x8xbf16>, tensor<8x8x5xbf16>) outs(%zs : tensor<8x5x5xbf16>) -> tensor<8x5x5xbf16>
  %s4 = tensor.expand_shape %s [[0, 1], [2], [3]] output_shape [2, 4, 5, 5] : tensor<8x5x5xbf16> into tensor<2x4x5x5xbf16>
  %ef = tensor.empty() : tensor<2x4x5x5xf32>
  %mask = arith.constant dense<[[[[0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0]]]]> : tensor<1x1x5x5xf32>
  %w = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1, d2, d3) -> (0, 0, d2, d3)>, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%s4, %mask : tensor<2x4x5x5xbf16>, tensor<1x1x5x5xf32>) outs(%ef : tensor<2x4x5x5xf32>) {
  ^bb0(%a: bf16, %mm: f32, %o: f32):
    %x = arith.extf %a : bf16 to f32
    %c = arith.constant 2.8284271 : f32
    %y = arith.divf %x, %c : f32
    %z = arith.addf %y, %mm : f32
    linalg.yield %z : f32
  } -> tensor<2x4x5x5xf32>
  %er = tensor.empty() : tensor<2x4x5xf32>
  %fm = linalg.fill ins(%minf : f32) outs(%er : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %max = linalg.reduce ins(%w : tensor<2x4x5x5xf32>) outs(%fm : tensor<2x4x5xf32>) dimensions = [3] (%a: f32, %o: f32) {
    %m = arith.maximumf %a, %o : f32
    linalg.yield %m : f32
  }
  %x = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%w, %max : tensor<2x4x5x5xf32>, tensor<2x4x5xf32>) outs(%ef : tensor<2x4x5x5xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %d = arith.subf %a, %m : f32
    %e = math.exp %d : f32
    linalg.yield %e : f32
  } -> tensor<2x4x5x5xf32>
  %fs = linalg.fill ins(%zero32 : f32) outs(%er : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
  %sum = linalg.reduce ins(%x : tensor<2x4x5x5xf32>) outs(%fs : tensor<2x4x5xf32>) dimensions = [3] (%a: f32, %o: f32) {
    %m = arith.addf %a, %o : f32
    linalg.yield %m : f32
  }
  %ep = tensor.empty() : tensor<2x4x5x5xbf16>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%x, %sum : tensor<2x4x5x5xf32>, tensor<2x4x5xf32>) outs(%ep : tensor<2x4x5x5xbf16>) {
  ^bb0(%a: f32, %m: f32, %o: bf16):
    %d = arith.divf %a, %m : f32
    %t = arith.truncf %d : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<2x4x5x5xbf16>
  %pr = tensor.collapse_shape %p [[0, 1], [2], [3]] : tensor<2x4x5x5xbf16> into tensor<8x5x5xbf16>
  %eo = tensor.empty() : tensor<8x5x8xbf16>
  %zo = linalg.fill ins(%zero : bf16) outs(%eo : tensor<8x5x8xbf16>) -> tensor<8x5x8xbf16>
  %o = linalg.batch_matmul ins(%pr, %vr : tensor<8x5x5xbf16>, tensor<8x5x8xbf16>) outs(%zo : tensor<8x5x8xbf16>) -> tensor<8x5x8xbf16>
  %o4 = tensor.expand_shape %o [[0, 1], [2], [3]] output_shape [2, 4, 5, 8] : tensor<8x5x8xbf16> into tensor<2x4x5x8xbf16>
  %et = tensor.empty() : tensor<2x5x4x8xbf16>
  %ot = linalg.transpose ins(%o4 : tensor<2x4x5x8xbf16>) outs(%et : tensor<2x5x4x8xbf16>) permutation = [0, 2, 1, 3]
  %r = tensor.collapse_shape %ot [[0], [1], [2, 3]] : tensor<2x5x4x8xbf16> into tensor<2x5x32xbf16>
  return %r : tensor<2x5x32xbf16>
}
