// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt | FileCheck %s

// CHECK-LABEL: attacc.program @scores for <name = "edge", scratchpad = 524288, channels = 4, segments = 4
attacc.program @scores for <name = "edge", scratchpad = 524288, channels = 4, segments = 4, patterns = "2:4"> {
  // CHECK: attacc.tensor "q" in : <512x64xf16, dram>
  %q = attacc.tensor "q" in : !attacc.region<512x64xf16, dram>
  // CHECK: attacc.tensor "k" in strides [128, 1] {host_shape = array<i64: 8, 64, 64>, host_type = f16}
  %k = attacc.tensor "k" in strides [128, 1] {host_shape = array<i64: 8, 64, 64>, host_type = f16} : !attacc.region<512x64xf16, dram>
  // CHECK: attacc.tensor "w" param {key = "w.weight", part = #attacc.part<values>, pattern = array<i64: 2, 4>, scope = "m"}
  %w = attacc.tensor "w" param {key = "w.weight", scope = "m", part = #attacc.part<values>, pattern = array<i64: 2, 4>} : !attacc.region<64x32xf16, dram>
  // CHECK: attacc.tensor "c" constant {data = dense<1.000000e+00> : tensor<4xf32>}
  %c = attacc.tensor "c" constant {data = dense<1.0> : tensor<4xf32>} : !attacc.region<4xf32, dram>
  %p = attacc.tensor "p" scratch : !attacc.region<2x3x4x5xf32, dram>
  // CHECK: attacc.buffer at 0 slots 2
  %b = attacc.buffer at 0 slots 2 : !attacc.region<64x64xf16, scratchpad>
  %s = attacc.buffer at 16384 slots 1 : !attacc.region<64x64xf32, scratchpad>
  %m = attacc.buffer at 32768 slots 1 : !attacc.region<2x32x32xf32, scratchpad>
  // CHECK: attacc.semaphore 2
  %free = attacc.semaphore 2
  %ready = attacc.semaphore 0
  // CHECK: attacc.loop 8
  attacc.loop 8 {
  ^bb0(%i: index):
    // CHECK: attacc.tile %{{.*}}[0, 0] by{{ ?}}(%{{.*}}) steps [64, 0]
    %t = attacc.tile %q[0, 0] by (%i) steps [64, 0] : !attacc.region<512x64xf16, dram> -> !attacc.region<64x64xf16, dram>
    // CHECK: attacc.tile %{{.*}}[0, 0] slot 1 by{{ ?}}(%{{.*}}) slots [1]
    %u = attacc.tile %b[0, 0] slot 1 by (%i) slots [1] : !attacc.region<64x64xf16, scratchpad> -> !attacc.region<64x64xf16, scratchpad>
    // CHECK: attacc.tile %{{.*}}[0, 0] dims [1, 0] :
    %v = attacc.tile %s[0, 0] dims [1, 0] : !attacc.region<64x64xf32, scratchpad> -> !attacc.region<64x64xf32, scratchpad>
    // CHECK: attacc.tile %{{.*}}[0, 7] dims [0] :
    %x = attacc.tile %s[0, 7] dims [0] : !attacc.region<64x64xf32, scratchpad> -> !attacc.region<64xf32, scratchpad>
    // CHECK: attacc.load %{{.*}} to %{{.*}} channel 1 wait{{ ?}}(%{{.*}}) signal{{ ?}}(%{{.*}})
    attacc.load %t to %u channel 1 wait(%free) signal(%ready) : !attacc.region<64x64xf16, dram> to !attacc.region<64x64xf16, scratchpad>
    // CHECK: attacc.gemm output
    // CHECK-SAME: scale = 1.250000e-01
    attacc.gemm output %u, %u into %s wait(%ready) signal(%free) {scale = 0.125 : f32, transpose_rhs} : !attacc.region<64x64xf16, scratchpad>, !attacc.region<64x64xf16, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    // CHECK: attacc.gemm weight
    attacc.gemm weight %m, %m into %m : !attacc.region<2x32x32xf32, scratchpad>, !attacc.region<2x32x32xf32, scratchpad> into !attacc.region<2x32x32xf32, scratchpad>
    // CHECK: attacc.sync array
    attacc.sync array
    // CHECK: attacc.sync store channel 3
    attacc.sync store channel 3
    attacc.barrier
    // CHECK: attacc.mask %{{.*}} row 0 by{{ ?}}(%{{.*}}) steps [64] column 3 {causal, group = 2 : i64, keys = 9 : i64, window = 5 : i64}
    attacc.mask %s row 0 by (%i) steps [64] column 3 {causal, group = 2 : i64, keys = 9 : i64, window = 5 : i64} : !attacc.region<64x64xf32, scratchpad>
    // CHECK: attacc.softmax
    attacc.softmax %s into %s scale 1.250000e-01 : !attacc.region<64x64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    // CHECK: attacc.unary gelu_tanh
    attacc.unary gelu_tanh %s into %v : !attacc.region<64x64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    // CHECK: attacc.row_max
    attacc.row_max %s into %x {accumulate} : !attacc.region<64x64xf32, scratchpad> into !attacc.region<64xf32, scratchpad>
    attacc.barrier
  }
}
