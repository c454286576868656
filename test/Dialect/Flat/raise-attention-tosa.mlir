// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(tosa-to-linalg-named,tosa-to-linalg,tosa-to-tensor,tosa-to-arith),canonicalize,cse,func.func(flat-raise-attention),canonicalize)' --mlir-print-local-scope | FileCheck %s

// CHECK-LABEL: func @tosa(
// CHECK: flat.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<1x12x20x8xf32>, tensor<1x12x30x8xf32>, tensor<1x12x30x8xf32>)
// CHECK-SAME: mask(%{{.*}} : tensor<1x1x30xf32>) map affine_map<(d0, d1, d2, d3) -> (0, 0, d3)>
// CHECK-SAME: scale(1.250000e-01)
// CHECK-NOT: linalg
// CHECK: return
func.func @tosa(%q: tensor<12x20x8xf32>, %k: tensor<12x30x8xf32>, %v: tensor<12x30x8xf32>, %mask: tensor<1x1x30xf32>) -> tensor<12x20x8xf32> {
  %zp = "tosa.const"() <{values = dense<0.0> : tensor<1xf32>}> : () -> tensor<1xf32>
  %kt = tosa.transpose %k {perms = array<i32: 0, 2, 1>} : (tensor<12x30x8xf32>) -> tensor<12x8x30xf32>
  %s = tosa.matmul %q, %kt, %zp, %zp : (tensor<12x20x8xf32>, tensor<12x8x30xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<12x20x30xf32>
  %c = "tosa.const"() <{values = dense<0.125> : tensor<1x1x1xf32>}> : () -> tensor<1x1x1xf32>
  %shift = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %ss = tosa.mul %s, %c, %shift : (tensor<12x20x30xf32>, tensor<1x1x1xf32>, tensor<1xi8>) -> tensor<12x20x30xf32>
  %sm = tosa.add %ss, %mask : (tensor<12x20x30xf32>, tensor<1x1x30xf32>) -> tensor<12x20x30xf32>
  %m = tosa.reduce_max %sm {axis = 2 : i32} : (tensor<12x20x30xf32>) -> tensor<12x20x1xf32>
  %d = tosa.sub %sm, %m : (tensor<12x20x30xf32>, tensor<12x20x1xf32>) -> tensor<12x20x30xf32>
  %e = tosa.exp %d : (tensor<12x20x30xf32>) -> tensor<12x20x30xf32>
  %sum = tosa.reduce_sum %e {axis = 2 : i32} : (tensor<12x20x30xf32>) -> tensor<12x20x1xf32>
  %r = tosa.reciprocal %sum : (tensor<12x20x1xf32>) -> tensor<12x20x1xf32>
  %p = tosa.mul %e, %r, %shift : (tensor<12x20x30xf32>, tensor<12x20x1xf32>, tensor<1xi8>) -> tensor<12x20x30xf32>
  %o = tosa.matmul %p, %v, %zp, %zp : (tensor<12x20x30xf32>, tensor<12x30x8xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<12x20x8xf32>
  return %o : tensor<12x20x8xf32>
}
