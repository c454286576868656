// The steps of attention as they stand between tile-block-attention and tile-to-attacc: printed and read again.
// RUN: nm-opt %s | nm-opt --mlir-print-op-generic | nm-opt | FileCheck %s

// CHECK: tile.for 64 by 32 varies {
// CHECK: tile.place {tile.slots = array<i64: 2>} : tensor<1x32x16xf16>
// CHECK: tile.for 96 by 48 sees %{{.*}} by [0, 1, 32, 1, 0, 1, 96] {
// CHECK: tile.for 32 by 32 of %{{.*}} unroll {
// CHECK: tile.phase delay 0 turn 0 {
// CHECK: tile.when "first"(%{{.*}}) {
// CHECK: tile.at %{{.*}}(%{{.*}}, %{{.*}}) dims [0, 1] : tensor<1x48x16xf16> -> tensor<1x48x16xf16>
// CHECK: tile.load_heads %{{.*}} units(%{{.*}}, %{{.*}}) rows(%{{.*}}) columns() into %{{.*}} {group = 1 : i64, heads = #tile.heads<
// CHECK: tile.put %{{.*}} into %{{.*}} : tensor<32x48xf16>
// CHECK: tile.phase delay 0 turn 2 {
// CHECK: tile.mask %{{.*}} rows(%{{.*}}, %{{.*}}) keys(%{{.*}}) {causal, group = 1 : i64, offset = 32 : i64, window = 0 : i64} : tensor<32x48xf16>
// CHECK: tile.put %{{.*}} into %{{.*}} accumulate from(%{{.*}}) : tensor<32xf32>
// CHECK: tile.online_rescale %{{.*}}, %{{.*}} into %{{.*}}, %{{.*}} : tensor<32xf32>, tensor<32xf32> into tensor<32xf32>, tensor<32x16xf32>
// CHECK: tile.phase delay 1 turn 1 {
// CHECK: tile.store_heads
attacc.program @online for <name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %0 = attacc.tensor "q"  in : <64x32xf16, dram>
  %1 = attacc.tensor "k"  in : <96x32xf16, dram>
  %2 = attacc.tensor "v"  in : <96x32xf16, dram>
  %3 = attacc.tensor "y"  out : <64x32xf16, dram>
  tile.kernel "attention" {
    tile.for 2 by 1 {
    ^bb0(%arg0: index):
      tile.for 64 by 32 varies {
      ^bb0(%arg1: index):
        %4 = tile.place {tile.slots = array<i64: 2>} : tensor<1x32x16xf16>
        %5 = tile.place {tile.slots = array<i64: 1>} : tensor<1x32x16xf32>
        %6 = tile.place {tile.slots = array<i64: 2>} : tensor<1x32xf32>
        %7 = tile.place {tile.slots = array<i64: 2>} : tensor<1x32xf32>
        %8 = tile.place {tile.slots = array<i64: 2>} : tensor<1x32xf32>
        tile.for 96 by 48 sees %arg1 by [0, 1, 32, 1, 0, 1, 96] {
        ^bb0(%arg2: index):
          tile.for 1 by 1 of %arg0 {
          ^bb0(%arg3: index):
            %9 = tile.place {tile.slots = array<i64: 2>} : tensor<1x48x16xf16>
            %10 = tile.place {tile.slots = array<i64: 2>} : tensor<1x48x16xf16>
            tile.for 32 by 32 of %arg1 unroll {
            ^bb0(%arg4: index):
              %11 = tile.place {tile.slots = array<i64: 2>} : tensor<1x32x48xf16>
              tile.phase delay 0 turn 0 {
                tile.when "first"(%arg4) {
                  %16 = tile.at %9(%arg3, %arg2) dims [0, 1] : tensor<1x48x16xf16> -> tensor<1x48x16xf16>
                  tile.load_heads %1 units(%arg0, %arg3) rows(%arg2) columns() into %16 {group = 1 : i64, heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>, lane = 0 : i64, sample = 2 : i64} : <96x32xf16, dram> into tensor<1x48x16xf16>
                }
                tile.when "first"(%arg2) {
                  %16 = tile.at %4(%arg3, %arg4) dims [0, 1] : tensor<1x32x16xf16> -> tensor<1x32x16xf16>
                  tile.load_heads %0 units(%arg0, %arg3) rows(%arg1, %arg4) columns() into %16 {group = 1 : i64, heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>, lane = 2 : i64, sample = 2 : i64} : <64x32xf16, dram> into tensor<1x32x16xf16>
                }
                %12 = tile.at %9(%arg3, %arg2) dims [0, 1] : tensor<1x48x16xf16> -> tensor<48x16xf16>
                %13 = tile.at %4(%arg3, %arg4) dims [0, 1] : tensor<1x32x16xf16> -> tensor<32x16xf16>
                %14 = tile.at %11(%arg3, %arg4, %arg2) dims [0, 1, 2] : tensor<1x32x48xf16> -> tensor<32x48xf16>
                %15 = tile.gemm  output %13, %12 {scale = 2.500000e-01 : f32, transpose_rhs} : tensor<32x16xf16>, tensor<48x16xf16> -> tensor<32x48xf16>
                tile.put %15 into %14 : tensor<32x48xf16>
              }
              tile.phase delay 0 turn 2 {
                tile.for 1 by 1 of %arg3 unroll {
                ^bb0(%arg5: index):
                  %12 = tile.at %11(%arg3, %arg5, %arg4, %arg2) dims [0, 0, 1, 2] : tensor<1x32x48xf16> -> tensor<32x48xf16>
                  tile.mask %12 rows(%arg1, %arg4) keys(%arg2) {causal, group = 1 : i64, offset = 32 : i64, window = 0 : i64} : tensor<32x48xf16>
                  tile.when "not_first"(%arg2) {
                    %16 = tile.at %6(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32xf32> -> tensor<32xf32>
                    %17 = tile.unary  copy %16 : tensor<32xf32> -> tensor<32xf32>
                    %18 = tile.at %8(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32xf32> -> tensor<32xf32>
                    tile.put %17 into %18 : tensor<32xf32>
                  }
                  %13 = tile.at %11(%arg3, %arg5, %arg4, %arg2) dims [0, 0, 1, 2] : tensor<1x32x48xf16> -> tensor<32x48xf16>
                  %14 = tile.row_max %13 : tensor<32x48xf16> -> tensor<32xf32>
                  %15 = tile.at %6(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32xf32> -> tensor<32xf32>
                  tile.put %14 into %15 accumulate from(%arg2) : tensor<32xf32>
                }
                tile.when "not_first"(%arg2) {
                  tile.for 1 by 1 of %arg3 unroll {
                  ^bb0(%arg5: index):
                    %12 = tile.at %8(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32xf32> -> tensor<32xf32>
                    %13 = tile.at %6(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32xf32> -> tensor<32xf32>
                    %14 = tile.at %7(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32xf32> -> tensor<32xf32>
                    %15 = tile.at %5(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32x16xf32> -> tensor<32x16xf32>
                    tile.online_rescale %12, %13 into %14, %15 : tensor<32xf32>, tensor<32xf32> into tensor<32xf32>, tensor<32x16xf32>
                  }
                }
                tile.for 1 by 1 of %arg3 unroll {
                ^bb0(%arg5: index):
                  %12 = tile.at %11(%arg3, %arg5, %arg4, %arg2) dims [0, 0, 1, 2] : tensor<1x32x48xf16> -> tensor<32x48xf16>
                  %13 = tile.at %6(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32xf32> -> tensor<32xf32>
                  %result, %sum = tile.exp_sum %12, %13 : tensor<32x48xf16>, tensor<32xf32> -> tensor<32x48xf16>, tensor<32xf32>
                  %14 = tile.at %11(%arg3, %arg5, %arg4, %arg2) dims [0, 0, 1, 2] : tensor<1x32x48xf16> -> tensor<32x48xf16>
                  tile.put %result into %14 : tensor<32x48xf16>
                  %15 = tile.at %7(%arg3, %arg5, %arg4) dims [0, 0, 1] : tensor<1x32xf32> -> tensor<32xf32>
                  tile.put %sum into %15 accumulate from(%arg2) : tensor<32xf32>
                }
              }
              tile.phase delay 1 turn 1 {
                %12 = tile.at %11(%arg3, %arg4, %arg2) dims [0, 1, 2] : tensor<1x32x48xf16> -> tensor<32x48xf16>
                tile.when "first"(%arg4) {
                  %16 = tile.at %10(%arg3, %arg2) dims [0, 1] : tensor<1x48x16xf16> -> tensor<1x48x16xf16>
                  tile.load_heads %2 units(%arg0, %arg3) rows(%arg2) columns() into %16 {group = 1 : i64, heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>, lane = 1 : i64, sample = 2 : i64} : <96x32xf16, dram> into tensor<1x48x16xf16>
                }
                %13 = tile.at %10(%arg3, %arg2) dims [0, 1] : tensor<1x48x16xf16> -> tensor<48x16xf16>
                %14 = tile.at %5(%arg3, %arg4) dims [0, 1] : tensor<1x32x16xf32> -> tensor<32x16xf32>
                %15 = tile.gemm  output %12, %13 : tensor<32x48xf16>, tensor<48x16xf16> -> tensor<32x16xf32>
                tile.put %15 into %14 accumulate from(%arg2) : tensor<32x16xf32>
              }
              tile.phase delay 1 turn 3 {
                tile.when "last"(%arg2) {
                  tile.for 32 by 32 of %arg4 {
                  ^bb0(%arg5: index):
                    %12 = tile.place {tile.slots = array<i64: 2>} : tensor<1x32x16xf16>
                    tile.for 1 by 1 of %arg3 unroll {
                    ^bb0(%arg6: index):
                      %14 = tile.at %5(%arg3, %arg6, %arg4, %arg5) dims [0, 0, 1, 1] : tensor<1x32x16xf32> -> tensor<32x16xf32>
                      %15 = tile.at %12(%arg3, %arg6, %arg5) dims [0, 0, 1] : tensor<1x32x16xf16> -> tensor<32x16xf16>
                      %16 = tile.at %7(%arg3, %arg6, %arg4, %arg5) dims [0, 0, 1, 1] : tensor<1x32xf32> -> tensor<32xf32>
                      %17 = tile.scale %14, %16 reciprocal : tensor<32x16xf32>, tensor<32xf32> -> tensor<32x16xf16>
                      tile.put %17 into %15 : tensor<32x16xf16>
                    }
                    %13 = tile.at %12(%arg3, %arg5) dims [0, 1] : tensor<1x32x16xf16> -> tensor<1x32x16xf16>
                    tile.store_heads %13 into %3 units(%arg0, %arg3) rows(%arg1, %arg4, %arg5) columns() {group = 1 : i64, heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>, lane = 0 : i64, sample = 2 : i64} : tensor<1x32x16xf16> into <64x32xf16, dram>
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
