// Sizes that must agree are compared before the arrays are read: the message names inputs, dimensions and both sizes.
// RUN: split-file %s %t
// RUN: %python %S/Inputs/arrays.py %t a="np.ones((5, 4), 'f4')" b="np.ones((2, 4), 'f4')" c="np.full((5, 4), 2, 'f4')" \
// RUN:   w="np.ones((6, 3), 'f4')" ids="np.array([0, 5, 2])" bad="np.array([0, 6, 2])" negative="np.array([0, -1, 2])" rows="np.ones((3, 3), 'f4')" \
// RUN:   v12="np.ones(12, 'f4')" v10="np.ones(10, 'f4')"
// RUN: nm-run %t/add.mlir --input %t/a.npy --input %t/a.npy --expect %t/c.npy
// RUN: not nm-run %t/add.mlir --input %t/a.npy --input %t/b.npy 2>&1 | FileCheck %s --check-prefix=ADD
// RUN: not nm-run %t/add.mlir --reference --input %t/a.npy --input %t/b.npy 2>&1 | FileCheck %s --check-prefix=ADD
// ADD: error: function 'f' was not run to its end: dimension 0 of 'a' is 5 and dimension 0 of 'b' is 2, but they must be equal for 'linalg.generic' (add.mlir:6:8)

// Indices that come from data.
// RUN: nm-run %t/embed.mlir --input %t/w.npy --input %t/ids.npy --expect %t/rows.npy
// RUN: not nm-run %t/embed.mlir --input %t/w.npy --input %t/bad.npy 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: 'tensor.extract' ({{.*}}) reads index 6 of dimension 0, expected 0 to below 6
// RUN: not nm-run %t/embed.mlir --input %t/w.npy --input %t/negative.npy 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: reads index -1 of dimension 0, expected 0 to below 6

// Parts of an expanded dimension: 12 is three rows of 4, 10 is not.
// RUN: nm-run %t/expand.mlir --input %t/v12.npy
// RUN: not nm-run %t/expand.mlir --input %t/v10.npy 2>&1 | FileCheck %s --check-prefix=EXPAND
// EXPAND: must be equal for 'tensor.expand_shape'

// One check for each size that the types leave open.
// RUN: nm-opt %t/add.mlir --nm-check-sizes | FileCheck %s --check-prefix=DERIVED
// DERIVED: nm.require %{{.*}}, "dimension 0 of 'arg0' is {0} and dimension 0 of 'arg1' is {1},
// DERIVED-NOT: nm.require

//--- add.mlir
#m = affine_map<(d0, d1) -> (d0, d1)>
func.func @f(%a: tensor<?x4xf32>, %b: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %a, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %r = linalg.generic {indexing_maps = [#m, #m, #m], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %s = arith.addf %x, %y : f32
    linalg.yield %s : f32
  } -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

//--- embed.mlir
func.func @f(%w: tensor<?x3xf32>, %ids: tensor<?xi64>) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %ids, %c0 : tensor<?xi64>
  %e = tensor.empty(%n) : tensor<?x3xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<?xi64>) outs(%e : tensor<?x3xf32>) {
  ^bb0(%id: i64, %o: f32):
    %row = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %w[%row, %j] : tensor<?x3xf32>
    linalg.yield %v : f32
  } -> tensor<?x3xf32>
  return %r : tensor<?x3xf32>
}

//--- expand.mlir
func.func @f(%x: tensor<?xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %m = arith.divui %n, %c4 : index
  %r = tensor.expand_shape %x [[0, 1]] output_shape [%m, 4] : tensor<?xf32> into tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}
