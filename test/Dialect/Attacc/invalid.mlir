// RUN: nm-opt %s --split-input-file --verify-diagnostics

attacc.program @capacity for <name = "d", scratchpad = 100, channels = 1, patterns = ""> {
  // expected-error @+1 {{[attacc_buffer_c2] at 0 has 2 slots of 64 bytes, expected an end within the 100 bytes of the scratchpad}}
  %b = attacc.buffer at 0 slots 2 : !attacc.region<16xf32, scratchpad>
}

// -----

attacc.program @bounds for <name = "d", scratchpad = 100, channels = 1, patterns = ""> {
  %q = attacc.tensor "q" in : !attacc.region<16xf32, dram>
  attacc.loop 3 {
  ^bb0(%i: index):
    // expected-error @+1 {{[attacc_tile_c3] covers 0 to 24 of dimension 0, expected a part of 0 to 16}}
    %t = attacc.tile %q[0] by (%i) steps [8] : !attacc.region<16xf32, dram> -> !attacc.region<8xf32, dram>
  }
}

// -----

attacc.program @groups for <name = "d", scratchpad = 1000, channels = 1, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x6xf32, scratchpad>
  %v = attacc.buffer at 100 slots 1 : !attacc.region<2x3xf32, scratchpad>
  %x = attacc.buffer at 200 slots 1 : !attacc.region<2x1xi8, scratchpad>
  %c = attacc.buffer at 300 slots 1 : !attacc.region<2x2xf32, scratchpad>
  // expected-error @+1 {{[attacc_nm_gemm_c2] has depth 6, expected a multiple of 4}}
  attacc.nm_gemm weight %a, %v[%x] into %c pattern 2 by 4 : !attacc.region<2x6xf32, scratchpad>, !attacc.region<2x3xf32, scratchpad>, !attacc.region<2x1xi8, scratchpad> into !attacc.region<2x2xf32, scratchpad>
}
