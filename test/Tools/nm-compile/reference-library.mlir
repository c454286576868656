// The reference code of a model links into a library by itself: copies between buffers with gaps are loops, and
// no function of a runner of MLIR is called.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir -p %t
// RUN: nm-compile %s --reference -o %t/model.so
// RUN: nm-compile %s --reference -o %t/model.o
// RUN: not grep -q memrefCopy %t/model.o
// RUN: env PYTHONPATH=%nm_src_root/python NM_RUNTIME_LIBRARY=%nm_obj_root/lib/libnm_runtime.so %python -c "import numpy as np, nm; x = np.arange(6, dtype='f4').reshape(2, 3); \
// RUN:   print(np.array_equal(nm.load('%t/model.so')(x, 10 * x), np.concatenate([x, 10 * x], 1)))" | FileCheck %s
// CHECK: True

func.func @beside(%x: tensor<?x3xf32>, %y: tensor<?x3xf32>) -> tensor<?x6xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x3xf32>
  %e = tensor.empty(%n) : tensor<?x6xf32>
  %left = tensor.insert_slice %x into %e[0, 0] [%n, 3] [1, 1] : tensor<?x3xf32> into tensor<?x6xf32>
  %both = tensor.insert_slice %y into %left[0, 3] [%n, 3] [1, 1] : tensor<?x3xf32> into tensor<?x6xf32>
  return %both : tensor<?x6xf32>
}
