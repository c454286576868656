// RUN: nm-opt %s --nm-to-attacc=device=edge --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s
// RUN: nm-opt %s --nm-to-attacc=device=edge --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NONE

// Every part of a program is at the operation that it was made for: products,
// layer norm, attention, transposes, sums and what stands between.
// NONE-NOT: loc(unknown)

// CHECK-LABEL: attacc.program @products
// CHECK: attacc.gemm {{.*}} loc({{.*}}to-attacc-locations.mlir":[[#@LINE+6]]:8)
// CHECK: attacc.gemm {{.*}} loc({{.*}}to-attacc-locations.mlir":[[#@LINE+8]]:8)
func.func @products(%x: tensor<16x64xf32>, %w: tensor<64x32xf32>, %v: tensor<32x8xf32>) -> tensor<16x8xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x32xf32>
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<16x32xf32>) -> tensor<16x32xf32>
  %a = linalg.matmul ins(%x, %w : tensor<16x64xf32>, tensor<64x32xf32>) outs(%i : tensor<16x32xf32>) -> tensor<16x32xf32>
  %e2 = tensor.empty() : tensor<16x8xf32>
  %i2 = linalg.fill ins(%z : f32) outs(%e2 : tensor<16x8xf32>) -> tensor<16x8xf32>
  %b = linalg.matmul ins(%a, %v : tensor<16x32xf32>, tensor<32x8xf32>) outs(%i2 : tensor<16x8xf32>) -> tensor<16x8xf32>
  return %b : tensor<16x8xf32>
}

// CHECK-LABEL: attacc.program @others
func.func @others(%x: tensor<4x8xf32>, %q: tensor<1x2x8x16xf32>, %y: tensor<3x4x8xf32>, %u: tensor<3x8x5xf32>)
    -> (tensor<8x4xf32>, tensor<4xf32>, tensor<1x2x8x16xf32>, tensor<3x4x5xf32>, tensor<4x8xf32>, tensor<2x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %t = linalg.transpose ins(%x : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0]
  %e1 = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %s = linalg.reduce { arith.addf } ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
  %e2 = tensor.empty() : tensor<1x2x8x16xf32>
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      outs(%e2 : tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32>
  %e3 = tensor.empty() : tensor<3x4x5xf32>
  %f3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<3x4x5xf32>) -> tensor<3x4x5xf32>
  %z = linalg.batch_matmul ins(%y, %u : tensor<3x4x8xf32>, tensor<3x8x5xf32>) outs(%f3 : tensor<3x4x5xf32>) -> tensor<3x4x5xf32>
  %e4 = tensor.empty() : tensor<4x8xf32>
  %root = linalg.sqrt ins(%x : tensor<4x8xf32>) outs(%e4 : tensor<4x8xf32>) -> tensor<4x8xf32>
  %slice = tensor.extract_slice %x[1, 0] [2, 8] [1, 1] : tensor<4x8xf32> to tensor<2x8xf32>
  return %t, %s, %r, %z, %root, %slice : tensor<8x4xf32>, tensor<4xf32>, tensor<1x2x8x16xf32>, tensor<3x4x5xf32>, tensor<4x8xf32>, tensor<2x8xf32>
}
