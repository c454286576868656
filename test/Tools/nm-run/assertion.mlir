// A failed check of the compiled code is an error of nm-run, not a crash.
// RUN: %python %S/Inputs/arrays.py %t w="np.ones((2, 4), dtype='f4')" ok="w * np.array([1, 0, 1, 0], 'f4')" x="np.ones((3, 4), dtype='f4')" y="x @ ok.T"
// RUN: nm-run %s --input %t/x.npy --input %t/ok.npy --expect %t/y.npy
// RUN: not nm-run %s --input %t/x.npy --input %t/w.npy 2>&1 | FileCheck %s
// CHECK: error: function 'f' was not run to its end: nm.compress: a group of 4 holds more than 2 non-zeros

func.func @f(%x: tensor<3x4xf32>, %w: tensor<2x4xf32>) -> tensor<3x2xf32> {
  %s = nm.compress %w : tensor<2x4xf32> to tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<3x2xf32>
  %y = nm.matmul transpose_rhs ins(%x, %s : tensor<3x4xf32>, tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
