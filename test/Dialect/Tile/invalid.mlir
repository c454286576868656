// Each rule of the dialect, and some of those of instructions.
// RUN: nm-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(attacc.program(attacc-verify-program))'

attacc.program @output for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<64xf16, dram>
  // expected-error @below {{'tile.rows' op [tile_rows_c1] writes '!attacc.region<64xf16, dram>', expected a matrix of 64 rows}}
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @input for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<8x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  // expected-error @below {{[tile_rows_c1] reads '!attacc.region<8x64xf16, dram>', expected a matrix of 16 rows or a vector}}
  tile.rows "rows" (%x) into (%y) : !attacc.region<8x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<8x64xf16>):
    tile.yield %a : tensor<8x64xf16>
  }
}

// -----

attacc.program @argument for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  // expected-error @below {{[tile_rows_c2] has one of the arguments of 'tensor<16x64xf32>', expected 'tensor<16x64xf16>'}}
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf32>):
    tile.yield %a : tensor<16x64xf32>
  }
}

// -----

attacc.program @results for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  // expected-error @below {{[tile_rows_c2] has 2 results, expected 1}}
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    tile.yield %a, %a : tensor<16x64xf16>, tensor<16x64xf16>
  }
}

// -----

attacc.program @store for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[tile_rows_c3] is no instruction that computes and no view, expected one in a tile.rows}}
    tile.sync special
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @elementwise for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    %f = tile.fill 1.0 rows : tensor<16x32xf16>
    // expected-error @below {{[attacc_elementwise_c1]}}
    %e = tile.elementwise add %a, %f : tensor<16x64xf16>, tensor<16x32xf16> -> tensor<16x64xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @row for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[attacc_row_c1]}}
    %e = tile.row_max %a : tensor<16x64xf16> -> tensor<64xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @epsilon for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    %v = tile.fill 1.0 : tensor<64xf16>
    // expected-error @below {{[attacc_layernorm_c1]}}
    %e = tile.layernorm %a, %v, %v epsilon 0.0 : tensor<16x64xf16>, tensor<64xf16>, tensor<64xf16> -> tensor<16x64xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @gemm for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[attacc_gemm_c1]}}
    %e = tile.gemm output %a, %a : tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x16xf32>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @acc_type for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    %f = tile.fill 1.0 rows : tensor<16x16xf16>
    // expected-error @below {{[tile_gemm_c1] adds to 'tensor<16x16xf16>', expected the result's type, 'tensor<16x16xf32>'}}
    %e = tile.gemm output %a, %a plus %f {transpose_rhs} : tensor<16x64xf16>, tensor<16x64xf16> plus tensor<16x16xf16> -> tensor<16x16xf32>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @acc_uses for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    %f = tile.fill 1.0 rows : tensor<16x16xf32>
    // expected-error @below {{[tile_gemm_c1] adds to a value that is used elsewhere}}
    %e = tile.gemm output %a, %a plus %f {transpose_rhs} : tensor<16x64xf16>, tensor<16x64xf16> plus tensor<16x16xf32> -> tensor<16x16xf32>
    %g = tile.unary exp %f : tensor<16x16xf32> -> tensor<16x16xf32>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @column for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[tile_column_c1]}}
    %e = tile.column %a : tensor<16x64xf16> -> tensor<16x1xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @slice for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[tile_slice_c1] takes 'tensor<16x8xf16>' of 'tensor<16x64xf16>' from column 60, expected columns that it has}}
    %e = tile.slice %a from 60 : tensor<16x64xf16> -> tensor<16x8xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @slice_before for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[tile_slice_c1] takes 'tensor<16x1xf16>' of 'tensor<16x64xf16>' from column -1, expected columns that it has}}
    %e = tile.slice %a from -1 : tensor<16x64xf16> -> tensor<16x1xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @attribute for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[tile_attribute_c1] has tile.slots array<i64: 0>, expected a number from 1 to 256 for each result}}
    %e = tile.unary exp %a {tile.slots = array<i64: 0>} : tensor<16x64xf16> -> tensor<16x64xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @channel for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[tile_attribute_c1] has tile.channel 1 : i64, expected an i64 from 0 to 63 on a transfer}}
    %e = tile.unary exp %a {tile.channel = 1 : i64} : tensor<16x64xf16> -> tensor<16x64xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @unknown for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" (%x) into (%y) : !attacc.region<16x64xf16, dram> into !attacc.region<16x64xf16, dram> {
  ^bb0(%a: tensor<16x64xf16>):
    // expected-error @below {{[tile_attribute_c1] has tile.colour 1 : i64, expected tile.channel, tile.slots, tile.addresses or tile.in_place}}
    %e = tile.unary exp %a {tile.colour = 1 : i64} : tensor<16x64xf16> -> tensor<16x64xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

attacc.program @block for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.kernel "k" {
    // expected-error @below {{[tile_for_c1] has blocks of 17 of 16, expected 1 or more, and not more than all}}
    tile.for 16 by 17 {
    ^bb0(%i: index):
    }
  }
}

// -----

attacc.program @load for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.kernel "k" {
    tile.for 16 by 8 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_load_c1] moves 'tensor<4x64xf16>' and '!attacc.region<16x64xf16, dram>', expected 'tensor<8x64xf16>'}}
      %a = tile.load %x rows %i : !attacc.region<16x64xf16, dram> -> tensor<4x64xf16>
    }
  }
}

// -----

attacc.program @total for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.kernel "k" {
    tile.for 8 by 4 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_load_c1] follows blocks of 8 rows in '!attacc.region<16x64xf16, dram>', expected as many rows}}
      %a = tile.load %x rows %i : !attacc.region<16x64xf16, dram> -> tensor<4x64xf16>
    }
  }
}

// -----

attacc.program @foreign for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.kernel "k" {
    // expected-error @below {{[tile_kernel_c1] has no place in a tile.kernel, expected operations of tile}}
    attacc.barrier
  }
}

// -----

// What is proved or encoded has instructions only.
attacc.program @level for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  // expected-error @below {{[attacc_program_c1] is no instruction yet, expected --tile-to-attacc to have made some of it}}
  tile.kernel "k" {
  }
}

// -----

attacc.program @acc_round for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  tile.kernel "k" {
    %f = tile.fill 1.0 : tensor<8x8xf32>
    tile.for 16 by 8 {
    ^bb0(%i: index):
      %a = tile.load %x rows %i : !attacc.region<16x64xf16, dram> -> tensor<8x64xf16>
      // expected-error @below {{[tile_gemm_c1] adds to a value that is used elsewhere or is no result of an instruction that computes in the same round}}
      %g = tile.gemm output %a, %a plus %f {transpose_rhs} : tensor<8x64xf16>, tensor<8x64xf16> plus tensor<8x8xf32> -> tensor<8x8xf32>
    }
  }
}

// -----

attacc.program @part for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %p = attacc.tile %x[0, 8] dims [1, 0] : !attacc.region<16x64xf16, dram> -> !attacc.region<8x16xf16, dram>
  tile.kernel "k" {
    // expected-error @below {{[tile_load_c3] moves something else, expected a tensor of the program or a box of one}}
    %a = tile.load %p : !attacc.region<8x16xf16, dram> -> tensor<8x16xf16>
  }
}

// -----

attacc.program @part_rows for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  %p = attacc.tile %y[8, 0] : !attacc.region<16x64xf16, dram> -> !attacc.region<8x64xf16, dram>
  // expected-error @below {{[tile_rows_c1] has a part of a tensor as an operand, expected tensors of the program}}
  tile.rows "rows" () into (%p) into !attacc.region<8x64xf16, dram> {
    %a = tile.fill 1.0 rows : tensor<8x64xf16>
    tile.yield %a : tensor<8x64xf16>
  }
}

// -----

attacc.program @vector for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %y = attacc.tensor "y" out : !attacc.region<16x64xf16, dram>
  tile.rows "rows" () into (%y) into !attacc.region<16x64xf16, dram> {
    %a = tile.fill 1.0 rows : tensor<16x64xf16>
    // expected-error @below {{[tile_vector_c1] makes 'tensor<16xf16>' of 'tensor<16x64xf16>', expected a matrix of one column that an instruction makes as a vector}}
    %v = tile.vector %a : tensor<16x64xf16> -> tensor<16xf16>
    tile.yield %a : tensor<16x64xf16>
  }
}

// -----

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">
attacc.program @product_shapes for #device {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<32x48xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x32xf16, dram>
  // expected-error @below {{[tile_product_c1] has a right side of '!attacc.region<32x48xf16, dram>', expected 32x64}}
  tile.product "p" %x, %w into %y {transpose_rhs} : !attacc.region<16x64xf16, dram>, !attacc.region<32x48xf16, dram> into !attacc.region<16x32xf16, dram> {
  ^bb0(%s: tensor<16x32xf32>):
    %c = tile.unary copy %s : tensor<16x32xf32> -> tensor<16x32xf16>
    tile.yield %c : tensor<16x32xf16>
  }
}

// -----

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">
attacc.program @product_pattern for #device {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<32x32xf16, dram>
  %i = attacc.tensor "i" in : !attacc.region<32x8xi8, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x32xf16, dram>
  // expected-error @below {{[tile_product_c1] expected indices and a pattern, 1 <= N < M <= 64, or neither}}
  tile.product "p" %x, %w[%i] into %y {transpose_rhs} : !attacc.region<16x64xf16, dram>, !attacc.region<32x32xf16, dram>[!attacc.region<32x8xi8, dram>] into !attacc.region<16x32xf16, dram> {
  ^bb0(%s: tensor<16x32xf32>):
    %c = tile.unary copy %s : tensor<16x32xf32> -> tensor<16x32xf16>
    tile.yield %c : tensor<16x32xf16>
  }
}

// -----

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">
attacc.program @product_places for #device {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<32x32xf16, dram>
  %i = attacc.tensor "i" in : !attacc.region<32x9xi8, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x32xf16, dram>
  // expected-error @below {{[tile_product_c1] has indices of '!attacc.region<32x9xi8, dram>', expected 32x8 i8}}
  tile.product "p" %x, %w[%i] into %y {pattern = array<i64: 2, 4>, transpose_rhs} : !attacc.region<16x64xf16, dram>, !attacc.region<32x32xf16, dram>[!attacc.region<32x9xi8, dram>] into !attacc.region<16x32xf16, dram> {
  ^bb0(%s: tensor<16x32xf32>):
    %c = tile.unary copy %s : tensor<16x32xf32> -> tensor<16x32xf16>
    tile.yield %c : tensor<16x32xf16>
  }
}

// -----

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">
attacc.program @product_arguments for #device {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<64x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x32xf16, dram>
  // expected-error @below {{[tile_product_c2] has other arguments than the sums, 'tensor<16x32xf32>', and the inputs, expected these}}
  tile.product "p" %x, %w into %y : !attacc.region<16x64xf16, dram>, !attacc.region<64x32xf16, dram> into !attacc.region<16x32xf16, dram> {
  ^bb0(%s: tensor<16x32xf16>):
    %c = tile.unary copy %s : tensor<16x32xf16> -> tensor<16x32xf16>
    tile.yield %c : tensor<16x32xf16>
  }
}

// -----

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">
attacc.program @product_chain for #device {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<64x32xf16, dram>
  %r = attacc.tensor "r" in : !attacc.region<16x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x32xf16, dram>
  tile.product "p" %x, %w with (%r) into %y : !attacc.region<16x64xf16, dram>, !attacc.region<64x32xf16, dram> with !attacc.region<16x32xf16, dram> into !attacc.region<16x32xf16, dram> {
  ^bb0(%s: tensor<16x32xf32>, %b: tensor<16x32xf16>):
    // expected-error @below {{[tile_product_c3] is no step of a chain of instructions of the special function unit that begins with the sums and goes on in f32, expected one}}
    %c = tile.elementwise add %b, %s : tensor<16x32xf16>, tensor<16x32xf32> -> tensor<16x32xf16>
    tile.yield %c : tensor<16x32xf16>
  }
}

// -----

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">
attacc.program @product_apart for #device {
  %x = attacc.tensor "x" scratch : !attacc.region<16x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<32x32xf16, dram>
  %a = attacc.tile %x[0, 16] : !attacc.region<16x64xf16, dram> -> !attacc.region<16x32xf16, dram>
  %y = attacc.tile %x[0, 32] : !attacc.region<16x64xf16, dram> -> !attacc.region<16x32xf16, dram>
  // expected-error @below {{[tile_product_c4] reads elements that it writes, expected none in common}}
  tile.product "p" %a, %w into %y : !attacc.region<16x32xf16, dram>, !attacc.region<32x32xf16, dram> into !attacc.region<16x32xf16, dram> {
  ^bb0(%s: tensor<16x32xf32>):
    %c = tile.unary copy %s : tensor<16x32xf32> -> tensor<16x32xf16>
    tile.yield %c : tensor<16x32xf16>
  }
}

// -----

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">
attacc.program @product_blocks for #device {
  %x = attacc.tensor "x" in : !attacc.region<16x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<64x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<16x32xf16, dram>
  // expected-error @below {{[tile_product_c5] expected four numbers as blocks with what is stationary, or neither}}
  tile.product "p" %x, %w into %y {blocks = array<i64: 8, 8, 8, 2>} : !attacc.region<16x64xf16, dram>, !attacc.region<64x32xf16, dram> into !attacc.region<16x32xf16, dram> {
  ^bb0(%s: tensor<16x32xf32>):
    %c = tile.unary copy %s : tensor<16x32xf32> -> tensor<16x32xf16>
    tile.yield %c : tensor<16x32xf16>
  }
}

// -----

attacc.program @rings for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  // expected-error @below {{[tile_kernel_c2] has rings of 129 slots, expected 1 to 128}}
  tile.kernel "k" rings 129 {
  }
}

// -----

attacc.program @sum_argument for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  tile.kernel "k" {
    // expected-error @below {{[tile_for_c2] expected one argument of type index, and one of the type of the sum if there is one}}
    tile.for 16 by 8 {
    ^bb0(%i: index, %acc: tensor<8x8xf32>):
    }
  }
}

// -----

attacc.program @sum_yield for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  tile.kernel "k" {
    // expected-error @below {{[tile_for_c5] expected a tile.yield of what an instruction made of the sum so far}}
    %s = tile.for 16 by 8 {
    ^bb0(%i: index, %acc: tensor<8x8xf32>):
      %f = tile.fill 1.0 : tensor<8x8xf32>
      tile.yield %f : tensor<8x8xf32>
    } -> tensor<8x8xf32>
  }
}

// -----

attacc.program @sum_wait for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %f = attacc.semaphore 2
  tile.kernel "k" {
    // expected-error @below {{[tile_for_c5] waits, signals or yields without a sum, expected a result}}
    tile.for 16 by 8 wait (%f) {
    ^bb0(%i: index):
    }
  }
}

// -----

attacc.program @outer for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  tile.kernel "k" {
    tile.for 16 by 8 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_for_c4] cuts blocks of 16, expected the counter of a tile.for around it with such blocks, which cuts no other loop's}}
      tile.for 16 by 4 of %i {
      ^bb0(%j: index):
      }
    }
  }
}

// -----

attacc.program @part_view for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  tile.kernel "k" {
    %f = tile.fill 1.0 : tensor<12x8xf32>
    tile.for 16 by 8 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_part_c2] takes 'tensor<8x8xf32>' of 'tensor<12x8xf32>', expected 8 rows of 16 or of 8}}
      %p = tile.part %f rows %i : tensor<12x8xf32> -> tensor<8x8xf32>
    }
  }
}

// -----

attacc.program @columns for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<64xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 8 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_load_c2] expected the counter of a tile.for around it}}
      %a = tile.load %x columns %i : !attacc.region<64xf16, dram> -> tensor<64xf16>
    }
  }
}

// -----

attacc.program @packed for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<16x32xf16, dram>
  tile.kernel "k" {
    tile.for 64 by 8 {
    ^bb0(%i: index):
      // expected-error @below {{[tile_load_c1] follows blocks of 64 columns in '!attacc.region<16x32xf16, dram>', expected as many columns}}
      %a = tile.load %x columns %i : !attacc.region<16x32xf16, dram> -> tensor<16x5xf16>
    }
  }
}

// -----

attacc.program @in_place for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  tile.kernel "k" {
    %f = tile.fill 1.0 : tensor<12x8xf32>
    // expected-error @below {{[tile_attribute_c1] has tile.in_place unit, expected it on one whose first operand has the result's type}}
    %p = tile.unary exp %f {tile.in_place} : tensor<12x8xf32> -> tensor<12x8xf16>
  }
}
