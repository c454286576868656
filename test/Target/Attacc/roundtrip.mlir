// Every operation and every field of the tables, through each encoding and
// back: the dialect prints the same, and the encodings among each other give
// the same bytes.

// RUN: nm-opt %s -o %t.mlir
// RUN: nm-translate --attacc-to-binary %t.mlir -o %t.bin
// RUN: nm-translate --attacc-to-asm %t.mlir -o %t.asm
// RUN: nm-translate --attacc-to-json %t.mlir -o %t.json
// RUN: nm-translate --binary-to-attacc %t.bin -o %t.bin.mlir
// RUN: nm-translate --asm-to-attacc %t.asm -o %t.asm.mlir
// RUN: nm-translate --json-to-attacc %t.json -o %t.json.mlir
// RUN: nm-opt %t.bin.mlir | diff - %t.mlir
// RUN: diff %t.bin.mlir %t.asm.mlir
// RUN: diff %t.bin.mlir %t.json.mlir
// RUN: nm-translate --binary-to-asm %t.bin | diff - %t.asm
// RUN: nm-translate --binary-to-json %t.bin | diff - %t.json
// RUN: nm-translate --asm-to-binary %t.asm | cmp - %t.bin
// RUN: nm-translate --asm-to-json %t.asm | diff - %t.json
// RUN: nm-translate --json-to-binary %t.json | cmp - %t.bin
// RUN: nm-translate --json-to-asm %t.json | diff - %t.asm
// RUN: FileCheck %s < %t.bin.mlir

// What names a whole object needs no tile, and a default is not printed.
// CHECK-LABEL: module
// CHECK-NEXT: attacc.program @all for <name = "edge", scratchpad = 524288, channels = 4, segments = 4, patterns = "1:4,2:4">
module {
  attacc.program @all for <name = "edge", scratchpad = 524288, channels = 4, segments = 4, patterns = "1:4,2:4"> {
    %q = attacc.tensor "q" in : !attacc.region<512x64xf16, dram>
    %k = attacc.tensor "k" in strides [128, 1] {host_shape = array<i64: 8, 64, 64>, host_type = f16} : !attacc.region<512x64xf16, dram>
    %w = attacc.tensor "w" param {key = "w.weight", part = #attacc.part<values>, pattern = array<i64: 2, 4>, scope = "m"} : !attacc.region<64x32xf16, dram>
    %wi = attacc.tensor "wi" param {key = "w.weight", part = #attacc.part<indices>, pattern = array<i64: 2, 4>, scope = "m"} : !attacc.region<64x8xi8, dram>
    %wt = attacc.tensor "wt" param {key = "t.weight", part = #attacc.part<transposed>} : !attacc.region<64x32xbf16, dram>
    // CHECK: attacc.tensor "c" constant {data = dense<[1.000000e+00, -2.000000e+00, 0x7F800000, 5.000000e-01]> : tensor<4xf32>}
    %c = attacc.tensor "c" constant {data = dense<[1.0, -2.0, 0x7F800000, 0.5]> : tensor<4xf32>} : !attacc.region<4xf32, dram>
    // CHECK: attacc.tensor "splat" constant {data = dense<1.000000e+00> : tensor<4x2xf16>}
    %splat = attacc.tensor "splat" constant {data = dense<1.0> : tensor<4x2xf16>} : !attacc.region<4x2xf16, dram>
    %p = attacc.tensor "p" scratch : !attacc.region<2x3x4x5xf32, dram>
    %o = attacc.tensor "o" out : !attacc.region<512x64xf16, dram>
    %b = attacc.buffer at 0 slots 2 : !attacc.region<64x64xf16, scratchpad>
    %s = attacc.buffer at 16384 slots 1 : !attacc.region<64x64xf32, scratchpad>
    %m = attacc.buffer at 32768 slots 1 : !attacc.region<2x32x32xf32, scratchpad>
    %v = attacc.buffer at 65536 slots 1 : !attacc.region<64x32xf16, scratchpad>
    %x = attacc.buffer at 69632 slots 1 : !attacc.region<64x8xi8, scratchpad>
    %r0 = attacc.buffer at 70656 slots 1 : !attacc.region<64xf32, scratchpad>
    %r1 = attacc.buffer at 70912 slots 1 : !attacc.region<64xf32, scratchpad>
    %r2 = attacc.buffer at 71168 slots 1 : !attacc.region<64xf32, scratchpad>
    %free = attacc.semaphore 2
    %ready = attacc.semaphore 0
    // CHECK: attacc.loop 8
    attacc.loop 8 {
    ^bb0(%i: index):
      %0 = attacc.tile %q[0, 0] by(%i) steps [64, 0] : !attacc.region<512x64xf16, dram> -> !attacc.region<64x64xf16, dram>
      %1 = attacc.tile %b[0, 0] slot 1 by(%i) slots [1] : !attacc.region<64x64xf16, scratchpad> -> !attacc.region<64x64xf16, scratchpad>
      attacc.load %0 to %1 channel 1 wait(%free) signal(%ready) : !attacc.region<64x64xf16, dram> to !attacc.region<64x64xf16, scratchpad>
      %2 = attacc.tile %b[0, 0] slot 1 by(%i) slots [1] : !attacc.region<64x64xf16, scratchpad> -> !attacc.region<64x64xf16, scratchpad>
      %3 = attacc.tile %b[0, 0] dims [1, 0] : !attacc.region<64x64xf16, scratchpad> -> !attacc.region<64x64xf16, scratchpad>
      attacc.gemm output %2, %3 into %s wait(%ready) signal(%free) {accumulate, scale = 1.250000e-01 : f32, transpose_rhs} : !attacc.region<64x64xf16, scratchpad>, !attacc.region<64x64xf16, scratchpad> into !attacc.region<64x64xf32, scratchpad>
      attacc.loop 3 {
      ^bb0(%j: index):
        attacc.mask %s row 0 by(%i, %j) steps [64, 1] column 3 {causal, group = 2 : i64, keys = 9 : i64, window = 5 : i64} : !attacc.region<64x64xf32, scratchpad>
      }
    }
    attacc.gemm weight %m, %m into %m {transpose_lhs} : !attacc.region<2x32x32xf32, scratchpad>, !attacc.region<2x32x32xf32, scratchpad> into !attacc.region<2x32x32xf32, scratchpad>
    attacc.nm_gemm input %b, %v[%x] into %s pattern 2 by 4 {scale = 2.000000e+00 : f32} : !attacc.region<64x64xf16, scratchpad>, !attacc.region<64x32xf16, scratchpad>, !attacc.region<64x8xi8, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    attacc.sync array
    attacc.sync store channel 3
    attacc.barrier
    attacc.row_max %s into %r0 {accumulate} : !attacc.region<64x64xf32, scratchpad> into !attacc.region<64xf32, scratchpad>
    attacc.exp_sum %s, %r0 into %s, %r1 {accumulate} : !attacc.region<64x64xf32, scratchpad>, !attacc.region<64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>, !attacc.region<64xf32, scratchpad>
    attacc.online_rescale %r0, %r2 into %r1, %s : !attacc.region<64xf32, scratchpad>, !attacc.region<64xf32, scratchpad> into !attacc.region<64xf32, scratchpad>, !attacc.region<64x64xf32, scratchpad>
    attacc.scale %s, %r1 into %s {reciprocal} : !attacc.region<64x64xf32, scratchpad>, !attacc.region<64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    attacc.softmax %s into %s scale 1.250000e-01 : !attacc.region<64x64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    attacc.layernorm %s, %r0, %r1 into %s epsilon 9.99999974E-6 : !attacc.region<64x64xf32, scratchpad>, !attacc.region<64xf32, scratchpad>, !attacc.region<64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    attacc.unary gelu_tanh %s into %s : !attacc.region<64x64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    attacc.elementwise max %s, %r0 into %s : !attacc.region<64x64xf32, scratchpad>, !attacc.region<64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    attacc.fill %s with 0xFF800000 : !attacc.region<64x64xf32, scratchpad>
    %4 = attacc.tile %o[0, 0] : !attacc.region<512x64xf16, dram> -> !attacc.region<64x64xf16, dram>
    // CHECK: attacc.store %{{[0-9]+}} to %{{[0-9]+}} channel 3
    attacc.store %b to %4 channel 3 : !attacc.region<64x64xf16, scratchpad> to !attacc.region<64x64xf16, dram>
  }
}
