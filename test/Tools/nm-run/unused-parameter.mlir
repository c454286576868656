// A model whose one parameter nobody reads is run with its checkpoint; a model
// that has none is not.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python -c "import numpy as np; x = np.ones((2, 3), 'f4'); np.save('%t/x.npy', x); np.savez('%t/p.npz', w=x)"
// RUN: nm-run %s --params %t/p.npz --input %t/x.npy --expect %t/x.npy
// RUN: sed '/nm.param/d' %s > %t/none.mlir
// RUN: not nm-run %t/none.mlir --params %t/p.npz --input %t/x.npy 2>&1 | FileCheck %s
// CHECK: error: --params has no effect: {{.*}} has no parameters; drop it

func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %w = nm.param "w" : tensor<2x3xf32>
  return %x : tensor<2x3xf32>
}
