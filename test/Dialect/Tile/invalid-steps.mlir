// Each rule of attention and of kernels whose steps overlap.
// RUN: nm-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(attacc.program(attacc-verify-program))'

#heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>
attacc.program @sizes for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<64x32xf16, dram>
  %k = attacc.tensor "k" in : !attacc.region<96x32xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<96x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<64x32xf16, dram>
  // expected-error @below {{[tile_attention_c2] expected seven sizes of 1 or more, heads that are a multiple of those of keys, finite numbers, and no negative cap, window or offset}}
  tile.attention "attention" %q, %k, %v into %y
      {attend = #attacc<stationary output>, blocks = array<i64: 32, 48, 1, 1>, k_heads = #heads, logit = #attacc<stationary output>, output_heads = #heads, q_heads = #heads, shape = array<i64: 1, 3, 2, 64, 96, 16, 16>, staged = 25 : i64, v_heads = #heads}
      : !attacc.region<64x32xf16, dram>, !attacc.region<96x32xf16, dram>, !attacc.region<96x32xf16, dram> into !attacc.region<64x32xf16, dram>
}

// -----

#heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>
attacc.program @blocks for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<64x32xf16, dram>
  %k = attacc.tensor "k" in : !attacc.region<96x32xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<96x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<64x32xf16, dram>
  // expected-error @below {{[tile_attention_c3] has blocks 65, 48, 1, 1, expected 1 to 64 rows, 0 to 96 keys, 1 to 2 heads, no more of them side by side, and staged logits for tiles of keys and for rows of NaN}}
  tile.attention "attention" %q, %k, %v into %y
      {attend = #attacc<stationary output>, blocks = array<i64: 65, 48, 1, 1>, k_heads = #heads, logit = #attacc<stationary output>, output_heads = #heads, q_heads = #heads, shape = array<i64: 1, 2, 2, 64, 96, 16, 16>, staged = 25 : i64, v_heads = #heads}
      : !attacc.region<64x32xf16, dram>, !attacc.region<96x32xf16, dram>, !attacc.region<96x32xf16, dram> into !attacc.region<64x32xf16, dram>
}

// -----

#heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>
attacc.program @heads for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<64x32xf16, dram>
  %k = attacc.tensor "k" in : !attacc.region<96x32xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<96x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<64x32xf16, dram>
  // expected-error @below {{[tile_attention_c1] has queries of '!attacc.region<64x32xf16, dram>' with heads at #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 17, row = 0, column = 0>, expected all of them in the tensor}}
  tile.attention "attention" %q, %k, %v into %y
      {attend = #attacc<stationary output>, blocks = array<i64: 32, 48, 1, 1>, k_heads = #heads, logit = #attacc<stationary output>, output_heads = #heads, q_heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 17, row = 0, column = 0>, shape = array<i64: 1, 2, 2, 64, 96, 16, 16>, staged = 25 : i64, v_heads = #heads}
      : !attacc.region<64x32xf16, dram>, !attacc.region<96x32xf16, dram>, !attacc.region<96x32xf16, dram> into !attacc.region<64x32xf16, dram>
}

// -----

#heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>
attacc.program @elements for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<64x32xf16, dram>
  %k = attacc.tensor "k" in : !attacc.region<96x32xf32, dram>
  %v = attacc.tensor "v" in : !attacc.region<96x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<64x32xf16, dram>
  // expected-error @below {{[tile_attention_c1] has keys of '!attacc.region<96x32xf32, dram>', expected 'f16'}}
  tile.attention "attention" %q, %k, %v into %y
      {attend = #attacc<stationary output>, blocks = array<i64: 32, 48, 1, 1>, k_heads = #heads, logit = #attacc<stationary output>, output_heads = #heads, q_heads = #heads, shape = array<i64: 1, 2, 2, 64, 96, 16, 16>, staged = 25 : i64, v_heads = #heads}
      : !attacc.region<64x32xf16, dram>, !attacc.region<96x32xf32, dram>, !attacc.region<96x32xf16, dram> into !attacc.region<64x32xf16, dram>
}

// -----

attacc.program @turn for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_phase_c1] has the delay 0 and the turn 256, expected 0 to 255, and nothing but a loop by_chunk}}
      tile.phase delay 0 turn 256 {
      }
    }
  }
}

// -----

attacc.program @chunk for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_phase_c1] has the delay 0 and the turn 0, expected 0 to 255, and nothing but a loop by_chunk}}
      tile.phase delay 0 turn 0 by_chunk {
        %p = tile.place : tensor<16x32xf16>
      }
    }
  }
}

// -----

attacc.program @condition for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_when_c1] has the condition 'never', expected first, last, not_first or not_last of loops around it}}
      tile.when "never"(%i) {
      }
    }
  }
}

// -----

attacc.program @dimensions for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      %p = tile.place : tensor<64x32xf16>
      // expected-error @below {{[tile_at_c1] expected a dimension for each counter of a loop around it}}
      %a = tile.at %p(%i) dims [] : tensor<64x32xf16> -> tensor<64x32xf16>
    }
  }
}

// -----

attacc.program @part for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      %p = tile.place : tensor<64x32xf16>
      // expected-error @below {{[tile_at_c2] takes 'tensor<8x32xf16>' of 'tensor<64x32xf16>', expected 'tensor<16x32xf16>' without leading dimensions of one element}}
      %a = tile.at %p(%i) dims [0] : tensor<64x32xf16> -> tensor<8x32xf16>
    }
  }
}

// -----

attacc.program @put for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      %f = tile.fill 1.0 : tensor<16x32xf16>
      %g = tile.fill 1.0 : tensor<16x32xf16>
      // expected-error @below {{[tile_put_c1] expected what an instruction of the same block makes, and a part of a place of its type}}
      tile.put %f into %g : tensor<16x32xf16>
    }
  }
}

// -----

#heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>
attacc.program @transfer for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      %p = tile.place : tensor<64x32xf16>
      %a = tile.at %p(%i) dims [0] : tensor<64x32xf16> -> tensor<16x32xf16>
      // expected-error @below {{[tile_load_heads_c1] moves 'tensor<16x32xf16>' and '!attacc.region<64x32xf16, dram>', expected a part of a place and a tensor of rank 2 with its elements, and counters of loops around it}}
      tile.load_heads %x units() rows(%i) columns() into %a {group = 0 : i64, heads = #heads, lane = 0 : i64, sample = 1 : i64} : !attacc.region<64x32xf16, dram> into tensor<16x32xf16>
    }
  }
}

// -----

attacc.program @mask for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      %p = tile.place : tensor<64x32xf16>
      %a = tile.at %p(%i) dims [0] : tensor<64x32xf16> -> tensor<16x32xf16>
      // expected-error @below {{[tile_mask_c1] of 'tensor<16x32xf16>', expected a matrix, a group of 1 or more and neither window nor offset negative}}
      tile.mask %a rows(%i) keys() {causal, group = 0 : i64, offset = 0 : i64, window = 0 : i64} : tensor<16x32xf16>
    }
  }
}

// -----

attacc.program @rescale for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      %m = tile.place : tensor<16xf32>
      %s = tile.place : tensor<8xf32>
      %a = tile.place : tensor<16x32xf32>
      // expected-error @below {{[tile_online_rescale_c1] has 'tensor<8xf32>' beside 'tensor<16x32xf32>', expected a matrix and a number for each of its rows}}
      tile.online_rescale %m, %m into %s, %a : tensor<16xf32>, tensor<16xf32> into tensor<8xf32>, tensor<16x32xf32>
    }
  }
}

// -----

attacc.program @sight for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 16 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_for_c6] expected seven numbers of 0 or more, a group of rows of 1 or more, and the counter of a loop around it}}
      tile.for 96 by 48 sees %i by [0, 0, 0, 1, 0, 1, 96] {
      ^bb0(%j: index):
      }
    }
  }
}
