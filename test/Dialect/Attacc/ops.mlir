// RUN: nm-opt %s | nm-opt | FileCheck %s

// CHECK-LABEL: attacc.program @scores for <name = "edge", scratchpad = 524288
attacc.program @scores for <name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  // CHECK: attacc.tensor "q" in : <512x64xf16, dram>
  %q = attacc.tensor "q" in : !attacc.region<512x64xf16, dram>
  // CHECK: attacc.buffer at 0 slots 2
  %b = attacc.buffer at 0 slots 2 : !attacc.region<64x64xf16, scratchpad>
  %s = attacc.buffer at 16384 slots 1 : !attacc.region<64x64xf32, scratchpad>
  // CHECK: attacc.semaphore 2
  %free = attacc.semaphore 2
  %ready = attacc.semaphore 0
  // CHECK: attacc.loop 8
  attacc.loop 8 {
  ^bb0(%i: index):
    // CHECK: attacc.tile %{{.*}}[0, 0] by{{ ?}}(%{{.*}}) steps [64, 0]
    %t = attacc.tile %q[0, 0] by (%i) steps [64, 0] : !attacc.region<512x64xf16, dram> -> !attacc.region<64x64xf16, dram>
    %u = attacc.tile %b[0, 0] by (%i) slots [1] : !attacc.region<64x64xf16, scratchpad> -> !attacc.region<64x64xf16, scratchpad>
    // CHECK: attacc.load %{{.*}} to %{{.*}} channel 1 wait{{ ?}}(%{{.*}}) signal{{ ?}}(%{{.*}})
    attacc.load %t to %u channel 1 wait(%free) signal(%ready) : !attacc.region<64x64xf16, dram> to !attacc.region<64x64xf16, scratchpad>
    // CHECK: attacc.gemm output
    attacc.gemm output %u, %u into %s wait(%ready) signal(%free) {transpose_rhs} : !attacc.region<64x64xf16, scratchpad>, !attacc.region<64x64xf16, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    attacc.barrier
    // CHECK: attacc.softmax
    attacc.softmax %s into %s scale 1.250000e-01 : !attacc.region<64x64xf32, scratchpad> into !attacc.region<64x64xf32, scratchpad>
    attacc.barrier
  }
}
