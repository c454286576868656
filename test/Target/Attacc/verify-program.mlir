// Each rule of attacc-verify-program violated once, and a program that keeps
// them all: two slots that a loop fills and empties.

// RUN: nm-opt %s --attacc-verify-program --split-input-file --verify-diagnostics

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

// -----

// A read that need not follow the write of what it reads.
attacc.program @v1_race for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %q = attacc.tensor "q" in : !attacc.region<8xf32, dram>
  %o = attacc.tensor "o" out : !attacc.region<8xf32, dram>
  %b = attacc.buffer at 0 slots 1 : !attacc.region<8xf32, scratchpad>
  // expected-note @+1 {{the other access is here}}
  attacc.load %q to %b channel 0 : !attacc.region<8xf32, dram> to !attacc.region<8xf32, scratchpad>
  // expected-error @+1 {{[attacc_verify_v1] instruction 1 (store) on store 0 reads byte 0 of buffer 0, which instruction 0 (load) on load 0 writes, expected a semaphore or a barrier between them}}
  attacc.store %b to %o channel 0 : !attacc.region<8xf32, scratchpad> to !attacc.region<8xf32, dram>
}

// -----

// A read of what was never written.
attacc.program @v1_unwritten for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %o = attacc.tensor "o" out : !attacc.region<8xf32, dram>
  %b = attacc.buffer at 0 slots 1 : !attacc.region<8xf32, scratchpad>
  // expected-error @+1 {{[attacc_verify_v1] instruction 0 (store) on store 0 reads byte 0 of buffer 0, which was never written}}
  attacc.store %b to %o channel 0 : !attacc.region<8xf32, scratchpad> to !attacc.region<8xf32, dram>
}

// -----

// A slot is filled again before it is empty: three tokens for two slots. The
// store may find what the load after next has written.
attacc.program @v1_slots for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %q = attacc.tensor "q" in : !attacc.region<64xf32, dram>
  %o = attacc.tensor "o" out : !attacc.region<64xf32, dram>
  %b = attacc.buffer at 0 slots 2 : !attacc.region<8xf32, scratchpad>
  %free = attacc.semaphore 3
  %full = attacc.semaphore 0
  attacc.loop 8 {
  ^bb0(%i: index):
    %0 = attacc.tile %q[0] by(%i) steps [8] : !attacc.region<64xf32, dram> -> !attacc.region<8xf32, dram>
    %1 = attacc.tile %b[0] by(%i) slots [1] : !attacc.region<8xf32, scratchpad> -> !attacc.region<8xf32, scratchpad>
    // expected-note @+1 {{the other access is here}}
    attacc.load %0 to %1 channel 0 wait(%free) signal(%full) : !attacc.region<8xf32, dram> to !attacc.region<8xf32, scratchpad>
    %2 = attacc.tile %b[0] by(%i) slots [1] : !attacc.region<8xf32, scratchpad> -> !attacc.region<8xf32, scratchpad>
    %3 = attacc.tile %o[0] by(%i) steps [8] : !attacc.region<64xf32, dram> -> !attacc.region<8xf32, dram>
    // expected-error @+1 {{[attacc_verify_v1] instruction 2 (store) on store 0 reads byte 0 of buffer 0, which instruction 1 (load) on load 0 writes, expected a semaphore or a barrier between them}}
    attacc.store %2 to %3 channel 0 wait(%full) signal(%free) : !attacc.region<8xf32, scratchpad> to !attacc.region<8xf32, dram>
  }
}

// -----

// A write that need not follow the read of what it overwrites.
attacc.program @v2_reuse for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %o = attacc.tensor "o" out : !attacc.region<8xf32, dram>
  %b = attacc.buffer at 0 slots 1 : !attacc.region<8xf32, scratchpad>
  attacc.fill %b with 0.000000e+00 : !attacc.region<8xf32, scratchpad>
  attacc.barrier
  // expected-note @+1 {{the other access is here}}
  attacc.store %b to %o channel 0 : !attacc.region<8xf32, scratchpad> to !attacc.region<8xf32, dram>
  // expected-error @+1 {{[attacc_verify_v2] instruction 3 (fill) on special writes byte 0 of buffer 0, which instruction 2 (store) on store 0 uses, expected a semaphore or a barrier between them}}
  attacc.fill %b with 1.000000e+00 : !attacc.region<8xf32, scratchpad>
}

// -----

// Two live buffers share bytes.
attacc.program @v2_overlap for <name = "d", scratchpad = 4096, channels = 2, patterns = ""> {
  %q = attacc.tensor "q" in : !attacc.region<8xf32, dram>
  %b = attacc.buffer at 0 slots 1 : !attacc.region<8xf32, scratchpad>
  %c = attacc.buffer at 28 slots 1 : !attacc.region<8xf32, scratchpad>
  // expected-note @+1 {{the other access is here}}
  attacc.load %q to %b channel 0 : !attacc.region<8xf32, dram> to !attacc.region<8xf32, scratchpad>
  // expected-error @+1 {{[attacc_verify_v2] instruction 1 (load) on load 1 writes byte 28 of buffer 1, which instruction 0 (load) on load 0 uses}}
  attacc.load %q to %c channel 1 : !attacc.region<8xf32, dram> to !attacc.region<8xf32, scratchpad>
}

// -----

// Each waits for what the other signals later.
attacc.program @v3 for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %a = attacc.semaphore 0
  %b = attacc.semaphore 0
  // expected-error @+1 {{[attacc_verify_v3] no engine can go on: array stands at instruction 0 (sync) and waits for semaphore 0; special stands at instruction 1 (sync) and waits for semaphore 1}}
  attacc.sync array wait(%a) signal(%b)
  attacc.sync special wait(%b) signal(%a)
}

// -----

// expected-error @+1 {{[attacc_verify_v4] semaphore 0 ends at 1, expected 0 as at the start}}
attacc.program @v4 for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %a = attacc.semaphore 0
  attacc.sync array signal(%a)
}

// -----

// expected-error @+1 {{[attacc_verify_v5] tensor 'o' has elements that no store writes, expected all written}}
attacc.program @v5 for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %o = attacc.tensor "o" out : !attacc.region<8xf32, dram>
  %b = attacc.buffer at 0 slots 1 : !attacc.region<7xf32, scratchpad>
  %0 = attacc.tile %o[0] : !attacc.region<8xf32, dram> -> !attacc.region<7xf32, dram>
  attacc.fill %b with 0.000000e+00 : !attacc.region<7xf32, scratchpad>
  attacc.barrier
  attacc.store %b to %0 channel 0 : !attacc.region<7xf32, scratchpad> to !attacc.region<7xf32, dram>
}

// -----

// A source and a result that overlap, but are not one.
attacc.program @v6 for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %b = attacc.buffer at 0 slots 1 : !attacc.region<8x8xf32, scratchpad>
  %c = attacc.buffer at 128 slots 1 : !attacc.region<8x8xf32, scratchpad>
  attacc.fill %b with 0.000000e+00 : !attacc.region<8x8xf32, scratchpad>
  attacc.fill %c with 0.000000e+00 : !attacc.region<8x8xf32, scratchpad>
  // One tile for both sides is fine here.
  attacc.unary relu %c into %c : !attacc.region<8x8xf32, scratchpad> into !attacc.region<8x8xf32, scratchpad>
  // expected-error @+1 {{[attacc_verify_v6] instruction 3 (unary) on special writes operand 1 in bytes 128 to 384 over operand 0 in bytes 0 to 256, expected operands apart, or the same elements where each is worked out by itself}}
  attacc.unary relu %b into %c : !attacc.region<8x8xf32, scratchpad> into !attacc.region<8x8xf32, scratchpad>
}
