// CSE leaves one empty tensor for all results of a shape; sixteen users, in one block, share one afterwards.
// RUN: %python %S/Inputs/chain.py 20 > %t.mlir
// RUN: nm-opt %t.mlir --nm-split-destinations | FileCheck %s
// CHECK: %[[A:.*]] = tensor.empty()
// CHECK-COUNT-16: linalg.exp ins({{.*}}) outs(%[[A]] :
// CHECK: %[[B:.*]] = tensor.empty()
// CHECK-COUNT-4: linalg.exp ins({{.*}}) outs(%[[B]] :
// CHECK-NOT: tensor.empty

// A chain fuses into one loop nest, whatever its length.
// RUN: %python %S/Inputs/chain.py 300 > %t.300.mlir
// RUN: nm-opt %t.300.mlir --nm-simplify-linalg | FileCheck %s --check-prefix=FUSED
// FUSED: linalg.generic
// FUSED-COUNT-300: math.exp
// FUSED-NOT: linalg.generic
