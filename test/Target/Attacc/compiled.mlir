// What the compiler makes for an accelerator goes through the dialect without
// loss, and is proved there.

// RUN: nm-compile %s --target=edge --emit=attacc -o %t.bin
// RUN: nm-translate --binary-to-attacc %t.bin -o %t.mlir
// RUN: nm-translate --attacc-to-binary %t.mlir | cmp - %t.bin
// RUN: nm-opt %t.mlir --attacc-verify-program --remarks-filter=attacc-verify-program 2>&1 | FileCheck %s

// CHECK: remark: {{.*}}Verified | Category:attacc-verify-program | PeakLiveBytes={{[1-9][0-9]*}}, Steps={{[1-9][0-9]*}}
// CHECK: attacc.tensor {{.*}} out {{.*}}: <64x48xf16, dram>
// CHECK: attacc.gemm
func.func @main(%x: tensor<64x32xf32>, %w: tensor<32x48xf32>) -> tensor<64x48xf32> {
  %e = tensor.empty() : tensor<64x48xf32>
  %c = arith.constant 0.0 : f32
  %f = linalg.fill ins(%c : f32) outs(%e : tensor<64x48xf32>) -> tensor<64x48xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<64x32xf32>, tensor<32x48xf32>) outs(%f : tensor<64x48xf32>) -> tensor<64x48xf32>
  return %0 : tensor<64x48xf32>
}
