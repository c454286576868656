// Rows of a table: values, both counts, rows of two dimensions, and indices that name none.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python -c "import numpy as np; r = np.random.default_rng(7); t = r.standard_normal((9, 3, 20)).astype('f4'); i = r.integers(-9, 9, (4, 5)); np.save('%t/t.npy', t); np.save('%t/i.npy', i); np.save('%t/y.npy', t[i]); np.save('%t/u.npy', i % 9); [np.save(f'%t/bad{n}.npy', np.where(np.arange(20).reshape(4, 5) == 17, n, 0)) for n in (9, -10, 2**40)]"
// RUN: nm-run %s --entry from_end --input %t/i.npy --input %t/t.npy --expect %t/y.npy --atol 0 --rtol 0
// RUN: nm-run %s --entry from_end --input %t/i.npy --input %t/t.npy --expect %t/y.npy --atol 0 --rtol 0 --reference
// RUN: nm-run %s --entry plain --input %t/u.npy --input %t/t.npy --expect %t/y.npy --atol 0 --rtol 0
// RUN: not nm-run %s --entry from_end --input %t/bad9.npy --input %t/t.npy 2>&1 | FileCheck %s --check-prefix=HIGH
// HIGH: error: function 'from_end' was not run to its end: 'layer.embedding' reads row 9 of a table of 9
// RUN: not nm-run %s --entry from_end --input %t/bad-10.npy --input %t/t.npy 2>&1 | FileCheck %s --check-prefix=LOW
// LOW: 'layer.embedding' reads row -10 of a table of 9
// RUN: not nm-run %s --entry plain --input %t/bad1099511627776.npy --input %t/t.npy 2>&1 | FileCheck %s --check-prefix=FAR
// FAR: 'layer.embedding' reads row 1099511627776 of a table of 9
// RUN: not nm-run %s --entry plain --input %t/i.npy --input %t/t.npy 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: 'layer.embedding' reads row -{{[0-9]}} of a table of 9

// RUN: not nm-compile %s --entry fixed --target=edge -o %t/x.nmb 2>&1 | FileCheck %s --check-prefix=ACCELERATOR
// ACCELERATOR: 'layer.embedding' op has no instructions on edge, whose transfers move boxes; look the rows up before, and pass them as an argument

func.func @from_end(%i: tensor<4x?xi64>, %t: tensor<?x3x20xf32>) -> tensor<4x?x3x20xf32> {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %i, %c1 : tensor<4x?xi64>
  %e = tensor.empty(%n) : tensor<4x?x3x20xf32>
  %y = layer.embedding from_end ins(%i : tensor<4x?xi64>) table(%t : tensor<?x3x20xf32>) outs(%e : tensor<4x?x3x20xf32>) -> tensor<4x?x3x20xf32>
  return %y : tensor<4x?x3x20xf32>
}

func.func @plain(%i: tensor<4x5xi64>, %t: tensor<9x3x20xf32>) -> tensor<4x5x3x20xf32> {
  %e = tensor.empty() : tensor<4x5x3x20xf32>
  %y = layer.embedding ins(%i : tensor<4x5xi64>) table(%t : tensor<9x3x20xf32>) outs(%e : tensor<4x5x3x20xf32>) -> tensor<4x5x3x20xf32>
  return %y : tensor<4x5x3x20xf32>
}

func.func @fixed(%t: tensor<9x32xf32>) -> tensor<2x32xf32> {
  %i = arith.constant dense<[3, 1]> : tensor<2xi64>
  %e = tensor.empty() : tensor<2x32xf32>
  %y = layer.embedding ins(%i : tensor<2xi64>) table(%t : tensor<9x32xf32>) outs(%e : tensor<2x32xf32>) -> tensor<2x32xf32>
  return %y : tensor<2x32xf32>
}
