// RUN: nm-opt %s --flat-raise-attention --canonicalize --mlir-print-local-scope | FileCheck %s

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

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
