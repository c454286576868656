// What exporters write around a model, as one program: a seed nobody reads, an external global,
// shape constraints, arith and math on tensors, tosa, a destination.
// RUN: nm-opt %s --nm-input --canonicalize | FileCheck %s
// RUN: nm-opt %s --nm-to-packed=target=x86-64-avx2 | FileCheck %s --check-prefix=PACKED

// CHECK-NOT: ml_program
// CHECK-NOT: tosa
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[W:.+]] = nm.param "fc.weight" : tensor<4x8xf32>
// CHECK-NOT: shape.
// CHECK: linalg.generic
// CHECK: arith.addf
// CHECK: linalg.generic
// CHECK: math.tanh
// CHECK: linalg.matmul ins(%{{.+}}, %[[W]]
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK-NOT: materialize_in_destination
// CHECK: return

// The sigmoid is fused with the product.
// PACKED: nm.packed_matmul
// PACKED: math.exp
// PACKED: nm.yield
ml_program.global private mutable @global_seed(dense<0> : tensor<i64>) : tensor<i64>
ml_program.global private @fc.weight(#ml_program.extern : tensor<4x8xf32>) : tensor<4x8xf32>
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x8xf32> {
  %w = ml_program.global_load_const @fc.weight : tensor<4x8xf32>
  %sizes = shape.shape_of %x : tensor<?x4xf32> -> tensor<2xindex>
  %c0 = arith.constant 0 : index
  %n = shape.get_extent %sizes, %c0 : tensor<2xindex>, index -> index
  %same = shape.cstr_eq %sizes, %sizes : tensor<2xindex>, tensor<2xindex>
  %t = shape.assuming %same -> tensor<?x4xf32> {
    %y = arith.addf %x, %x : tensor<?x4xf32>
    %z = math.tanh %y : tensor<?x4xf32>
    shape.assuming_yield %z : tensor<?x4xf32>
  }
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %p = linalg.matmul ins(%t, %w : tensor<?x4xf32>, tensor<4x8xf32>) outs(%f : tensor<?x8xf32>) -> tensor<?x8xf32>
  %s = tosa.sigmoid %p : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %r = bufferization.materialize_in_destination %s in %e : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}
