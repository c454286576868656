// RUN: nm-opt %s --nm-lower-to-linalg --canonicalize | FileCheck %s

// No nm operation but parameters is left.
// RUN: nm-opt %s --nm-lower-to-linalg | FileCheck %s --check-prefix=LEFT
// LEFT-NOT: = nm.{{prune|compress|decompress|assemble|disassemble|matmul}}

#s = #nm.sparsity<2:4, axis = 1>

// CHECK-DAG: #[[$IK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[$JK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[$IJ:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>

// CHECK-LABEL: func @prune(
// CHECK-SAME: %[[W:.*]]: tensor<?x8xbf16>)
// CHECK: %[[G:.*]] = tensor.expand_shape %[[W]] {{\[\[}}0], [1, 2]] output_shape [%{{.*}}, 2, 4]
// The key: magnitude bits, NaN just above infinity (0x7f80).
// CHECK: %[[KEYS:.*]] = linalg.generic {{.*}} ins(%[[G]] :
// CHECK: arith.bitcast %{{.*}} : bf16 to i16
// CHECK: arith.andi %{{.*}}, %c32767_i32
// CHECK: arith.minui %{{.*}}, %c32641_i32
// The rank of an element in its group ...
// CHECK: %[[RANKS:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%[[KEYS]], %[[KEYS]] :
// ... decides.
// CHECK: %[[KEPT:.*]] = linalg.generic {{.*}} ins(%[[G]], %[[RANKS]] :
// CHECK: arith.cmpi ult, %{{.*}}, %c2_i32
// CHECK: arith.select
// CHECK: %[[R:.*]] = tensor.collapse_shape %[[KEPT]] {{\[\[}}0], [1, 2]]
// CHECK: return %[[R]]
func.func @prune(%w: tensor<?x8xbf16>) -> tensor<?x8xbf16> {
  %p = nm.prune %w to <2:4, axis = 1> : tensor<?x8xbf16>
  return %p : tensor<?x8xbf16>
}

// An encoded tensor is its dense tensor, in signatures, calls and loops too.
// CHECK-LABEL: func @types(
// CHECK-SAME: %[[S:.*]]: tensor<8x16xf32>, %[[N:.*]]: index) -> tensor<8x16xf32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[S]]) -> (tensor<8x16xf32>)
// CHECK: func.call @callee(%{{.*}}) : (tensor<8x16xf32>) -> tensor<8x16xf32>
func.func @types(%s: tensor<8x16xf32, #s>, %n: index) -> tensor<8x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %s) -> tensor<8x16xf32, #s> {
    %b = func.call @callee(%a) : (tensor<8x16xf32, #s>) -> tensor<8x16xf32, #s>
    scf.yield %b : tensor<8x16xf32, #s>
  }
  %d = nm.decompress %r : tensor<8x16xf32, #s> to tensor<8x16xf32>
  return %d : tensor<8x16xf32>
}
// CHECK: func private @callee(tensor<8x16xf32>) -> tensor<8x16xf32>
func.func private @callee(tensor<8x16xf32, #s>) -> tensor<8x16xf32, #s>

// CHECK-LABEL: func @plain_ops(
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<1x4xf32>
func.func @plain_ops(%p: i1, %s: tensor<1x4xf32, #s>) -> tensor<1x4xf32, #s> {
  %c = arith.constant dense<[[0.0, 1.0, 0.0, 2.0]]> : tensor<1x4xf32, #s>
  %r = arith.select %p, %c, %s : tensor<1x4xf32, #s>
  return %r : tensor<1x4xf32, #s>
}

// CHECK-LABEL: func @compress(
// CHECK-SAME: %[[W:.*]]: tensor
// CHECK: %[[COUNTS:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]}
// CHECK: arith.cmpf une, %{{.*}}, %{{.*}}
// CHECK: %[[MOST:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "reduction"]} ins(%[[COUNTS]] :
// CHECK: arith.maxui
// CHECK: %[[N:.*]] = tensor.extract %[[MOST]][]
// CHECK: %[[OK:.*]] = arith.cmpi ule, %[[N]], %c2_i32
// CHECK: cf.assert %[[OK]], "nm.compress: a group of 4 holds more than 2 non-zeros"
// CHECK: return %[[W]]
func.func @compress(%w: tensor<8x16xf32>) -> tensor<8x16xf32, #s> {
  %r = nm.compress %w : tensor<8x16xf32> to tensor<8x16xf32, #s>
  return %r : tensor<8x16xf32, #s>
}

// What is known to fit is not checked ...
// CHECK-LABEL: func @compress_known(
// CHECK-NOT: cf.assert
// CHECK: return
func.func @compress_known(%w: tensor<8x16xf32>) -> (tensor<1x4xf32, #s>, tensor<8x16xf32, #s>, tensor<8x16xf32, #nm.sparsity<4:4, axis = 1>>) {
  %c = arith.constant dense<[[0.0, 1.0, 0.0, 2.0]]> : tensor<1x4xf32>
  %a = nm.compress %c : tensor<1x4xf32> to tensor<1x4xf32, #s>
  %p = nm.prune %w to <2:4, axis = 1> : tensor<8x16xf32>
  %b = nm.compress %p : tensor<8x16xf32> to tensor<8x16xf32, #s>
  %d = nm.compress %w : tensor<8x16xf32> to tensor<8x16xf32, #nm.sparsity<4:4, axis = 1>>
  return %a, %b, %d : tensor<1x4xf32, #s>, tensor<8x16xf32, #s>, tensor<8x16xf32, #nm.sparsity<4:4, axis = 1>>
}

// ... and a constant that does not fit stops the program when it gets there.
// CHECK-LABEL: func @compress_over_full(
// CHECK: cf.assert
func.func @compress_over_full() -> tensor<1x4xf32, #s> {
  %c = arith.constant dense<[[3.0, 1.0, 0.0, 2.0]]> : tensor<1x4xf32>
  %a = nm.compress %c : tensor<1x4xf32> to tensor<1x4xf32, #s>
  return %a : tensor<1x4xf32, #s>
}

// The loader verifies the pattern of a dense parameter.
// CHECK-LABEL: func @param(
// CHECK: nm.packed_param "w" in "a" of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout dense : tensor<8x16xf32>
// CHECK: nm.param "b" : tensor<8xf32>
func.func @param() -> (tensor<8x16xf32, #s>, tensor<8xf32>) {
  %w = nm.param "w" in "a" : tensor<8x16xf32, #s>
  %b = nm.param "b" : tensor<8xf32>
  return %w, %b : tensor<8x16xf32, #s>, tensor<8xf32>
}

// CHECK-LABEL: func @assemble_canonical(
// CHECK-SAME: %[[V:.*]]: tensor<8x6xf32>, %[[M:.*]]: tensor<8x3xi8>)
// Three-bit indices straddle bytes.
// CHECK: %[[I:.*]] = linalg.generic
// CHECK-COUNT-2: tensor.extract %[[M]]
// CHECK: arith.andi %{{.*}}, %c7_i32
// CHECK: %[[E:.*]] = tensor.expand_shape %[[V]]
// CHECK: linalg.generic {{.*}} ins(%[[E]], %[[I]] : tensor<8x2x3xf32>, tensor<8x2x3xi32>) outs(%{{.*}} : tensor<8x2x7xf32>)
func.func @assemble_canonical(%v: tensor<8x6xf32>, %m: tensor<8x3xi8>) -> tensor<8x14xf32, #nm.sparsity<3:7, axis = 1>> {
  %s = nm.assemble %v, %m layout canonical : tensor<8x6xf32>, tensor<8x3xi8> to tensor<8x14xf32, #nm.sparsity<3:7, axis = 1>>
  return %s : tensor<8x14xf32, #nm.sparsity<3:7, axis = 1>>
}

// CHECK-LABEL: func @disassemble_dense(
// CHECK-SAME: %[[S:.*]]: tensor
// CHECK-NEXT: return %[[S]]
func.func @disassemble_dense(%s: tensor<8x16xf32, #s>) -> tensor<8x16xf32> {
  %d = nm.disassemble %s layout dense : tensor<8x16xf32, #s> to tensor<8x16xf32>
  return %d : tensor<8x16xf32>
}

// CHECK-LABEL: func @disassemble_canonical(
// CHECK: return %{{.*}}, %{{.*}} : tensor<8x8xf32>, tensor<8x2xi8>
func.func @disassemble_canonical(%s: tensor<8x16xf32, #s>) -> (tensor<8x8xf32>, tensor<8x2xi8>) {
  %v, %m = nm.disassemble %s layout canonical : tensor<8x16xf32, #s> to tensor<8x8xf32>, tensor<8x2xi8>
  return %v, %m : tensor<8x8xf32>, tensor<8x2xi8>
}

// CHECK-LABEL: func @disassemble_panel(
// CHECK: return %{{.*}}, %{{.*}} : tensor<72xf32>, tensor<72xi16>
func.func @disassemble_panel(%s: tensor<8x16xf32, #s>) -> (tensor<72xf32>, tensor<72xi16>) {
  %v, %m = nm.disassemble %s layout panel<rows = 3, cols = 8, depth = 8>
      : tensor<8x16xf32, #s> to tensor<72xf32>, tensor<72xi16>
  return %v, %m : tensor<72xf32>, tensor<72xi16>
}

// Accumulates in the destination when no conversion follows.
// CHECK-LABEL: func @matmul(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<4x8xf32>, %[[C:.*]]: tensor<?x4xf32>)
// CHECK: %[[Z:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%[[C]] :
// CHECK: linalg.generic {indexing_maps = [#[[$IK]], #[[$JK]], #[[$IJ]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[X]], %[[W]] :
// CHECK-SAME: outs(%[[Z]] :
// CHECK: arith.mulf
// CHECK: arith.addf
func.func @matmul(%x: tensor<?x8xf32>, %w: tensor<4x8xf32, #s>, %c: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %r = nm.matmul transpose_rhs ins(%x, %w : tensor<?x8xf32>, tensor<4x8xf32, #s>) outs(%c : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// CHECK-LABEL: func @matmul_f16(
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<3x4x4xf32>)
// CHECK: arith.extf
// CHECK: arith.extf
// CHECK: linalg.generic {{.*}} ins(%[[SUM]], %{{.*}} : tensor<3x4x4xf32>, tensor<4xf16>) outs(%{{.*}} : tensor<3x4x4xf16>)
// CHECK: arith.truncf
// CHECK: arith.addf %{{.*}}, %{{.*}} : f16
func.func @matmul_f16(%x: tensor<3x4x8xf16>, %w: tensor<8x4xf16, #nm.sparsity<2:4, axis = 0>>, %b: tensor<4xf16>, %c: tensor<3x4x4xf16>) -> tensor<3x4x4xf16> {
  %r = nm.matmul ins(%x, %w : tensor<3x4x8xf16>, tensor<8x4xf16, #nm.sparsity<2:4, axis = 0>>)
      epilogue(%b : tensor<4xf16>) maps [affine_map<(b, i, j) -> (j)>] outs(%c : tensor<3x4x4xf16>) {
  ^bb0(%acc: f32, %e: f16):
    %t = arith.truncf %acc : f32 to f16
    %s = arith.addf %t, %e : f16
    nm.yield %s : f16
  } -> tensor<3x4x4xf16>
  return %r : tensor<3x4x4xf16>
}

// CHECK-LABEL: func @matmul_i8(
// CHECK: arith.extsi
// CHECK: arith.extsi
// CHECK: arith.muli
// CHECK: arith.addi
func.func @matmul_i8(%x: tensor<4x8xi8>, %w: tensor<4x8xi8, #s>, %c: tensor<4x4xi32>) -> tensor<4x4xi32> {
  %r = nm.matmul transpose_rhs ins(%x, %w : tensor<4x8xi8>, tensor<4x8xi8, #s>) outs(%c : tensor<4x4xi32>) -> tensor<4x4xi32>
  return %r : tensor<4x4xi32>
}

// CHECK-LABEL: func @matmul_i8_weight(
// CHECK: arith.sitofp
// CHECK: arith.mulf
func.func @matmul_i8_weight(%x: tensor<4x8xf32>, %w: tensor<4x8xi8, #s>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %r = nm.matmul transpose_rhs ins(%x, %w : tensor<4x8xf32>, tensor<4x8xi8, #s>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}
