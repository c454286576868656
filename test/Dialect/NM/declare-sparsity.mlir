// RUN: %python %S/Inputs/declare-sparsity.py %t.safetensors
// RUN: nm-opt %s --nm-declare-sparsity=params=%t.safetensors | FileCheck %s
// RUN: nm-opt %s --nm-declare-sparsity=params=%t.safetensors --remarks-filter=nm-declare-sparsity -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nm-opt %s --nm-declare-sparsity=params=%t.safetensors --nm-raise | FileCheck %s --check-prefix=RAISE
// RUN: nm-opt %s --nm-declare-sparsity="params=%t.safetensors mask-policy=ignore" | FileCheck %s --check-prefix=IGNORE
// RUN: nm-opt %s --nm-declare-sparsity="params=%t.safetensors mask-policy=require" | FileCheck %s --check-prefix=REQUIRE
// RUN: nm-opt %s --nm-declare-sparsity="params=%t.safetensors mask-suffixes=_kept mask-bit-order=msb" | FileCheck %s --check-prefix=PACKED
// RUN: nm-opt %s --nm-declare-sparsity="params=%t.safetensors pattern=2:4 mask-policy=derive" | FileCheck %s --check-prefix=DERIVE
// RUN: nm-opt %s --nm-declare-sparsity="params=%t.safetensors pattern=2:4 mask-policy=derive" --remarks-filter=nm-declare-sparsity \
// RUN:   -o /dev/null 2>&1 | FileCheck %s --check-prefix=LEFT
// RUN: nm-opt %s --nm-declare-sparsity | FileCheck %s --check-prefix=UNBOUND

// CHECK-LABEL: func.func @params
// RAISE-LABEL: func.func @params
// IGNORE-LABEL: func.func @params
// REQUIRE-LABEL: func.func @params
// PACKED-LABEL: func.func @params
// DERIVE-LABEL: func.func @params
// UNBOUND-LABEL: func.func @params
func.func @params(%x: tensor<3x8xf32>, %y: tensor<3x16xf32>) -> (tensor<3x16xf32>, tensor<3x8xf32>) {
  %zero16 = arith.constant dense<0.0> : tensor<3x16xf32>
  %zero8 = arith.constant dense<0.0> : tensor<3x8xf32>

  // 2:4 along both axes: its user sums over axis 0.
  // CHECK: %[[P:.+]] = nm.param "rows.weight" : tensor<8x16xf32, #nm.sparsity<2:4, axis = 0>>
  // CHECK-NEXT: %[[D:.+]] = nm.decompress %[[P]] :
  // REMARK: [Passed] sparsity-declared | Category:nm-declare-sparsity | axis=0, density=0.500, key=rows.weight, pattern=2:4, source=values
  // RAISE: %[[W:.+]] = nm.param "rows.weight" : tensor<8x16xf32, #nm.sparsity<2:4, axis = 0>>
  // RAISE: nm.matmul ins(%{{.+}}, %[[W]] :
  // DERIVE: nm.param "rows.weight" {{.*}}: tensor<8x16xf32, #nm.sparsity<2:4, axis = 0>>
  // UNBOUND: nm.param "rows.weight" : tensor<8x16xf32>
  %rows = nm.param "rows.weight" : tensor<8x16xf32>
  // CHECK: linalg.matmul ins(%{{.+}}, %[[D]] :
  %0 = linalg.matmul ins(%x, %rows : tensor<3x8xf32>, tensor<8x16xf32>) outs(%zero16 : tensor<3x16xf32>) -> tensor<3x16xf32>

  // 1:4 along axis 1, but summed over axis 0.
  // CHECK: nm.param "columns.weight" : tensor<8x16xf32>
  // REMARK: [Missed] sparsity-not-declared
  // REMARK-SAME: 1:4 holds along axis 1, but products sum over axis 0
  %columns = nm.param "columns.weight" : tensor<8x16xf32>
  %1 = linalg.matmul ins(%x, %columns : tensor<3x8xf32>, tensor<8x16xf32>) outs(%0 : tensor<3x16xf32>) -> tensor<3x16xf32>

  // CHECK: nm.param "dense.weight" : tensor<8x16xf32>
  // REMARK: [Missed] sparsity-not-declared
  // REMARK-SAME: no N:M below dense holds in its values, density 1.000
  // DERIVE: nm.param "dense.weight" {{.*}}: tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  %dense = nm.param "dense.weight" : tensor<8x16xf32>

  // A table of rows is no weight.
  // DERIVE: nm.param "dense.weight" : tensor<8x16xf32>
  // REMARK: [Missed] sparsity-not-declared
  // LEFT: [Missed] sparsity-not-declared
  // LEFT-SAME: it is an embedding
  %table = nm.param "dense.weight" : tensor<8x16xf32>
  %c0 = arith.constant 0 : index
  %row = tensor.extract_slice %table[%c0, 0] [1, 16] [1, 1] : tensor<8x16xf32> to tensor<1x16xf32>

  // Nor are biases of which each gate of a layer has a part, and they are no table of rows.
  // DERIVE: nm.param "dense.weight" : tensor<8x16xf32>
  // REMARK: [Missed] sparsity-not-declared
  // LEFT: [Missed] sparsity-not-declared
  // LEFT-SAME: only parts of it are read, which stay dense
  %biases = nm.param "dense.weight" : tensor<8x16xf32>
  %gate = tensor.extract_slice %biases[0, 4] [8, 4] [1, 1] : tensor<8x16xf32> to tensor<8x4xf32>

  // The mask decides, not the values.
  // CHECK: nm.param "masked.weight" {{.*}}: tensor<8x16xf32, #nm.sparsity<1:4, axis = 1>>
  // REMARK: [Passed] sparsity-declared
  // REMARK-SAME: axis=1, density=0.250, key=masked.weight, pattern=1:4, source="mask 'masked.weight_mask'"
  // IGNORE: nm.param "masked.weight" : tensor<8x16xf32>
  // REQUIRE: nm.param "masked.weight" {{.*}}: tensor<8x16xf32, #nm.sparsity<1:4, axis = 1>>
  %masked = nm.param "masked.weight" : tensor<8x16xf32>

  // CHECK: nm.param "packed.weight" : tensor<8x16xf32>
  // REMARK: [Missed] sparsity-not-declared
  // PACKED: nm.param "packed.weight" {{.*}}: tensor<8x16xf32, #nm.sparsity<1:4, axis = 1>>
  %packed = nm.param "packed.weight" : tensor<8x16xf32>

  // All zero: no pattern is tighter than 1:M.
  // CHECK: nm.param "zero.weight" {{.*}}: tensor<8x16xf32, #nm.sparsity<1:16, axis = 1>>
  // REMARK: [Passed] sparsity-declared
  // REMARK-SAME: axis=1, density=0.000, key=zero.weight, pattern=1:16
  // REQUIRE: nm.param "zero.weight" : tensor<8x16xf32>
  %all = nm.param "zero.weight" : tensor<8x16xf32>

  // Vectors and what is encoded already are checked only.
  // CHECK: nm.param "bias" : tensor<8xf32>
  // CHECK: nm.param "rows.weight" : tensor<8x16xf32, #nm.sparsity<4:8, axis = 1>>
  %bias = nm.param "bias" : tensor<8xf32>
  %encoded = nm.param "rows.weight" : tensor<8x16xf32, #nm.sparsity<4:8, axis = 1>>

  // Nothing is known of another scope.
  // CHECK: nm.param "w" in "adapter" : tensor<8x16xf32>
  // REMARK: Reason="no checkpoint is given for scope 'adapter'
  %adapter = nm.param "w" in "adapter" : tensor<8x16xf32>
  return %1, %zero8 : tensor<3x16xf32>, tensor<3x8xf32>
}
