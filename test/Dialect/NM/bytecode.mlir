// Attributes and operations survive the binary format, alone and from the other
// tests' inputs.
// RUN: nm-opt %S/ops.mlir --emit-bytecode | nm-opt | FileCheck %S/ops.mlir
// RUN: nm-opt %S/attrs.mlir --emit-bytecode | nm-opt | FileCheck %S/attrs.mlir
// RUN: nm-opt %s --emit-bytecode -o %t.mlirbc
// RUN: nm-opt %t.mlirbc | FileCheck %s

// CHECK-LABEL: func @constant()
// CHECK: arith.constant dense<{{.*}}> : tensor<1x4xf32, #nm.sparsity<2:4, axis = 1>>
func.func @constant() -> tensor<1x4xf32, #nm.sparsity<2:4, axis = 1>> {
  %c = arith.constant dense<[[0.0, 1.0, 0.0, 2.0]]> : tensor<1x4xf32, #nm.sparsity<2:4, axis = 1>>
  return %c : tensor<1x4xf32, #nm.sparsity<2:4, axis = 1>>
}
