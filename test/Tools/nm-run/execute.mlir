// Arguments by order, by name and by number; results written and compared.
// RUN: rm -rf %t && %python %S/Inputs/arrays.py %t x="np.arange(6, dtype='f4').reshape(2, 3)" y="x * 10" sum="x + y" \
// RUN:   sum64="sum.astype('f8')" difference="x - y"
// RUN: nm-run %s --entry add --input %t/x.npy --input %t/y.npy --output %t/out.npy --expect %t/sum.npy | FileCheck %s --check-prefix=EXACT
// EXACT: result 0: max abs error 0.000e+00, max rel error 0.000e+00 (atol 1.0e-05, rtol 1.0e-05, 6 elements)
// RUN: %python -c "import numpy as np; assert (np.load('%t/out.npy') == np.load('%t/sum.npy')).all()"

// A reference may have more precision. Names are those of the text, `%%` and numbers work, too.
// RUN: nm-run %s --entry add --input y=%t/y.npy --input x=%t/x.npy --expect 0=%t/sum64.npy
// RUN: nm-run %s --entry add --input 1=%t/y.npy --input %t/x.npy --expect %t/sum.npy
// RUN: nm-run %s --entry add --input arg1=%t/y.npy --input x=%t/x.npy --expect %t/sum.npy
// RUN: nm-run %s --entry both --input left=%t/x.npy --input y=%t/y.npy --output 1=%t/difference2.npy \
// RUN:   --expect %t/sum.npy --expect %t/difference.npy --threads 1 --repeat 3 | FileCheck %s --check-prefix=BOTH
// BOTH: result 0: max abs error 0.000e+00
// BOTH: result 1: max abs error 0.000e+00
// BOTH: median {{[0-9.]+}} ms, min {{[0-9.]+}} ms, spread {{[0-9.]+}} ms (IQR) of 3 runs
// RUN: cmp %t/difference.npy %t/difference2.npy

// Without optimisation, and for an older processor: the same.
// RUN: nm-run %s --entry add --input %t/x.npy --input %t/y.npy --expect %t/sum.npy --reference
// RUN: nm-run %s --entry add --input %t/x.npy --input %t/y.npy --expect %t/sum.npy --target-cpu=native

// Bytecode and standard input.
// RUN: nm-opt %s --emit-bytecode -o %t/model.mlirbc
// RUN: nm-run %t/model.mlirbc --entry both --input left=%t/x.npy --input arg1=%t/y.npy --expect %t/sum.npy
// RUN: nm-run - --entry add --input %t/x.npy --input %t/y.npy --expect %t/sum.npy < %s

func.func @add(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %e = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.add ins(%x, %y : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

func.func @both(%x: tensor<?x3xf32> {nm.name = "left"}, %y: tensor<?x3xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>) {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x3xf32>
  %e = tensor.empty(%d) : tensor<?x3xf32>
  %0 = linalg.add ins(%x, %y : tensor<?x3xf32>, tensor<?x3xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
  %1 = linalg.sub ins(%x, %y : tensor<?x3xf32>, tensor<?x3xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0, %1 : tensor<?x3xf32>, tensor<?x3xf32>
}
