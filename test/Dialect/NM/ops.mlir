// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC
// RUN: nm-opt %s --mlir-print-debuginfo --mlir-print-local-scope | nm-opt | FileCheck %s

// CHECK-LABEL: func @prune(
// CHECK-SAME: %[[W:.*]]: tensor<8x16xf32>)
// CHECK: nm.prune %[[W]] to <2:4, axis = 1> : tensor<8x16xf32>
// GENERIC: "nm.prune"(%{{.*}}) <{sparsity = #nm.sparsity<2:4, axis = 1>}> : (tensor<8x16xf32>) -> tensor<8x16xf32>
func.func @prune(%w: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %p = nm.prune %w to <2:4, axis = 1> : tensor<8x16xf32>
  return %p : tensor<8x16xf32>
}

// CHECK-LABEL: func @prune_dynamic_rows(
// CHECK: nm.prune %{{.*}} to <3:7, axis = 0> : tensor<14x?xbf16>
func.func @prune_dynamic_rows(%w: tensor<14x?xbf16>) -> tensor<14x?xbf16> {
  %p = nm.prune %w to <3:7, axis = 0> : tensor<14x?xbf16>
  return %p : tensor<14x?xbf16>
}

// CHECK-LABEL: func @compress_decompress(
// CHECK: %[[S:.*]] = nm.compress %{{.*}} : tensor<8x16xf32> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
// CHECK: nm.decompress %[[S]] : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<8x16xf32>
func.func @compress_decompress(%d: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %s = nm.compress %d : tensor<8x16xf32> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  %r = nm.decompress %s : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// CHECK-LABEL: func @param(
// CHECK: nm.param "encoder.layer.0.output.dense.bias" : tensor<768xf32>
// CHECK: nm.param "weight" in "adapter" : tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>>
// GENERIC: "nm.param"() <{key = "weight", scope = "adapter"}>
func.func @param() -> (tensor<768xf32>, tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>>) {
  %b = nm.param "encoder.layer.0.output.dense.bias" : tensor<768xf32>
  %w = nm.param "weight" in "adapter" : tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>>
  return %b, %w : tensor<768xf32>, tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>>
}

// CHECK-LABEL: func @param_of_four_bits(
// CHECK: nm.param "w" : tensor<32x128xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>
// CHECK: nm.packed_param "w" of tensor<32x128xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>> layout grouped<rows = 16, depth = 64> : tensor<1536xi8>
func.func @param_of_four_bits() -> (tensor<32x128xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>, tensor<1536xi8>) {
  %w = nm.param "w" : tensor<32x128xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>
  %v = nm.packed_param "w" of tensor<32x128xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>> layout grouped<rows = 16, depth = 64> : tensor<1536xi8>
  return %w, %v : tensor<32x128xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>, tensor<1536xi8>
}

// Twice as many value registers.
// CHECK-LABEL: func @param_of_eight_bits(
// CHECK: nm.packed_param "w" of tensor<32x128xf32, #nm.sparsity<2:4, axis = 1, bits = 8, group = 64, scale = bf16, zeros>> layout grouped<rows = 16, depth = 64> : tensor<2624xi8>
func.func @param_of_eight_bits() -> tensor<2624xi8> {
  %v = nm.packed_param "w" of tensor<32x128xf32, #nm.sparsity<2:4, axis = 1, bits = 8, group = 64, scale = bf16, zeros>> layout grouped<rows = 16, depth = 64> : tensor<2624xi8>
  return %v : tensor<2624xi8>
}

// CHECK-LABEL: func @matmul(
// CHECK: nm.matmul ins(%{{.*}}, %{{.*}} : tensor<4x16xf32>, tensor<16x8xf32, #nm.sparsity<2:4, axis = 0>>) outs(%{{.*}} : tensor<4x8xf32>) -> tensor<4x8xf32>
func.func @matmul(%x: tensor<4x16xf32>, %w: tensor<16x8xf32, #nm.sparsity<2:4, axis = 0>>,
                  %c: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %r = nm.matmul ins(%x, %w : tensor<4x16xf32>, tensor<16x8xf32, #nm.sparsity<2:4, axis = 0>>)
      outs(%c : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// CHECK-LABEL: func @matmul_dense(
// CHECK: nm.matmul transpose_lhs transpose_rhs ins(%{{.*}}, %{{.*}} : tensor<16x?xf16>, tensor<8x16xf16>) outs(%{{.*}} : tensor<?x8xf32>) -> tensor<?x8xf32>
func.func @matmul_dense(%x: tensor<16x?xf16>, %w: tensor<8x16xf16>, %c: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = nm.matmul transpose_lhs transpose_rhs ins(%x, %w : tensor<16x?xf16>, tensor<8x16xf16>)
      outs(%c : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// CHECK-LABEL: func @matmul_epilogue(
// CHECK: nm.matmul transpose_rhs ins(
// CHECK-SAME: epilogue(%{{.*}}, %{{.*}} : tensor<8xf32>, tensor<2x4x8xf16>) maps [#[[COL:.*]], #[[ALL:.*]]] outs(
// CHECK-SAME: {
// CHECK: ^bb0(%[[ACC:.*]]: f32, %[[B:.*]]: f32, %[[R:.*]]: f16):
// CHECK: nm.yield %{{.*}} : f16
// CHECK: } -> tensor<2x4x8xf16>
// GENERIC: "nm.matmul"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{epilogue_maps = [
// GENERIC-SAME: transpose_rhs
func.func @matmul_epilogue(%x: tensor<2x4x16xf16>, %w: tensor<8x16xf16, #nm.sparsity<1:4, axis = 1>>,
                           %bias: tensor<8xf32>, %residual: tensor<2x4x8xf16>,
                           %c: tensor<2x4x8xf16>) -> tensor<2x4x8xf16> {
  %y = nm.matmul transpose_rhs
      ins(%x, %w : tensor<2x4x16xf16>, tensor<8x16xf16, #nm.sparsity<1:4, axis = 1>>)
      epilogue(%bias, %residual : tensor<8xf32>, tensor<2x4x8xf16>)
      maps [affine_map<(b, i, j) -> (j)>, affine_map<(b, i, j) -> (b, i, j)>]
      outs(%c : tensor<2x4x8xf16>) {
  ^bb0(%acc: f32, %b: f32, %r: f16):
    %s = arith.addf %acc, %b : f32
    %t = arith.truncf %s : f32 to f16
    %u = arith.addf %t, %r : f16
    nm.yield %u : f16
  } -> tensor<2x4x8xf16>
  return %y : tensor<2x4x8xf16>
}

// An epilogue may have no operands.
// CHECK-LABEL: func @matmul_i8(
// CHECK: nm.matmul ins(%{{.*}}, %{{.*}} : tensor<8x16xi8, #nm.sparsity<2:4, axis = 1>>, tensor<16x3xi8>) outs(%{{.*}} : tensor<8x3xf32>) {
// CHECK: ^bb0(%[[ACC:.*]]: i32):
// CHECK: arith.sitofp %[[ACC]]
func.func @matmul_i8(%w: tensor<8x16xi8, #nm.sparsity<2:4, axis = 1>>, %x: tensor<16x3xi8>,
                     %c: tensor<8x3xf32>) -> tensor<8x3xf32> {
  %y = nm.matmul ins(%w, %x : tensor<8x16xi8, #nm.sparsity<2:4, axis = 1>>, tensor<16x3xi8>)
      outs(%c : tensor<8x3xf32>) {
  ^bb0(%acc: i32):
    %f = arith.sitofp %acc : i32 to f32
    nm.yield %f : f32
  } -> tensor<8x3xf32>
  return %y : tensor<8x3xf32>
}

// CHECK-LABEL: func @matmul_batched_weight(
// CHECK: nm.matmul ins(%{{.*}} : tensor<?x8x16xf32, #nm.sparsity<2:4, axis = 2>>, tensor<?x16x?xf32>) outs(%{{.*}} : tensor<?x8x?xf32>) attributes {name = "scores"} -> tensor<?x8x?xf32>
func.func @matmul_batched_weight(%w: tensor<?x8x16xf32, #nm.sparsity<2:4, axis = 2>>,
                                 %x: tensor<?x16x?xf32>, %c: tensor<?x8x?xf32>) -> tensor<?x8x?xf32> {
  %y = nm.matmul ins(%w, %x : tensor<?x8x16xf32, #nm.sparsity<2:4, axis = 2>>, tensor<?x16x?xf32>)
      outs(%c : tensor<?x8x?xf32>) attributes {name = "scores"} -> tensor<?x8x?xf32>
  return %y : tensor<?x8x?xf32>
}

// CHECK-LABEL: func @assemble(
// CHECK: %[[S:.*]] = nm.assemble %{{.*}}, %{{.*}} layout canonical : tensor<8x8xf32>, tensor<8x2xi8> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
// CHECK: nm.disassemble %[[S]] layout panel<rows = 3, cols = 8, depth = 8> : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<72xf32>, tensor<72xi16>
// CHECK: nm.disassemble %[[S]] layout dense : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<8x16xf32>
func.func @assemble(%v: tensor<8x8xf32>, %m: tensor<8x2xi8>)
    -> (tensor<72xf32>, tensor<72xi16>, tensor<8x16xf32>) {
  %s = nm.assemble %v, %m layout canonical
      : tensor<8x8xf32>, tensor<8x2xi8> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  %pv, %pm = nm.disassemble %s layout panel<rows = 3, cols = 8, depth = 8>
      : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<72xf32>, tensor<72xi16>
  %d = nm.disassemble %s layout dense
      : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<8x16xf32>
  return %pv, %pm, %d : tensor<72xf32>, tensor<72xi16>, tensor<8x16xf32>
}

// CHECK-LABEL: func @packed_param(
// CHECK: nm.packed_param "w" of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout canonical : tensor<8x8xf32>, tensor<8x2xi8>
// CHECK: nm.packed_param "b" in "adapter" of tensor<8xf64> layout dense : tensor<8xf64>
func.func @packed_param() -> (tensor<8x8xf32>, tensor<8x2xi8>, tensor<8xf64>) {
  %v, %m = nm.packed_param "w" of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
      layout canonical : tensor<8x8xf32>, tensor<8x2xi8>
  %b = nm.packed_param "b" in "adapter" of tensor<8xf64> layout dense : tensor<8xf64>
  return %v, %m, %b : tensor<8x8xf32>, tensor<8x2xi8>, tensor<8xf64>
}

// CHECK-LABEL: func @packed_matmul(
// CHECK: nm.packed_matmul transpose_x transpose_c weight(%{{.*}}, %{{.*}} : tensor<72xf32>, tensor<72xi16>) of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 8, depth = 8> ins(%{{.*}} : tensor<?x16xf32>) epilogue(%{{.*}} : tensor<8xf32>) maps [#{{.*}}] outs(%{{.*}} : tensor<?x8xf32>) {
// CHECK: } -> tensor<?x8xf32>
func.func @packed_matmul(%v: tensor<72xf32>, %m: tensor<72xi16>, %x: tensor<?x16xf32>,
                         %b: tensor<8xf32>, %c: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %r = nm.packed_matmul transpose_x transpose_c weight(%v, %m : tensor<72xf32>, tensor<72xi16>)
      of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 8, depth = 8>
      ins(%x : tensor<?x16xf32>)
      epilogue(%b : tensor<8xf32>) maps [affine_map<(i, j) -> (j)>]
      outs(%c : tensor<?x8xf32>) {
  ^bb0(%acc: f32, %bias: f32):
    %s = arith.addf %acc, %bias : f32
    nm.yield %s : f32
  } -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// CHECK-LABEL: func @packed_matmul_buffers(
// CHECK: nm.packed_matmul weight(%{{.*}} : memref<8x16xf32>) of tensor<8x16xf32, #nm.sparsity<4:4, axis = 1>> layout dense ins(%{{.*}} : memref<16x5xf32, strided<[?, 1]>>) outs(%{{.*}} : memref<8x5xf32>){{$}}
func.func @packed_matmul_buffers(%w: memref<8x16xf32>, %x: memref<16x5xf32, strided<[?, 1]>>,
                                 %c: memref<8x5xf32>) {
  nm.packed_matmul weight(%w : memref<8x16xf32>)
      of tensor<8x16xf32, #nm.sparsity<4:4, axis = 1>> layout dense
      ins(%x : memref<16x5xf32, strided<[?, 1]>>) outs(%c : memref<8x5xf32>)
  return
}
