// RUN: nm-opt %s --canonicalize --split-input-file | FileCheck %s

#s = #nm.sparsity<2:4, axis = 1>

//===----------------------------------------------------------------------===//
// nm.prune
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @prune_dense(
// CHECK-SAME: %[[W:.*]]: tensor
// CHECK-NEXT: return %[[W]]
func.func @prune_dense(%w: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %p = nm.prune %w to <4:4, axis = 1> : tensor<8x16xf32>
  return %p : tensor<8x16xf32>
}

// CHECK-LABEL: func @prune_twice(
// CHECK-COUNT-1: nm.prune
// CHECK-NOT: nm.prune
// CHECK: return
func.func @prune_twice(%w: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %p = nm.prune %w to <2:4, axis = 1> : tensor<8x16xf32>
  %q = nm.prune %p to <2:4, axis = 1> : tensor<8x16xf32>
  return %q : tensor<8x16xf32>
}

// Another pattern prunes more.
// CHECK-LABEL: func @prune_two_patterns(
// CHECK-COUNT-2: nm.prune
func.func @prune_two_patterns(%w: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %p = nm.prune %w to <2:4, axis = 1> : tensor<8x16xf32>
  %q = nm.prune %p to <2:4, axis = 0> : tensor<8x16xf32>
  return %q : tensor<8x16xf32>
}

// CHECK-LABEL: func @prune_decompressed(
// CHECK-NOT: nm.prune
// CHECK: nm.decompress
func.func @prune_decompressed(%s: tensor<8x16xf32, #s>) -> tensor<8x16xf32> {
  %d = nm.decompress %s : tensor<8x16xf32, #s> to tensor<8x16xf32>
  %q = nm.prune %d to <2:4, axis = 1> : tensor<8x16xf32>
  return %q : tensor<8x16xf32>
}

// Ties go to the lower index, NaN is largest, what goes becomes +0, and -0 that
// stays keeps its sign.
// CHECK-LABEL: func @prune_constant(
// CHECK: arith.constant dense<{{\[}}[1.000000e+00, -1.000000e+00, 0.000000e+00, 0.000000e+00, 0x7FC00000, 0.000000e+00, 0x7F800000, 0.000000e+00],
// CHECK-SAME{LITERAL}: [-0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00, 3.000000e+00, -4.000000e+00]]>
// CHECK-NOT: nm.prune
func.func @prune_constant() -> tensor<2x8xf32> {
  %w = arith.constant dense<[[1.0, -1.0, 1.0, -1.0, 0x7FC00000, 3.0, 0x7F800000, 1.0e38],
                             [-0.0, 0.0, -0.0, 0.0, 1.0, 2.0, 3.0, -4.0]]> : tensor<2x8xf32>
  %p = nm.prune %w to <2:4, axis = 1> : tensor<2x8xf32>
  return %p : tensor<2x8xf32>
}

// The magnitude of -128 is larger than that of 127.
// CHECK-LABEL: func @prune_i8(
// CHECK: arith.constant dense<[0, -128, 0, 127]>
func.func @prune_i8() -> tensor<4xi8> {
  %w = arith.constant dense<[-126, -128, 3, 127]> : tensor<4xi8>
  %p = nm.prune %w to <2:4, axis = 0> : tensor<4xi8>
  return %p : tensor<4xi8>
}

// CHECK-LABEL: func @prune_splat(
// CHECK: arith.constant dense<{{\[\[}}2.000000e+00], [0.000000e+00], [2.000000e+00], [0.000000e+00]]>
func.func @prune_splat() -> tensor<4x1xf16> {
  %w = arith.constant dense<2.0> : tensor<4x1xf16>
  %p = nm.prune %w to <1:2, axis = 0> : tensor<4x1xf16>
  return %p : tensor<4x1xf16>
}

// -----

#s = #nm.sparsity<2:4, axis = 1>

//===----------------------------------------------------------------------===//
// nm.compress, nm.decompress
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @decompress_compress(
// CHECK-SAME: %[[W:.*]]: tensor
// CHECK-NEXT: return %[[W]]
func.func @decompress_compress(%w: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %s = nm.compress %w : tensor<8x16xf32> to tensor<8x16xf32, #s>
  %d = nm.decompress %s : tensor<8x16xf32, #s> to tensor<8x16xf32>
  return %d : tensor<8x16xf32>
}

// CHECK-LABEL: func @compress_decompress(
// CHECK-SAME: %[[S:.*]]: tensor
// CHECK-NEXT: return %[[S]]
func.func @compress_decompress(%s: tensor<8x16xf32, #s>) -> tensor<8x16xf32, #s> {
  %d = nm.decompress %s : tensor<8x16xf32, #s> to tensor<8x16xf32>
  %r = nm.compress %d : tensor<8x16xf32> to tensor<8x16xf32, #s>
  return %r : tensor<8x16xf32, #s>
}

// CHECK-LABEL: func @recompress(
// CHECK: nm.decompress
// CHECK: nm.compress
func.func @recompress(%s: tensor<8x16xf32, #s>) -> tensor<8x16xf32, #nm.sparsity<1:2, axis = 1>> {
  %d = nm.decompress %s : tensor<8x16xf32, #s> to tensor<8x16xf32>
  %r = nm.compress %d : tensor<8x16xf32> to tensor<8x16xf32, #nm.sparsity<1:2, axis = 1>>
  return %r : tensor<8x16xf32, #nm.sparsity<1:2, axis = 1>>
}

// -----

#s = #nm.sparsity<2:4, axis = 1>

//===----------------------------------------------------------------------===//
// nm.assemble, nm.disassemble
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @disassemble_assemble(
// CHECK-SAME: %[[V:.*]]: tensor<8x8xf32>, %[[M:.*]]: tensor<8x2xi8>)
// CHECK-NEXT: return %[[V]], %[[M]]
func.func @disassemble_assemble(%v: tensor<8x8xf32>, %m: tensor<8x2xi8>) -> (tensor<8x8xf32>, tensor<8x2xi8>) {
  %s = nm.assemble %v, %m layout canonical : tensor<8x8xf32>, tensor<8x2xi8> to tensor<8x16xf32, #s>
  %w, %n = nm.disassemble %s layout canonical : tensor<8x16xf32, #s> to tensor<8x8xf32>, tensor<8x2xi8>
  return %w, %n : tensor<8x8xf32>, tensor<8x2xi8>
}

// CHECK-LABEL: func @assemble_disassemble(
// CHECK-SAME: %[[S:.*]]: tensor
// CHECK-NEXT: return %[[S]]
func.func @assemble_disassemble(%s: tensor<8x16xf32, #s>) -> tensor<8x16xf32, #s> {
  %v, %m = nm.disassemble %s layout canonical : tensor<8x16xf32, #s> to tensor<8x8xf32>, tensor<8x2xi8>
  %r = nm.assemble %v, %m layout canonical : tensor<8x8xf32>, tensor<8x2xi8> to tensor<8x16xf32, #s>
  return %r : tensor<8x16xf32, #s>
}

// Values of one tensor with metadata of another are something else.
// CHECK-LABEL: func @assemble_mixed(
// CHECK: nm.assemble
func.func @assemble_mixed(%s: tensor<8x16xf32, #s>, %m: tensor<8x2xi8>) -> tensor<8x16xf32, #s> {
  %v, %n = nm.disassemble %s layout canonical : tensor<8x16xf32, #s> to tensor<8x8xf32>, tensor<8x2xi8>
  %r = nm.assemble %v, %m layout canonical : tensor<8x8xf32>, tensor<8x2xi8> to tensor<8x16xf32, #s>
  return %r : tensor<8x16xf32, #s>
}

// CHECK-LABEL: func @disassemble_param(
// CHECK: nm.packed_param "w" in "a" of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout canonical : tensor<8x8xf32>, tensor<8x2xi8>
// CHECK-NOT: nm.disassemble
func.func @disassemble_param() -> (tensor<8x8xf32>, tensor<8x2xi8>) {
  %s = nm.param "w" in "a" : tensor<8x16xf32, #s>
  %w, %n = nm.disassemble %s layout canonical : tensor<8x16xf32, #s> to tensor<8x8xf32>, tensor<8x2xi8>
  return %w, %n : tensor<8x8xf32>, tensor<8x2xi8>
}

// Group 0 is full: 1 at 1, 2 at 3. Group 1 holds 3 at 2 only; its padding is the
// zero at 0. Indices 1, 3, 0, 2 in two bits each, LSB first: 0b10001101 = -115.
// CHECK-LABEL: func @disassemble_constant(
// CHECK-DAG: %[[V:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 0.000000e+00, 3.000000e+00]]> : tensor<1x4xf32>
// CHECK-DAG: %[[M:.*]] = arith.constant dense<-115> : tensor<1x1xi8>
// CHECK: return %[[V]], %[[M]]
func.func @disassemble_constant() -> (tensor<1x4xf32>, tensor<1x1xi8>) {
  %d = arith.constant dense<[[0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0]]> : tensor<1x8xf32>
  %s = nm.compress %d : tensor<1x8xf32> to tensor<1x8xf32, #s>
  %w, %n = nm.disassemble %s layout canonical : tensor<1x8xf32, #s> to tensor<1x4xf32>, tensor<1x1xi8>
  return %w, %n : tensor<1x4xf32>, tensor<1x1xi8>
}

// An over-full constant is not packed; the check at run time stops it.
// CHECK-LABEL: func @disassemble_over_full(
// CHECK: nm.disassemble
func.func @disassemble_over_full() -> (tensor<1x4xf32>, tensor<1x1xi8>) {
  %d = arith.constant dense<[[1.0, 1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0]]> : tensor<1x8xf32>
  %s = nm.compress %d : tensor<1x8xf32> to tensor<1x8xf32, #s>
  %w, %n = nm.disassemble %s layout canonical : tensor<1x8xf32, #s> to tensor<1x4xf32>, tensor<1x1xi8>
  return %w, %n : tensor<1x4xf32>, tensor<1x1xi8>
}

// CHECK-LABEL: func @convert_constant(
// CHECK: %[[D:.*]] = arith.constant dense<{{\[\[}}0.000000e+00, 1.000000e+00, 0.000000e+00, 2.000000e+00, 0.000000e+00, 0.000000e+00, 3.000000e+00, 0.000000e+00]]> : tensor<1x8xf32>
// CHECK: return %[[D]]
func.func @convert_constant() -> tensor<1x8xf32> {
  %v = arith.constant dense<[[1.0, 2.0, 0.0, 3.0]]> : tensor<1x4xf32>
  %m = arith.constant dense<-115> : tensor<1x1xi8>
  %s = nm.assemble %v, %m layout canonical : tensor<1x4xf32>, tensor<1x1xi8> to tensor<1x8xf32, #s>
  %d = nm.disassemble %s layout dense : tensor<1x8xf32, #s> to tensor<1x8xf32>
  return %d : tensor<1x8xf32>
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
#other = #nm.sparsity<2:4, axis = 1>

//===----------------------------------------------------------------------===//
// nm.matmul
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @matmul_of_decompress(
// CHECK-SAME: %{{.*}}: tensor<4x8xf32>, %[[W:.*]]: tensor<8x4xf32, #nm
// CHECK-NOT: nm.decompress
// CHECK: nm.matmul ins(%{{.*}}, %[[W]] : tensor<4x8xf32>, tensor<8x4xf32, #nm.sparsity<2:4, axis = 0>>)
func.func @matmul_of_decompress(%x: tensor<4x8xf32>, %w: tensor<8x4xf32, #w>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %d = nm.decompress %w : tensor<8x4xf32, #w> to tensor<8x4xf32>
  %r = nm.matmul ins(%x, %d : tensor<4x8xf32>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// The other axis is not the contraction.
// CHECK-LABEL: func @matmul_of_decompress_axis(
// CHECK: nm.decompress
func.func @matmul_of_decompress_axis(%x: tensor<4x8xf32>, %w: tensor<8x4xf32, #other>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %d = nm.decompress %w : tensor<8x4xf32, #other> to tensor<8x4xf32>
  %r = nm.matmul ins(%x, %d : tensor<4x8xf32>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// One operand is encoded at most.
// CHECK-LABEL: func @matmul_of_two_decompressed(
// CHECK: nm.decompress
// CHECK-NOT: nm.decompress
// CHECK: nm.matmul ins(%{{.*}}, %{{.*}} : tensor<4x8xf32, #nm.sparsity<2:4, axis = 1>>, tensor<8x4xf32>)
func.func @matmul_of_two_decompressed(%x: tensor<4x8xf32, #other>, %w: tensor<8x4xf32, #w>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %e = nm.decompress %x : tensor<4x8xf32, #other> to tensor<4x8xf32>
  %d = nm.decompress %w : tensor<8x4xf32, #w> to tensor<8x4xf32>
  %r = nm.matmul ins(%e, %d : tensor<4x8xf32>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// With an i8 weight and f32 activations decompression may go ...
// CHECK-LABEL: func @matmul_of_decompress_i8(
// CHECK-NOT: nm.decompress
// CHECK: nm.matmul ins(%{{.*}}, %{{.*}} : tensor<4x8xi8, #nm.sparsity<2:4, axis = 1>>, tensor<8x4xf32>)
func.func @matmul_of_decompress_i8(%x: tensor<4x8xi8, #other>, %w: tensor<8x4xf32>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %e = nm.decompress %x : tensor<4x8xi8, #other> to tensor<4x8xi8>
  %f = nm.compress %e : tensor<4x8xi8> to tensor<4x8xi8, #other>
  %r = nm.matmul ins(%f, %w : tensor<4x8xi8, #other>, tensor<8x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// ... and what would put an f32 weight beside i8 activations is left alone.
// CHECK-LABEL: func @matmul_of_decompress_roles(
// CHECK: nm.decompress
func.func @matmul_of_decompress_roles(%x: tensor<4x8xi8>, %w: tensor<8x4xf32, #w>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %d = nm.decompress %w : tensor<8x4xf32, #w> to tensor<8x4xf32>
  %r = nm.matmul transpose_lhs transpose_rhs ins(%d, %x : tensor<8x4xf32>, tensor<4x8xi8>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// CHECK-LABEL: func @unused_epilogue_operand(
// CHECK-SAME: %[[B:[^,]*]]: tensor<4xf32>, %{{[^,]*}}: tensor<4x4xf32>) ->
// CHECK: epilogue(%[[B]] : tensor<4xf32>) maps [#[[MAP:.*]]] outs
// CHECK: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
func.func @unused_epilogue_operand(%x: tensor<4x8xf32>, %w: tensor<8x4xf32, #w>, %b: tensor<4xf32>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x4xf32, #w>)
      epilogue(%c, %b : tensor<4x4xf32>, tensor<4xf32>)
      maps [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>] outs(%c : tensor<4x4xf32>) {
  ^bb0(%acc: f32, %unused: f32, %used: f32):
    %s = arith.addf %acc, %used : f32
    nm.yield %s : f32
  } -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// CHECK-LABEL: func @identity_epilogue(
// CHECK: nm.matmul
// CHECK-NOT: ^bb0
// CHECK: return
func.func @identity_epilogue(%x: tensor<4x8xf32>, %w: tensor<8x4xf32, #w>, %b: tensor<4xf32>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x4xf32, #w>)
      epilogue(%b : tensor<4xf32>) maps [affine_map<(i, j) -> (j)>] outs(%c : tensor<4x4xf32>) {
  ^bb0(%acc: f32, %unused: f32):
    nm.yield %acc : f32
  } -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// CHECK-LABEL: func @constant_epilogue(
// CHECK: ^bb0
// CHECK: nm.yield %{{.*}} : f32
func.func @constant_epilogue(%x: tensor<4x8xf32>, %w: tensor<8x4xf32, #w>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x4xf32, #w>) outs(%c : tensor<4x4xf32>) {
  ^bb0(%acc: f32):
    %one = arith.constant 1.0 : f32
    nm.yield %one : f32
  } -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}
