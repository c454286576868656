// The proof is given up at a bound, and says what it found by remark.

// RUN: not nm-opt %s --attacc-verify-program=max-steps=10 2>&1 | FileCheck %s --check-prefix=GIVEN-UP
// RUN: nm-opt %s --attacc-verify-program --remarks-filter=attacc-verify-program 2>&1 | FileCheck %s

// GIVEN-UP: error: {{.*}}gave up after 10 instructions
// CHECK: remark: {{.*}}Verified | Category:attacc-verify-program | PeakLiveBytes=64, Steps=16
attacc.program @copy for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %q = attacc.tensor "q" in : !attacc.region<64xf32, dram>
  %o = attacc.tensor "o" out : !attacc.region<64xf32, dram>
  %b = attacc.buffer at 0 slots 2 : !attacc.region<8xf32, scratchpad>
  %free = attacc.semaphore 2
  %full = attacc.semaphore 0
  attacc.loop 8 {
  ^bb0(%i: index):
    %0 = attacc.tile %q[0] by(%i) steps [8] : !attacc.region<64xf32, dram> -> !attacc.region<8xf32, dram>
    %1 = attacc.tile %b[0] by(%i) slots [1] : !attacc.region<8xf32, scratchpad> -> !attacc.region<8xf32, scratchpad>
    attacc.load %0 to %1 channel 0 wait(%free) signal(%full) : !attacc.region<8xf32, dram> to !attacc.region<8xf32, scratchpad>
    %2 = attacc.tile %b[0] by(%i) slots [1] : !attacc.region<8xf32, scratchpad> -> !attacc.region<8xf32, scratchpad>
    %3 = attacc.tile %o[0] by(%i) steps [8] : !attacc.region<64xf32, dram> -> !attacc.region<8xf32, dram>
    attacc.store %2 to %3 channel 0 wait(%full) signal(%free) : !attacc.region<8xf32, scratchpad> to !attacc.region<8xf32, dram>
  }
}
