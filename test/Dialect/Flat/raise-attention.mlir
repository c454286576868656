// RUN: nm-opt %s --flat-raise-attention --canonicalize --mlir-print-local-scope | FileCheck %s

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#row = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>

// linalg.softmax, generic products over four dimensions, causal by positions, scale on the
// queries. Every query sees a key, so the lowest number becomes minus infinity.
// CHECK-LABEL: func @causal(
// CHECK: flat.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x4x16x8xf32>, tensor<2x4x16x8xf32>, tensor<2x4x16x8xf32>)
// CHECK-SAME: scale(2.500000e-01) outs
// CHECK-SAME: score {
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index):
// CHECK-NEXT: %[[C:.*]] = arith.cmpi ule, %[[J]], %[[I]] : index
// CHECK-NEXT: %[[R:.*]] = arith.select %[[C]], %[[S]], %[[INF:.*]] : f32
// CHECK-NEXT: flat.yield %[[R]] : f32
// CHECK-NOT: linalg
// CHECK: return
func.func @causal(%q: tensor<2x4x16x8xf32>, %k: tensor<2x4x16x8xf32>, %v: tensor<2x4x16x8xf32>) -> tensor<2x4x16x8xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.25 : f32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %e = tensor.empty() : tensor<2x4x16x8xf32>
  %qs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%q : tensor<2x4x16x8xf32>) outs(%e : tensor<2x4x16x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.mulf %a, %scale : f32
    linalg.yield %m : f32
  } -> tensor<2x4x16x8xf32>
  %es = tensor.empty() : tensor<2x4x16x16xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4x16x16xf32>) -> tensor<2x4x16x16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, h, i, j, d) -> (b, h, i, d)>, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, affine_map<(b, h, i, j, d) -> (b, h, i, j)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%qs, %k : tensor<2x4x16x8xf32>, tensor<2x4x16x8xf32>) outs(%zs : tensor<2x4x16x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %o, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x4x16x16xf32>
  %masked = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%s : tensor<2x4x16x16xf32>) outs(%es : tensor<2x4x16x16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %c = arith.cmpi ule, %j, %i : index
    %r = arith.select %c, %a, %lowest : f32
    linalg.yield %r : f32
  } -> tensor<2x4x16x16xf32>
  %p = linalg.softmax dimension(3) ins(%masked : tensor<2x4x16x16xf32>) outs(%es : tensor<2x4x16x16xf32>) -> tensor<2x4x16x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4x16x8xf32>) -> tensor<2x4x16x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, h, i, d, j) -> (b, h, i, j)>, affine_map<(b, h, i, d, j) -> (b, h, j, d)>, affine_map<(b, h, i, d, j) -> (b, h, i, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%p, %v : tensor<2x4x16x16xf32>, tensor<2x4x16x8xf32>) outs(%z : tensor<2x4x16x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %o, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x4x16x8xf32>
  return %r : tensor<2x4x16x8xf32>
}

// Grouped heads by broadcast and collapse; bf16 around an f32 softmax; a
// causal mask that is a constant; heads before positions in the products only.
// CHECK-LABEL: func @grouped(
// CHECK-SAME: %[[Q:.*]]: tensor<2x5x4x8xbf16>, %[[K:.*]]: tensor<2x5x2x8xbf16>, %[[V:.*]]: tensor<2x5x2x8xbf16>)
// CHECK: flat.attention ins(%[[Q]], %[[K]], %[[V]] : tensor<2x5x4x8xbf16>, tensor<2x5x2x8xbf16>, tensor<2x5x2x8xbf16>) outs
// CHECK-SAME: orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) score {
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

// A padding mask as encoders make it: what is read is the small tensor, computed before. A constant scale
// after the product.
// CHECK-LABEL: func @padding(
// CHECK: %[[MASK:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<2x6xf32>)
// CHECK: flat.attention {{.*}} mask(%[[MASK]] : tensor<2x1x1x6xf32>) map affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, d3)>
// CHECK-SAME: scale(5.000000e-01)
// CHECK-NOT: score
// CHECK: return
func.func @padding(%q: tensor<2x3x4x8xf32>, %kt: tensor<2x3x8x6xf32>, %v: tensor<2x3x6x8xf32>, %m: tensor<2x6xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %big = arith.constant -10000.0 : f32
  %half = arith.constant 0.5 : f32
  %em = tensor.empty() : tensor<2x1x1x6xf32>
  %mask = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d3)>, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%m : tensor<2x6xf32>) outs(%em : tensor<2x1x1x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %d = arith.subf %one, %a : f32
    %r = arith.mulf %d, %big : f32
    linalg.yield %r : f32
  } -> tensor<2x1x1x6xf32>
  %qr = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<2x3x4x8xf32> into tensor<6x4x8xf32>
  %kr = tensor.collapse_shape %kt [[0, 1], [2], [3]] : tensor<2x3x8x6xf32> into tensor<6x8x6xf32>
  %vr = tensor.collapse_shape %v [[0, 1], [2], [3]] : tensor<2x3x6x8xf32> into tensor<6x6x8xf32>
  %es = tensor.empty() : tensor<6x4x6xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<6x4x6xf32>) -> tensor<6x4x6xf32>
  %s = linalg.batch_matmul ins(%qr, %kr : tensor<6x4x8xf32>, tensor<6x8x6xf32>) outs(%zs : tensor<6x4x6xf32>) -> tensor<6x4x6xf32>
  %s4 = tensor.expand_shape %s [[0, 1], [2], [3]] output_shape [2, 3, 4, 6] : tensor<6x4x6xf32> into tensor<2x3x4x6xf32>
  %ew = tensor.empty() : tensor<2x3x4x6xf32>
  %w = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, d3)>, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%s4, %mask : tensor<2x3x4x6xf32>, tensor<2x1x1x6xf32>) outs(%ew : tensor<2x3x4x6xf32>) {
  ^bb0(%a: f32, %mm: f32, %o: f32):
    %y = arith.mulf %a, %half : f32
    %z = arith.addf %y, %mm : f32
    linalg.yield %z : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%w : tensor<2x3x4x6xf32>) outs(%ew : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %pr = tensor.collapse_shape %p [[0, 1], [2], [3]] : tensor<2x3x4x6xf32> into tensor<6x4x6xf32>
  %eo = tensor.empty() : tensor<6x4x8xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<6x4x8xf32>) -> tensor<6x4x8xf32>
  %o = linalg.batch_matmul ins(%pr, %vr : tensor<6x4x6xf32>, tensor<6x6x8xf32>) outs(%zo : tensor<6x4x8xf32>) -> tensor<6x4x8xf32>
  %r = tensor.expand_shape %o [[0, 1], [2], [3]] output_shape [2, 3, 4, 8] : tensor<6x4x8xf32> into tensor<2x3x4x8xf32>
  return %r : tensor<2x3x4x8xf32>
}

// One head, dynamic sizes, a scale known at run time only, a mask of truth values beside minus infinity, a bias
// for each pair of positions within the soft cap: that stays in the region.
// CHECK-LABEL: func @dynamic(
// CHECK-SAME: %{{.*}}: tensor<?x8xf32>, %{{.*}}: tensor<?x8xf32>, %{{.*}}: tensor<?x8xf32>, %[[M:.*]]: tensor<?x?xi1>, %[[B:.*]]: tensor<?x?xf32>, %[[SCALE:.*]]: f32)
// CHECK: flat.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>)
// CHECK-SAME: mask(%[[M]] : tensor<?x?xi1>) map affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-SAME: scale(%[[SCALE]])
// CHECK-SAME: score operands(%[[B]] : tensor<?x?xf32>) maps [affine_map<(d0, d1, d2, d3) -> (d2, d3)>] {
// CHECK: %[[X:.*]] = arith.addf %{{.*}}, %{{.*}} : f32
// CHECK: %[[T:.*]] = math.tanh %[[X]] : f32
// CHECK: flat.yield %[[T]]
// CHECK: return
func.func @dynamic(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %m: tensor<?x?xi1>, %bias: tensor<?x?xf32>, %scale: f32) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %n = tensor.dim %q, %c0 : tensor<?x8xf32>
  %s = tensor.dim %k, %c0 : tensor<?x8xf32>
  %es = tensor.empty(%n, %s) : tensor<?x?xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<?x?xf32>) -> tensor<?x?xf32>
  %l = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>] ins(%q, %k : tensor<?x8xf32>, tensor<?x8xf32>) outs(%zs : tensor<?x?xf32>) -> tensor<?x?xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%l, %m, %bias : tensor<?x?xf32>, tensor<?x?xi1>, tensor<?x?xf32>) outs(%es : tensor<?x?xf32>) {
  ^bb0(%a: f32, %c: i1, %b: f32, %o: f32):
    %x = arith.mulf %a, %scale : f32
    %y = arith.addf %x, %b : f32
    %t = math.tanh %y : f32
    %r = arith.select %c, %t, %minf : f32
    linalg.yield %r : f32
  } -> tensor<?x?xf32>
  %p = linalg.softmax dimension(1) ins(%w : tensor<?x?xf32>) outs(%es : tensor<?x?xf32>) -> tensor<?x?xf32>
  %eo = tensor.empty(%n) : tensor<?x8xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<?x8xf32>) -> tensor<?x8xf32>
  %r = linalg.matmul ins(%p, %v : tensor<?x?xf32>, tensor<?x8xf32>) outs(%zo : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// Here the lowest number may be all that a query sees: it stays.
// CHECK-LABEL: func @unseen(
// CHECK: %[[LOWEST:.*]] = arith.constant -3.40282347E+38 : f32
// CHECK: flat.attention
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[LOWEST]] : f32
func.func @unseen(%q: tensor<6x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>) -> tensor<6x8xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %c3 = arith.constant 3 : index
  %es = tensor.empty() : tensor<6x4xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<6x4xf32>) -> tensor<6x4xf32>
  %l = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>] ins(%q, %k : tensor<6x8xf32>, tensor<4x8xf32>) outs(%zs : tensor<6x4xf32>) -> tensor<6x4xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%l : tensor<6x4xf32>) outs(%es : tensor<6x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %i3 = arith.addi %j, %c3 : index
    %c = arith.cmpi sle, %i3, %i : index
    %r = arith.select %c, %a, %lowest : f32
    linalg.yield %r : f32
  } -> tensor<6x4xf32>
  %p = linalg.softmax dimension(1) ins(%w : tensor<6x4xf32>) outs(%es : tensor<6x4xf32>) -> tensor<6x4xf32>
  %eo = tensor.empty() : tensor<6x8xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<6x8xf32>) -> tensor<6x8xf32>
  %r = linalg.matmul ins(%p, %v : tensor<6x4xf32>, tensor<4x8xf32>) outs(%zo : tensor<6x8xf32>) -> tensor<6x8xf32>
  return %r : tensor<6x8xf32>
}
