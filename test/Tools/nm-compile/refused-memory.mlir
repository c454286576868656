// A call that is refused in the middle frees what it was working with: the exponentials, and the result.
// REQUIRES: nm-run, numpy
// RUN: nm-compile %s --emit=so -o %t.so
// RUN: env OMP_NUM_THREADS=1 %python %S/Inputs/refused_memory.py %t.so
// RUN: nm-opt %s --nm-to-cpu | FileCheck %s

// CHECK-LABEL: llvm.func @f(
// CHECK: llvm.call @nm_fail
// CHECK: llvm.call @free
// CHECK: llvm.return

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @f(%x: tensor<?x1024xf32>, %ids: tensor<?xi64>) -> tensor<?x1024xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x1024xf32>
  %m = tensor.dim %ids, %c0 : tensor<?xi64>
  %e = tensor.empty(%n) : tensor<?x1024xf32>
  %y = linalg.exp ins(%x : tensor<?x1024xf32>) outs(%e : tensor<?x1024xf32>) -> tensor<?x1024xf32>
  // Indices that come from what was calculated.
  %z = linalg.softmax dimension(1) ins(%y : tensor<?x1024xf32>) outs(%e : tensor<?x1024xf32>) -> tensor<?x1024xf32>
  %d = tensor.empty(%m) : tensor<?x1024xf32>
  %r = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<?xi64>) outs(%d : tensor<?x1024xf32>) {
  ^bb0(%id: i64, %o: f32):
    %row = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %z[%row, %j] : tensor<?x1024xf32>
    linalg.yield %v : f32
  } -> tensor<?x1024xf32>
  return %r : tensor<?x1024xf32>
}
