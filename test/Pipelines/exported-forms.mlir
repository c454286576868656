// RUN: nm-opt %s --nm-to-cpu=target=x86-64-avx2 | FileCheck %s
// What exporters write in and around models.

// torch-mlir's random seed, which nobody reads.
// CHECK-NOT: ml_program
ml_program.global private mutable @global_seed(dense<0> : tensor<i64>) : tensor<i64>

// CHECK-LABEL: llvm.func @powers(
// CHECK-NOT: powi
// CHECK: llvm.fmul {{.*}} : vector<8xf32>
#r = affine_map<(d0, d1) -> (d0, d1)>
#o = affine_map<(d0, d1) -> (d0)>
func.func @powers(%x: tensor<4x64xf32>) -> tensor<4xf32> {
  %two = arith.constant 2 : i64
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %e = tensor.empty() : tensor<4x64xf32>
  %sq = linalg.generic {indexing_maps = [#r, #r], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%a: f32, %out: f32):
    %p = math.fpowi %a, %two : f32, i64
    linalg.yield %p : f32 } -> tensor<4x64xf32>
  %s = linalg.reduce { arith.addf } ins(%sq : tensor<4x64xf32>) outs(%zero : tensor<4xf32>) dimensions = [1]
  return %s : tensor<4xf32>
}

// CHECK-LABEL: llvm.func @mask_i64(
// CHECK: llvm.icmp "eq" {{.*}} : vector<8xi32>
#s = affine_map<(b, i, j) -> (b, i, j)>
#m = affine_map<(b, i, j) -> (b, j)>
func.func @mask_i64(%q: tensor<2x8x4xf32>, %k: tensor<2x4x8xf32>, %v: tensor<2x8x4xf32>, %mask: tensor<2x8xi64>) -> tensor<2x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -3.40282347E+38 : f32
  %c0 = arith.constant 0 : i64
  %e = tensor.empty() : tensor<2x8x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %s = linalg.batch_matmul ins(%q, %k : tensor<2x8x4xf32>, tensor<2x4x8xf32>) outs(%z : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %f = linalg.generic {indexing_maps = [#m, #s, #s], iterator_types = ["parallel", "parallel", "parallel"]} ins(%mask, %s : tensor<2x8xi64>, tensor<2x8x8xf32>) outs(%e : tensor<2x8x8xf32>) {
  ^bb0(%a: i64, %x: f32, %o: f32):
    %c = arith.cmpi eq, %a, %c0 : i64
    %r = arith.select %c, %low, %x : f32
    linalg.yield %r : f32 } -> tensor<2x8x8xf32>
  %p = linalg.softmax dimension(2) ins(%f : tensor<2x8x8xf32>) outs(%e : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %e2 = tensor.empty() : tensor<2x8x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  %o = linalg.batch_matmul ins(%p, %v : tensor<2x8x8xf32>, tensor<2x8x4xf32>) outs(%z2 : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  return %o : tensor<2x8x4xf32>
}

// CHECK-LABEL: llvm.func @mask_i8(
// CHECK: llvm.icmp "eq" {{.*}} : vector<8xi8>
func.func @mask_i8(%q: tensor<2x8x4xf32>, %k: tensor<2x4x8xf32>, %v: tensor<2x8x4xf32>, %mask: tensor<2x8xi8>) -> tensor<2x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -3.40282347E+38 : f32
  %c0 = arith.constant 0 : i8
  %e = tensor.empty() : tensor<2x8x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %s = linalg.batch_matmul ins(%q, %k : tensor<2x8x4xf32>, tensor<2x4x8xf32>) outs(%z : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %f = linalg.generic {indexing_maps = [#m, #s, #s], iterator_types = ["parallel", "parallel", "parallel"]} ins(%mask, %s : tensor<2x8xi8>, tensor<2x8x8xf32>) outs(%e : tensor<2x8x8xf32>) {
  ^bb0(%a: i8, %x: f32, %o: f32):
    %c = arith.cmpi eq, %a, %c0 : i8
    %r = arith.select %c, %low, %x : f32
    linalg.yield %r : f32 } -> tensor<2x8x8xf32>
  %p = linalg.softmax dimension(2) ins(%f : tensor<2x8x8xf32>) outs(%e : tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %e2 = tensor.empty() : tensor<2x8x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  %o = linalg.batch_matmul ins(%p, %v : tensor<2x8x8xf32>, tensor<2x8x4xf32>) outs(%z2 : tensor<2x8x4xf32>) -> tensor<2x8x4xf32>
  return %o : tensor<2x8x4xf32>
}
