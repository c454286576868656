// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(layer-lower-to-linalg))' | FileCheck %s --implicit-check-not=layer.

// CHECK-DAG: #[[$ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[$COL:.*]] = affine_map<(d0, d1) -> (d1)>

// Three passes over the elements, whatever their type; statistics in f32.
// CHECK-LABEL: func @norm(
// CHECK-SAME: %[[X:.*]]: tensor<?x40xf16>, %[[G:.*]]: tensor<40xf16>
// CHECK: %[[COUNT:.*]] = arith.constant 4.000000e+01 : f32
// CHECK: %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[$ALL]], #[[$ROW]]], iterator_types = ["parallel", "reduction"]} ins(%[[X]] :
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: %[[MEAN:.*]] = linalg.generic {{.*}} ins(%[[SUM]] : tensor<?xf32>)
// CHECK: arith.divf %{{.*}}, %[[COUNT]]
// CHECK: %[[SQUARES:.*]] = linalg.generic {{.*}}"reduction"]} ins(%[[X]], %[[MEAN]] :
// CHECK: arith.subf
// CHECK: arith.mulf
// CHECK: %[[INVERSE:.*]] = linalg.generic {{.*}} ins(%[[SQUARES]] : tensor<?xf32>)
// CHECK: math.sqrt
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[$ALL]], #[[$ROW]], #[[$ROW]], #[[$COL]], #[[$ALL]]], iterator_types = ["parallel", "parallel"]} ins(%[[X]], %[[MEAN]], %[[INVERSE]], %[[G]] :
// CHECK: arith.truncf %{{.*}} : f32 to f16
// CHECK: return %[[Y]]
func.func @norm(%x: tensor<?x40xf16>, %g: tensor<40xf16>) -> tensor<?x40xf16> {
  %0 = layer.norm axis(1) epsilon(1.0e-5) ins(%x : tensor<?x40xf16>) scale(%g : tensor<40xf16>)
      outs(%x : tensor<?x40xf16>) -> tensor<?x40xf16>
  return %0 : tensor<?x40xf16>
}

// The number of elements is known when it runs.
// CHECK-LABEL: func @dynamic(
// CHECK: %[[SIZE:.*]] = tensor.dim %{{.*}}, %{{.*}} : tensor<2x?xf32>
// CHECK: %[[ALL:.*]] = arith.muli %{{.*}}, %[[SIZE]]
// CHECK: arith.index_cast %[[ALL]]
// CHECK: arith.sitofp
// CHECK-COUNT-1: "reduction"
// CHECK-NOT: "reduction"
func.func @dynamic(%x: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %0 = layer.rms_norm axis(1) epsilon(1.0e-5) ins(%x : tensor<2x?xf32>) outs(%x : tensor<2x?xf32>) -> tensor<2x?xf32>
  return %0 : tensor<2x?xf32>
}

// CHECK-LABEL: func @scalars(
// CHECK: math.erf
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK: math.tanh %{{.*}} : f32
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK: arith.constant dense<1.702000e+00> : vector<4xf32>
// CHECK: math.exp %{{.*}} : vector<4xf32>
func.func @scalars(%x: f32, %h: bf16, %v: vector<4xf32>) -> (f32, bf16, vector<4xf32>) {
  %0 = layer.gelu %x : f32
  %1 = layer.gelu_tanh %h : bf16
  %2 = layer.swish %v {alpha = 1.702 : f64} : vector<4xf32>
  return %0, %1, %2 : f32, bf16, vector<4xf32>
}

// On a tensor it is an elementwise operation.
// CHECK-LABEL: func @tensor(
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<?x3xf32>)
// CHECK: math.exp
func.func @tensor(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = layer.swish %x : tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// Half the elements are turned, and written over the input; of all that are, nothing of the input is left.
// CHECK-LABEL: func @rotary(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x?x9xf32>, %[[C:[a-z0-9]+]]: tensor<?x4xf32>, %[[S:[a-z0-9]+]]: tensor<?x4xf32>
// CHECK: %[[FIRST:.*]] = tensor.extract_slice %[[X]][0, 0, 0] [2, %{{.*}}, 4] [1, 1, 2]
// CHECK: %[[SECOND:.*]] = tensor.extract_slice %[[X]][0, 0, 1] [2, %{{.*}}, 4] [1, 1, 2]
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[FIRST]], %[[SECOND]], %[[C]], %[[S]] :
// CHECK: arith.subf
// CHECK: %[[Z:.*]] = linalg.generic {{.*}} ins(%[[FIRST]], %[[SECOND]], %[[C]], %[[S]] :
// CHECK: arith.addf
// CHECK: %[[HALF:.*]] = tensor.insert_slice %[[Y]] into %[[X]][0, 0, 0]
// CHECK: tensor.insert_slice %[[Z]] into %[[HALF]][0, 0, 1]
func.func @rotary(%x: tensor<2x?x9xf32>, %c: tensor<?x4xf32>, %s: tensor<?x4xf32>) -> tensor<2x?x9xf32> {
  %0 = layer.rotary axis(1) interleaved ins(%x : tensor<2x?x9xf32>) angles(%c, %s : tensor<?x4xf32>)
      outs(%x : tensor<2x?x9xf32>) -> tensor<2x?x9xf32>
  return %0 : tensor<2x?x9xf32>
}

// CHECK-LABEL: func @whole(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x8xf32>, %{{.*}}, %[[INIT:[a-z0-9]+]]: tensor<3x8xf32>
// CHECK: tensor.extract_slice %[[X]][0, 4] [3, 4] [1, 1]
// CHECK: tensor.insert_slice %{{.*}} into %[[INIT]][0, 0] [3, 4] [1, 1]
func.func @whole(%x: tensor<3x8xf32>, %c: tensor<3x4xf32>, %init: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %0 = layer.rotary axis(0) ins(%x : tensor<3x8xf32>) angles(%c, %c : tensor<3x4xf32>)
      outs(%init : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}

// One check and one row for each index.
// CHECK-LABEL: func @embedding(
// CHECK-SAME: %[[I:[a-z0-9]+]]: tensor<2x?xi32>, %[[T:[a-z0-9]+]]: tensor<9x3x4xf32>
// CHECK: scf.for %[[A:.*]] = {{.*}} iter_args
// CHECK: scf.for %[[B:.*]] = {{.*}} iter_args(%[[INTO:.*]] = %
// CHECK: %[[E:.*]] = tensor.extract %[[I]][%[[A]], %[[B]]]
// CHECK: %[[AT:.*]] = arith.index_cast %[[E]]
// CHECK: %[[WRAPPED:.*]] = arith.addi %[[AT]]
// CHECK: %[[ROW:.*]] = arith.select %{{.*}}, %[[WRAPPED]], %[[AT]]
// CHECK: %[[OK:.*]] = arith.cmpi ult, %[[ROW]]
// CHECK: nm.require %[[OK]], "'layer.embedding' reads row {0} of a table of {1}"(%[[AT]], %
// CHECK: %[[SLICE:.*]] = tensor.extract_slice %[[T]][%[[ROW]], 0, 0] [1, 3, 4] [1, 1, 1] : tensor<9x3x4xf32> to tensor<3x4xf32>
// CHECK: tensor.insert_slice %[[SLICE]] into %[[INTO]][%[[A]], %[[B]], 0, 0] [1, 1, 3, 4] [1, 1, 1, 1]
func.func @embedding(%i: tensor<2x?xi32>, %t: tensor<9x3x4xf32>, %e: tensor<2x?x3x4xf32>) -> tensor<2x?x3x4xf32> {
  %0 = layer.embedding from_end ins(%i : tensor<2x?xi32>) table(%t : tensor<9x3x4xf32>) outs(%e : tensor<2x?x3x4xf32>) -> tensor<2x?x3x4xf32>
  return %0 : tensor<2x?x3x4xf32>
}
