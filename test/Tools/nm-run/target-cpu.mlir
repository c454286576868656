// Kernels use no instruction that the processor asked for lacks: permutes across
// a register need AVX2, which a Sandy Bridge has not.
// RUN: %python %S/Inputs/arrays.py %t x="np.arange(8, dtype='f4').reshape(1, 8)" y="np.array([[10, 21]], 'f4')"
// RUN: nm-run %s --input %t/x.npy --expect %t/y.npy
// RUN: nm-run %s --input %t/x.npy --expect %t/y.npy --target-cpu=x86-64
// RUN: nm-compile %s --emit=asm --target-cpu=sandybridge -o - | FileCheck %s --check-prefix=AVX --implicit-check-not=vpermps --implicit-check-not=vfmadd
// RUN: nm-compile %s --emit=asm --target-cpu=haswell -o - | FileCheck %s --check-prefix=AVX2
// AVX: f:
// AVX2: vpermps

func.func @f(%x: tensor<1x8xf32>) -> tensor<1x2xf32> {
  %c = arith.constant dense<[[0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0]]> : tensor<2x8xf32>
  %w = nm.compress %c : tensor<2x8xf32> to tensor<2x8xf32, #nm.sparsity<1:8, axis = 1>>
  %e = tensor.empty() : tensor<1x2xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x8xf32>, tensor<2x8xf32, #nm.sparsity<1:8, axis = 1>>)
      outs(%e : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
