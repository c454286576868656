// RUN: nm-opt %s --flat-decompose-attention --split-input-file --mlir-print-local-scope --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func @plain(
// CHECK-SAME: %[[Q:.*]]: tensor<2x5x3x8xbf16>, %[[K:.*]]: tensor<2x3x6x8xbf16>, %[[V:.*]]: tensor<2x3x6x4xbf16>, %[[O:.*]]: tensor<2x3x5x4xbf16>,
// logits
// CHECK: %[[L:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3, d4) -> (d0, d2, d1, d4)>, affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>, affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>]
// CHECK-SAME: ins(%[[Q]], %[[K]]
// CHECK: arith.extf
// scores: scale, then the length
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[L]] :
// CHECK: %[[X:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: %[[C:.*]] = arith.cmpi slt
// CHECK: arith.select %[[C]], %[[X]], %{{.*}} : f32
// CHECK: %[[MAX:.*]] = linalg.generic {{.*}} ins(%[[S]] :
// CHECK: arith.maximumf
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[S]], %[[MAX]] :
// CHECK: math.exp
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[P]] :
// CHECK: arith.addf
// values, which may be anything beyond the length
// CHECK: %[[PV:.*]] = linalg.generic {{.*}} ins(%[[P]], %[[V]] :
// CHECK: arith.select
// CHECK: linalg.generic {{.*}} ins(%[[PV]], %[[SUM]] : tensor<2x3x5x4xf32>, tensor<2x3x5xf32>) outs(%[[O]] :
// CHECK: arith.divf
// CHECK: arith.truncf
// CHECK-NOT: flat.
func.func @plain(%q: tensor<2x5x3x8xbf16>, %k: tensor<2x3x6x8xbf16>, %v: tensor<2x3x6x4xbf16>, %o: tensor<2x3x5x4xbf16>, %length: index) -> tensor<2x3x5x4xbf16> {
  %r = flat.attention ins(%q, %k, %v : tensor<2x5x3x8xbf16>, tensor<2x3x6x8xbf16>, tensor<2x3x6x4xbf16>)
      length(%length) outs(%o : tensor<2x3x5x4xbf16>) orders(q = bnhd) -> tensor<2x3x5x4xbf16>
  return %r : tensor<2x3x5x4xbf16>
}

// -----

func.func @buffers(%q: memref<1x2x3x4xf32>) {
  // expected-error @below {{is on buffers, expected tensors; run flat-decompose-attention before bufferization}}
  flat.attention ins(%q, %q, %q : memref<1x2x3x4xf32>, memref<1x2x3x4xf32>, memref<1x2x3x4xf32>) outs(%q : memref<1x2x3x4xf32>)
  return
}
