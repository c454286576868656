// RUN: nm-opt %s | nm-opt --mlir-print-local-scope | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt --mlir-print-local-scope | FileCheck %s
// RUN: nm-opt %s --mlir-print-debuginfo --mlir-print-local-scope | nm-opt | FileCheck %s --check-prefix=PLAIN

// CHECK-LABEL: func @plain(
// PLAIN-LABEL: func @plain(
// CHECK: flat.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x12x128x64xf32>, tensor<2x12x96x64xf32>, tensor<2x12x96x32xf32>)
// CHECK-SAME: outs(%{{.*}} : tensor<2x12x128x32xf32>) -> tensor<2x12x128x32xf32>
// PLAIN: outs(%{{.*}} : tensor<2x12x128x32xf32>) -> tensor<2x12x128x32xf32>
func.func @plain(%q: tensor<2x12x128x64xf32>, %k: tensor<2x12x96x64xf32>, %v: tensor<2x12x96x32xf32>,
                 %o: tensor<2x12x128x32xf32>) -> tensor<2x12x128x32xf32> {
  %r = flat.attention ins(%q, %k, %v : tensor<2x12x128x64xf32>, tensor<2x12x96x64xf32>, tensor<2x12x96x32xf32>)
      outs(%o : tensor<2x12x128x32xf32>) -> tensor<2x12x128x32xf32>
  return %r : tensor<2x12x128x32xf32>
}

// Everything at once: dynamic sizes, grouped heads, mixed storage, a cache.
// CHECK-LABEL: func @everything(
// CHECK: flat.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x?x12x64xf32>, tensor<?x?x4x64xbf16>, tensor<?x4x?x64xf16>)
// CHECK-SAME: mask(%{{.*}} : tensor<?x1x?xi1>) map affine_map<(d0, d1, d2, d3) -> (d0, 0, d3)>
// CHECK-SAME: scale(%{{[^)]+}}) offset(%{{[^)]+}}) length(%{{[^)]+}})
// CHECK-SAME: outs(%{{[^)]+}} : tensor<?x?x12x64xf32>)
// CHECK-SAME: orders(q = bnhd, k = bnhd, o = bnhd)
// CHECK-SAME: dataflow #flat.dataflow<row, rows = 96, key_tile = 256, staged = [k, v, logits, o]>
// CHECK-SAME: attributes {note = "x"}
// CHECK-SAME: score operands(%{{.*}} : tensor<12xf32>) maps [affine_map<(d0, d1, d2, d3) -> (d1)>] {
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index, %[[E:.*]]: f32):
// CHECK: flat.yield %{{.*}} : f32
// CHECK-NEXT: } -> tensor<?x?x12x64xf32>
func.func @everything(%q: tensor<?x?x12x64xf32>, %k: tensor<?x?x4x64xbf16>, %v: tensor<?x4x?x64xf16>,
                      %o: tensor<?x?x12x64xf32>, %mask: tensor<?x1x?xi1>, %scale: f32,
                      %offset: index, %length: index, %slopes: tensor<12xf32>) -> tensor<?x?x12x64xf32> {
  %r = flat.attention
      ins(%q, %k, %v : tensor<?x?x12x64xf32>, tensor<?x?x4x64xbf16>, tensor<?x4x?x64xf16>)
      mask(%mask : tensor<?x1x?xi1>) map affine_map<(b, h, i, j) -> (b, 0, j)>
      scale(%scale) offset(%offset) length(%length)
      outs(%o : tensor<?x?x12x64xf32>)
      orders(q = bnhd, k = bnhd, o = bnhd)
      dataflow #flat.dataflow<row, rows = 96, key_tile = 256, staged = [k, v, logits, o]>
      attributes {note = "x"}
      score operands(%slopes : tensor<12xf32>) maps [affine_map<(b, h, i, j) -> (h)>] {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %slope: f32):
      %d = arith.subi %j, %i : index
      %n = arith.index_cast %d : index to i64
      %f = arith.sitofp %n : i64 to f32
      %m = arith.mulf %slope, %f : f32
      %t = arith.addf %s, %m : f32
      flat.yield %t : f32
    } -> tensor<?x?x12x64xf32>
  return %r : tensor<?x?x12x64xf32>
}

// CHECK-LABEL: func @buffers(
// CHECK: flat.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : memref<1x2x3x4xbf16, strided<[?, ?, ?, 1]>>, memref<1x2x5x4xbf16>, memref<1x2x5x4xbf16>)
// CHECK-SAME: scale(1.250000e-01) outs(%{{.*}} : memref<1x2x3x4xf32>){{$}}
func.func @buffers(%q: memref<1x2x3x4xbf16, strided<[?, ?, ?, 1]>>, %k: memref<1x2x5x4xbf16>,
                   %v: memref<1x2x5x4xbf16>, %o: memref<1x2x3x4xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x2x3x4xbf16, strided<[?, ?, ?, 1]>>, memref<1x2x5x4xbf16>, memref<1x2x5x4xbf16>)
      scale(0.125) outs(%o : memref<1x2x3x4xf32>)
  return
}

// CHECK-LABEL: func private @attributes
// CHECK-SAME: #flat.order<bnhd>, #flat.order<dhbn>
// CHECK-SAME: #flat.dataflow<batch>
// CHECK-SAME: #flat.dataflow<sample, staged = [q, o]>
// CHECK-SAME: #flat.dataflow<head, staged = [logits], logit = weight, attend = input, loops = hbrk, interleave = sequential>
// CHECK-SAME: #flat.dataflow<row, rows = 8, interleave = pipelined, heads = 4, packed = 2>
func.func private @attributes() attributes {test = [
  #flat.order<bnhd>, #flat.order<dhbn>,
  #flat.dataflow<batch>,
  #flat.dataflow<sample, staged = [o, q]>,
  #flat.dataflow<head, interleave = sequential, loops = hbrk, staged = [logits], attend = input, logit = weight>,
  #flat.dataflow<row, rows = 8, logit = output, packed = 2, heads = 4, interleave = pipelined>]}
