// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(layer-raise))' | FileCheck %s
// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(layer-raise))' --remarks-filter=layer-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// The random spellings of Differential/raise-layer.test go further; here is what they do not write.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
#each = affine_map<(i, j) -> (i)>
#kept = affine_map<(i, j) -> (i, 0)>

// Named operations, a reduction that keeps its dimension, rows of an unknown number.
// CHECK-LABEL: func @named(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x40xf32>
// CHECK-NOT: linalg.generic
// CHECK: %[[Y:.*]] = layer.rms_norm axis(1) epsilon({{.*}}) ins(%[[X]] : tensor<?x40xf32>) outs(
// CHECK-NEXT: return %[[Y]]
// REMARK: [Passed] named | Category:layer-raise | op=layer.rms_norm
func.func @named(%x: tensor<?x40xf32>, %e: tensor<?x40xf32>, %one: tensor<?x1xf32>) -> tensor<?x40xf32> {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%one : tensor<?x1xf32>) -> tensor<?x1xf32>
  %sq = linalg.mul ins(%x, %x : tensor<?x40xf32>, tensor<?x40xf32>) outs(%e : tensor<?x40xf32>) -> tensor<?x40xf32>
  %sum = linalg.generic {indexing_maps = [#id, #kept], iterator_types = ["parallel", "reduction"]}
      ins(%sq : tensor<?x40xf32>) outs(%f : tensor<?x1xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %a = arith.addf %acc, %v : f32
    linalg.yield %a : f32
  } -> tensor<?x1xf32>
  %inverse = linalg.map ins(%sum : tensor<?x1xf32>) outs(%one : tensor<?x1xf32>) (%v: f32, %o: f32) {
    %n = arith.constant 40.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %m = arith.divf %v, %n : f32
    %p = arith.addf %m, %eps : f32
    %r = math.rsqrt %p : f32
    linalg.yield %r : f32
  }
  %y = linalg.generic {indexing_maps = [#id, #kept, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %inverse : tensor<?x40xf32>, tensor<?x1xf32>) outs(%e : tensor<?x40xf32>) {
  ^bb0(%v: f32, %r: f32, %o: f32):
    %p = arith.mulf %v, %r : f32
    linalg.yield %p : f32
  } -> tensor<?x40xf32>
  return %y : tensor<?x40xf32>
}

// A swish within f32 of an f16 model, times a gate that is not part of it. The exponential is not read any more.
// CHECK-LABEL: func @gate(
// CHECK-NOT: math.exp
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x?xf16>, tensor<4x?xf16>)
// CHECK: %[[S:.*]] = layer.swish %{{.*}} : f32
// CHECK: arith.mulf %[[S]], %{{.*}} : f32
func.func @gate(%x: tensor<4x?xf16>, %up: tensor<4x?xf16>) -> tensor<4x?xf16> {
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %up : tensor<4x?xf16>, tensor<4x?xf16>) outs(%x : tensor<4x?xf16>) {
  ^bb0(%v: f16, %u: f16, %o: f16):
    %one = arith.constant 1.0 : f32
    %w = arith.extf %v : f16 to f32
    %g = arith.extf %u : f16 to f32
    %n = arith.negf %w : f32
    %e = math.exp %n : f32
    %d = arith.addf %e, %one : f32
    %s = arith.divf %w, %d : f32
    %p = arith.mulf %s, %g : f32
    %t = arith.truncf %p : f32 to f16
    linalg.yield %t : f16
  } -> tensor<4x?xf16>
  return %y : tensor<4x?xf16>
}

// The argument of the second half is no operand of it: it becomes one.
// CHECK-LABEL: func @halves(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[G:.*]]: tensor<4x8xf32>
// CHECK-NOT: math.erf
// CHECK: linalg.generic {{.*}} ins(%[[G]], %[[X]] :
// CHECK-NEXT: ^bb0(%[[GATE:.*]]: f32, %[[V:.*]]: f32, %{{.*}}: f32)
// CHECK-NEXT: %[[GELU:.*]] = layer.gelu %[[V]] : f32
// CHECK-NEXT: arith.mulf %[[GELU]], %[[GATE]] : f32
func.func @halves(%x: tensor<4x8xf32>, %gate: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %h = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %c = arith.constant 0.5 : f32
    %p = arith.mulf %v, %c : f32
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  %u = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %c = arith.constant 0.707106769 : f32
    %one = arith.constant 1.0 : f32
    %p = arith.mulf %v, %c : f32
    %e = math.erf %p : f32
    %r = arith.addf %e, %one : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%h, %u, %gate : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) outs(%x : tensor<4x8xf32>) {
  ^bb0(%v: f32, %w: f32, %g: f32, %o: f32):
    %p = arith.mulf %v, %w : f32
    %r = arith.mulf %p, %g : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// A row sum of transposed elements is none of this tensor's.
// CHECK-LABEL: func @transposed(
// CHECK-NOT: layer.
// CHECK: return
func.func @transposed(%x: tensor<8x8xf32>, %r: tensor<8xf32>) -> tensor<8x8xf32> {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #each], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x8xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %p = arith.mulf %v, %v : f32
    %a = arith.addf %acc, %p : f32
    linalg.yield %a : f32
  } -> tensor<8xf32>
  %y = linalg.generic {indexing_maps = [#id, #each, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<8x8xf32>, tensor<8xf32>) outs(%x : tensor<8x8xf32>) {
  ^bb0(%v: f32, %s: f32, %o: f32):
    %n = arith.constant 0.125 : f32
    %eps = arith.constant 1.0e-5 : f32
    %m = arith.mulf %s, %n : f32
    %p = arith.addf %m, %eps : f32
    %q = math.rsqrt %p : f32
    %t = arith.mulf %v, %q : f32
    linalg.yield %t : f32
  } -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// A softmax by the logarithm of the sum.
// CHECK-LABEL: func @log_sum_exp(
// CHECK: linalg.softmax dimension(1)
// CHECK-NOT: math.exp
// CHECK: return
func.func @log_sum_exp(%x: tensor<4x8xf32>, %r: tensor<4xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %l = linalg.fill ins(%low : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%x : tensor<4x8xf32>) outs(%l : tensor<4xf32>) dimensions = [1]
  %exp = linalg.generic {indexing_maps = [#id, #each, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<4x8xf32>, tensor<4xf32>) outs(%x : tensor<4x8xf32>) {
  ^bb0(%v: f32, %m: f32, %o: f32):
    %d = arith.subf %v, %m : f32
    %p = math.exp %d : f32
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  %sum = linalg.reduce { arith.addf } ins(%exp : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
  %y = linalg.generic {indexing_maps = [#id, #each, #each, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max, %sum : tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>) outs(%x : tensor<4x8xf32>) {
  ^bb0(%v: f32, %m: f32, %s: f32, %o: f32):
    %g = math.log %s : f32
    %n = arith.addf %m, %g : f32
    %d = arith.subf %v, %n : f32
    %p = math.exp %d : f32
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// Sums in f16 are no sums in f32: a softmax of f16 keeps its spelling.
// CHECK-LABEL: func @narrow_softmax(
// CHECK-NOT: linalg.softmax
// CHECK: return
func.func @narrow_softmax(%x: tensor<4x8xf16>, %r: tensor<4xf16>) -> tensor<4x8xf16> {
  %zero = arith.constant 0.0 : f16
  %low = arith.constant 0xFC00 : f16
  %f = linalg.fill ins(%zero : f16) outs(%r : tensor<4xf16>) -> tensor<4xf16>
  %l = linalg.fill ins(%low : f16) outs(%r : tensor<4xf16>) -> tensor<4xf16>
  %max = linalg.reduce { arith.maximumf } ins(%x : tensor<4x8xf16>) outs(%l : tensor<4xf16>) dimensions = [1]
  %exp = linalg.generic {indexing_maps = [#id, #each, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<4x8xf16>, tensor<4xf16>) outs(%x : tensor<4x8xf16>) {
  ^bb0(%v: f16, %m: f16, %o: f16):
    %d = arith.subf %v, %m : f16
    %p = math.exp %d : f16
    linalg.yield %p : f16
  } -> tensor<4x8xf16>
  %sum = linalg.reduce { arith.addf } ins(%exp : tensor<4x8xf16>) outs(%f : tensor<4xf16>) dimensions = [1]
  %y = linalg.generic {indexing_maps = [#id, #each, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<4x8xf16>, tensor<4xf16>) outs(%x : tensor<4x8xf16>) {
  ^bb0(%v: f16, %s: f16, %o: f16):
    %p = arith.divf %v, %s : f16
    linalg.yield %p : f16
  } -> tensor<4x8xf16>
  return %y : tensor<4x8xf16>
}
