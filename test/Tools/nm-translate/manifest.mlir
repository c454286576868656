// REQUIRES: nm-translate
// RUN: nm-opt %s --nm-to-cpu | nm-translate --nm-params-manifest | FileCheck %s
// CHECK: "f": {
// CHECK: "key": "bias"
// CHECK: "layout": "dense"
// CHECK: "version": 1
// RUN: not nm-translate --nm-params-manifest %s 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: no attribute 'nm.manifest'; run nm-opt --nm-externalize-params first, or --nm-to-cpu

// RUN: nm-opt %s --nm-to-cpu | nm-translate --mlir-to-llvmir | FileCheck %s --check-prefix=LLVM
// LLVM: define {{.*}}@_mlir_ciface_f(

func.func @f() -> tensor<4xf32> {
  %b = nm.param "bias" : tensor<4xf32>
  return %b : tensor<4xf32>
}
