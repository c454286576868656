// A stack of 256 KiB is enough to compile a model and to run it, on threads as well.
// REQUIRES: nm-run, numpy
// RUN: %python %S/Inputs/arrays.py %t x="np.full((1, 20, 64), 0.5, 'f4')"
// RUN: bash -c 'ulimit -s 256 && OMP_STACKSIZE=256K exec "$@"' - nm-run %s --input %t/x.npy --threads 2 --output %t/y.npy
// RUN: bash -c 'ulimit -s 256 && OMP_STACKSIZE=256K exec "$@"' - nm-run %s --input %t/x.npy --reference --expect %t/y.npy

func.func @f(%x: tensor<1x20x64xf32>) -> tensor<1x20x64xf32> {
  %scale = arith.constant 0.125 : f32
  %q = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 20, 4, 16] : tensor<1x20x64xf32> into tensor<1x20x4x16xf32>
  %e = tensor.empty() : tensor<1x4x20x16xf32>
  %heads = linalg.transpose ins(%q : tensor<1x20x4x16xf32>) outs(%e : tensor<1x4x20x16xf32>) permutation = [0, 2, 1, 3]
  %a = flat.attention ins(%heads, %heads, %heads : tensor<1x4x20x16xf32>, tensor<1x4x20x16xf32>, tensor<1x4x20x16xf32>)
      scale(%scale) outs(%e : tensor<1x4x20x16xf32>) -> tensor<1x4x20x16xf32>
  %e2 = tensor.empty() : tensor<1x20x4x16xf32>
  %rows = linalg.transpose ins(%a : tensor<1x4x20x16xf32>) outs(%e2 : tensor<1x20x4x16xf32>) permutation = [0, 2, 1, 3]
  %r = tensor.collapse_shape %rows [[0], [1], [2, 3]] : tensor<1x20x4x16xf32> into tensor<1x20x64xf32>
  return %r : tensor<1x20x64xf32>
}
