// RUN: nm-opt %s --nm-to-attacc | FileCheck %s
// RUN: nm-opt %s --nm-to-attacc=element-type=bf16 | FileCheck %s --check-prefix=BF16
// RUN: nm-opt %s --nm-to-attacc --remarks-filter='convert-to-attacc|tile-block-products|attacc-verify-program' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nm-opt %s --nm-to-attacc=device=tpu-v5e -o /dev/null --remarks-filter=convert-to-attacc 2>&1 | FileCheck %s --check-prefix=TPU
// RUN: nm-opt %s --nm-to-attacc | nm-opt --pass-pipeline='builtin.module(attacc.program(attacc-verify-program))' -o /dev/null

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
#each = affine_map<(i, j) -> (i)>

// A bias and an activation are the product's epilogue: nothing stands between.
// CHECK-LABEL: attacc.program @product for <name = "edge"
// CHECK: attacc.tensor "x" in {host_shape = array<i64: 2, 10, 64>{{.*}} : <20x64xf16, dram>
// CHECK: attacc.tensor "w.values"{{.*}} : <48x32xf16, dram>
// CHECK: attacc.tensor "w.indices"{{.*}} : <48x8xi8, dram>
// CHECK: attacc.tensor "result0" out {host_shape = array<i64: 2, 10, 48>{{.*}} : <20x48xf16, dram>
// CHECK-NOT: scratch :
// CHECK: attacc.nm_gemm
// CHECK: attacc.unary gelu
// CHECK-LABEL: attacc.program @norm
// BF16: attacc.tensor "x"{{.*}} : <20x64xbf16, dram>
// BF16: attacc.nm_gemm
// TPU: [Missed] SparseWeight
// TPU-SAME: the array of tpu-v5e does not decode 2:4: the weight is stored and multiplied dense
func.func @product(%x: tensor<2x10x64xf32> {nm.name = "x"}) -> tensor<2x10x48xf32> {
  %w = nm.param "w" {nm.sparsity = #nm.sparsity<2:4, axis = 1>} : tensor<48x64xf32>
  %b = nm.param "b" : tensor<48xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %t = tensor.empty() : tensor<64x48xf32>
  %wt = linalg.transpose ins(%w : tensor<48x64xf32>) outs(%t : tensor<64x48xf32>) permutation = [1, 0]
  %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x10x64xf32> into tensor<20x64xf32>
  %p = linalg.matmul ins(%rows, %wt : tensor<20x64xf32>, tensor<64x48xf32>) outs(%f : tensor<20x48xf32>) -> tensor<20x48xf32>
  %g = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : tensor<20x48xf32>, tensor<48xf32>) outs(%e : tensor<20x48xf32>) {
  ^bb0(%acc: f32, %bias: f32, %out: f32):
    %root = arith.constant 0.707106769 : f32
    %one = arith.constant 1.0 : f32
    %half = arith.constant 0.5 : f32
    %s = arith.addf %acc, %bias : f32
    %d = arith.mulf %s, %root : f32
    %erf = math.erf %d : f32
    %n = arith.addf %erf, %one : f32
    %h = arith.mulf %s, %half : f32
    %gelu = arith.mulf %n, %h : f32
    linalg.yield %gelu : f32
  } -> tensor<20x48xf32>
  %y = tensor.expand_shape %g [[0, 1], [2]] output_shape [2, 10, 48] : tensor<20x48xf32> into tensor<2x10x48xf32>
  return %y : tensor<2x10x48xf32>
}

// Two reductions and elementwise code are one instruction.
// CHECK: attacc.layernorm
// CHECK-NOT: attacc.elementwise
// CHECK-LABEL: attacc.program @attention
func.func @norm(%x: tensor<7x40xf32>) -> tensor<7x40xf32> {
  %gamma = nm.param "gamma" : tensor<40xf32>
  %beta = nm.param "beta" : tensor<40xf32>
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 40.0 : f32
  %e = tensor.empty() : tensor<7x40xf32>
  %er = tensor.empty() : tensor<7xf32>
  %f = linalg.fill ins(%zero : f32) outs(%er : tensor<7xf32>) -> tensor<7xf32>
  %sum = linalg.generic {indexing_maps = [#id, #each], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<7x40xf32>) outs(%f : tensor<7xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %a = arith.addf %acc, %v : f32
    linalg.yield %a : f32
  } -> tensor<7xf32>
  %squares = linalg.generic {indexing_maps = [#id, #each, #each], iterator_types = ["parallel", "reduction"]}
      ins(%x, %sum : tensor<7x40xf32>, tensor<7xf32>) outs(%f : tensor<7xf32>) {
  ^bb0(%v: f32, %s: f32, %acc: f32):
    %m = arith.divf %s, %n : f32
    %d = arith.subf %v, %m : f32
    %q = arith.mulf %d, %d : f32
    %a = arith.addf %acc, %q : f32
    linalg.yield %a : f32
  } -> tensor<7xf32>
  %y = linalg.generic {indexing_maps = [#id, #each, #each, #row, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %squares, %gamma, %beta : tensor<7x40xf32>, tensor<7xf32>, tensor<7xf32>, tensor<40xf32>, tensor<40xf32>)
      outs(%e : tensor<7x40xf32>) {
  ^bb0(%v: f32, %s: f32, %q: f32, %g: f32, %b: f32, %out: f32):
    %eps = arith.constant 1.0e-5 : f32
    %m = arith.divf %s, %n : f32
    %var = arith.divf %q, %n : f32
    %vare = arith.addf %var, %eps : f32
    %root = math.rsqrt %vare : f32
    %c = arith.subf %v, %m : f32
    %k = arith.mulf %c, %root : f32
    %kg = arith.mulf %k, %g : f32
    %r = arith.addf %kg, %b : f32
    linalg.yield %r : f32
  } -> tensor<7x40xf32>
  return %y : tensor<7x40xf32>
}

// An attribute decides, else the cost model does.
// REMARK: [Passed] Attention | Category:convert-to-attacc | Remark="row, rows = 4, {{.*}}, as asked for", cycles={{[0-9]+}}
// REMARK: [Passed] Attention | Category:convert-to-attacc | {{.*}}rank=
// REMARK: remark: [Passed] Projection | Category:tile-block-products | Remark="{{.*}} stationary", cycles={{[0-9]+}}, depth=32, out=48, slots=2, tokens=20
// REMARK: [Analysis] Verified | Category:attacc-verify-program | PeakLiveBytes={{[0-9]+}}, Steps={{[0-9]+}}
func.func @attention(%q: tensor<1x16x2x8xf32>) -> tensor<1x16x2x8xf32> {
  %e = tensor.empty() : tensor<1x16x2x8xf32>
  %r = flat.attention ins(%q, %q, %q : tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>)
      outs(%e : tensor<1x16x2x8xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd)
      dataflow #flat.dataflow<row, rows = 4, staged = [k, v, logits], logit = weight, attend = weight> -> tensor<1x16x2x8xf32>
  %s = flat.attention ins(%r, %q, %q : tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>, tensor<1x16x2x8xf32>)
      outs(%e : tensor<1x16x2x8xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) -> tensor<1x16x2x8xf32>
  return %s : tensor<1x16x2x8xf32>
}
