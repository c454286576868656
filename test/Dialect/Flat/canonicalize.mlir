// RUN: nm-opt %s --canonicalize --split-input-file | FileCheck %s

// A mask that hides nothing, a scale and a length that are the default, an offset that no function reads, an order
// that is named for nothing, a region that yields the logit, and with it its operand.
// CHECK-LABEL: func @nothing(
// CHECK: flat.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<1x2x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x16xf32>) outs(%{{.*}} : tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32>
func.func @nothing(%q: tensor<1x2x8x16xf32>, %k: tensor<1x2x10x16xf32>, %o: tensor<1x2x8x16xf32>, %s: tensor<2xf32>, %at: index) -> tensor<1x2x8x16xf32> {
  %mask = arith.constant dense<true> : tensor<8x10xi1>
  %scale = arith.constant 0.25 : f32
  %length = arith.constant 12 : index
  %r = flat.attention ins(%q, %k, %k : tensor<1x2x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x16xf32>)
      mask(%mask : tensor<8x10xi1>) map affine_map<(b, h, i, j) -> (i, j)>
      scale(%scale) offset(%at) length(%length)
      outs(%o : tensor<1x2x8x16xf32>) orders(q = bhnd)
      score operands(%s : tensor<2xf32>) maps [affine_map<(b, h, i, j) -> (h)>] {
  ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index, %e: f32):
    flat.yield %x : f32
  } -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

// CHECK-LABEL: func @something(
// CHECK: mask(
// CHECK-SAME: scale(5.000000e-01) offset(%{{[^)]+}}) length(%{{[^)]+}})
// CHECK-SAME: orders(q = bnhd)
// CHECK-SAME: score {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
func.func @something(%q: tensor<1x8x2x16xf32>, %k: tensor<1x2x10x16xf32>, %o: tensor<1x2x8x16xf32>, %s: tensor<2xf32>, %at: index) -> tensor<1x2x8x16xf32> {
  %mask = arith.constant dense<false> : tensor<8x10xi1>
  %scale = arith.constant 0.5 : f32
  %length = arith.constant 9 : index
  %r = flat.attention ins(%q, %k, %k : tensor<1x8x2x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x16xf32>)
      mask(%mask : tensor<8x10xi1>) map affine_map<(b, h, i, j) -> (i, j)>
      scale(%scale) offset(%at) length(%length)
      outs(%o : tensor<1x2x8x16xf32>) orders(q = bnhd)
      score operands(%s : tensor<2xf32>) maps [affine_map<(b, h, i, j) -> (h)>] {
  ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index, %unread: f32):
    %y = math.tanh %x : f32
    flat.yield %y : f32
  } -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

// The only query of a decode step sees the whole cache, which ends with it.
// CHECK-LABEL: func @last_query(
// CHECK: flat.attention
// CHECK-NOT: score
// CHECK: return
func.func @last_query(%q: tensor<1x2x1x16xf32>, %k: tensor<1x2x10x16xf32>, %o: tensor<1x2x1x16xf32>) -> tensor<1x2x1x16xf32> {
  %at = arith.constant 9 : index
  %inf = arith.constant 0xFF800000 : f32
  %r = flat.attention ins(%q, %k, %k : tensor<1x2x1x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x16xf32>)
      offset(%at) outs(%o : tensor<1x2x1x16xf32>) score {
  ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index):
    %c = arith.cmpi sle, %j, %i : index
    %y = arith.select %c, %x, %inf : f32
    flat.yield %y : f32
  } -> tensor<1x2x1x16xf32>
  return %r : tensor<1x2x1x16xf32>
}

// -----

// CHECK-LABEL: func @hides_one(
// CHECK: score
func.func @hides_one(%q: tensor<1x2x1x16xf32>, %k: tensor<1x2x10x16xf32>, %o: tensor<1x2x1x16xf32>) -> tensor<1x2x1x16xf32> {
  %at = arith.constant 8 : index
  %inf = arith.constant 0xFF800000 : f32
  %r = flat.attention ins(%q, %k, %k : tensor<1x2x1x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x16xf32>)
      offset(%at) outs(%o : tensor<1x2x1x16xf32>) score {
  ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index):
    %c = arith.cmpi sle, %j, %i : index
    %y = arith.select %c, %x, %inf : f32
    flat.yield %y : f32
  } -> tensor<1x2x1x16xf32>
  return %r : tensor<1x2x1x16xf32>
}
