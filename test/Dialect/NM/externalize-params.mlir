// RUN: nm-opt %s --nm-externalize-params | FileCheck %s
// RUN: not nm-opt %S/Inputs/recursive.mlir --nm-externalize-params 2>&1 | FileCheck %s --check-prefix=RECURSIVE

// The manifest lists, per public function, what the trailing arguments take.
// CHECK: module attributes {nm.manifest = "{
// CHECK-SAME: outer
// CHECK-SAME: {\22key\22: \22bias\22, \22scope\22: \22\22, \22shape\22: [8], \22dtype\22: \22f32\22, \22sparsity\22: null, \22layout\22: \22dense\22}
// CHECK-SAME: {\22key\22: \22w\22, \22scope\22: \22adapter\22, \22shape\22: [8, 16], \22dtype\22: \22f32\22, \22sparsity\22: {\22n\22: 2, \22m\22: 4, \22axis\22: 1}, \22layout\22: \22canonical\22}

// A parameter read twice is passed once; inputs are not written.
// CHECK: func.func private @inner(%[[X:.+]]: tensor<8xf32>, %[[B:.+]]: tensor<8xf32> {bufferization.writable = false, nm.param}) -> tensor<8xf32>
// CHECK: arith.addf %[[X]], %[[B]]
func.func private @inner(%x: tensor<8xf32>) -> tensor<8xf32> {
  %b = nm.param "bias" : tensor<8xf32>
  %0 = arith.addf %x, %b : tensor<8xf32>
  return %0 : tensor<8xf32>
}

// Callers pass on what callees read.
// CHECK: func.func @outer(%{{.+}}: tensor<8xf32> {bufferization.writable = false}, %[[B1:.+]]: tensor<8xf32> {{.*}}, %[[V:.+]]: tensor<8x8xf32> {{.*}}, %[[M:.+]]: tensor<8x2xi8>
// CHECK: call @inner(%{{.+}}, %[[B1]])
// CHECK: nm.assemble %[[V]], %[[M]] layout canonical
func.func @outer(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>) {
  %0 = call @inner(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %b = nm.param "bias" : tensor<8xf32>
  %1 = arith.mulf %0, %b : tensor<8xf32>
  %v, %m = nm.packed_param "w" in "adapter" of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout canonical
      : tensor<8x8xf32>, tensor<8x2xi8>
  %s = nm.assemble %v, %m layout canonical : tensor<8x8xf32>, tensor<8x2xi8> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  return %1, %s : tensor<8xf32>, tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
}

// RECURSIVE: error: 'func.func' op reads parameters in a recursive call cycle
