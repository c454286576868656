// From blocks to instructions: channels, slots, semaphores, addresses, each pass by itself.
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-assign-engines))' | FileCheck %s --check-prefix=ENGINES
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-assign-engines,tile-choose-slots))' | FileCheck %s --check-prefix=SLOTS
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-assign-engines,tile-choose-slots,tile-insert-sync))' | FileCheck %s --check-prefix=SYNC
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-assign-engines,tile-choose-slots,tile-insert-sync,tile-allocate))' --remarks-filter='tile-allocate|tile-choose-slots' 2>&1 | FileCheck %s --check-prefix=PLACES
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-assign-engines,tile-choose-slots,tile-insert-sync,tile-allocate,tile-to-attacc,attacc-verify-program))' | FileCheck %s

// x times the row sums of exp(x + v), by the array: what the array makes is
// waited for, but its place needs no giving back, since the special function unit comes round
// only after it used the product.
// PLACES: [Passed] Slots | Category:tile-choose-slots | Reason="the latency is hidden", Slots=8
// PLACES: [Analysis] Allocated | Category:tile-allocate | Bytes={{[0-9]+}}, Shared={{[0-9]+}}
attacc.program @sums for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<20x64xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<20x1xf16, dram>
  // SYNC-DAG: %[[V:.*]] = attacc.semaphore 0
  // SYNC: tile.kernel
  tile.kernel "sums" {
    // Loads of rounds take channels first.
    // ENGINES: tile.load %{{.*}} {tile.channel = 1 : i64} : <64xf16, dram>
    // SLOTS: tile.load %{{.*}} {tile.channel = 1 : i64, tile.slots = array<i64: 1>} : <64xf16, dram>
    // SYNC: tile.load %{{.*}} signal(%[[FV:.*]]) {
    // PLACES: tile.addresses = array<i64: 0>
    %b = tile.load %v : !attacc.region<64xf16, dram> -> tensor<64xf16>
    // Once for all rounds, and so is the wait for it.
    // SYNC: tile.fill 1.000000e+00 signal(%[[FO:.*]]) {
    // PLACES: tile.fill {{.*}}tile.addresses = array<i64: 128>
    %ones = tile.fill 1.0 : tensor<64x1xf16>
    // SYNC-DAG: tile.sync special wait(%[[FV]])
    // SYNC-DAG: tile.sync array wait(%[[FO]])
    // SYNC: tile.for
    tile.for 20 by 8 {
    ^bb0(%i: index):
      // ENGINES: tile.load %{{.*}} rows %{{.*}} {tile.channel = 0 : i64}
      // SLOTS: tile.load %{{.*}} rows %{{.*}} {{.*}}tile.slots = array<i64: 8>
      // SYNC: tile.load %{{.*}} rows %{{.*}} wait(%[[FREE:.*]]) signal(%[[FULL:.*]]) {
      %a = tile.load %x rows %i : !attacc.region<20x64xf16, dram> -> tensor<8x64xf16>
      // The unit's own: no semaphore for s, one slot.
      // SLOTS: tile.elementwise {{.*}}tile.slots = array<i64: 1>
      // SYNC: tile.elementwise add %{{.*}}, %{{.*}} wait(%[[FULL]]) signal(%[[FREE]]) {
      %s = tile.elementwise add %a, %b : tensor<8x64xf16>, tensor<64xf16> -> tensor<8x64xf32>
      // SLOTS: tile.unary exp {{.*}}tile.slots = array<i64: 1>
      // SYNC: tile.unary exp %{{.*}} signal(%[[E:.*]]) {
      %e = tile.unary exp %s : tensor<8x64xf32> -> tensor<8x64xf16>
      // SLOTS: tile.gemm {{.*}}tile.slots = array<i64: 1>
      // SYNC: tile.gemm output %{{.*}}, %{{.*}} wait(%[[E]]) signal(%[[G:.*]]) {
      %g = tile.gemm output %e, %ones : tensor<8x64xf16>, tensor<64x1xf16> -> tensor<8x1xf32>
      // SLOTS: tile.unary copy {{.*}}tile.slots = array<i64: 8>
      // SYNC: tile.unary copy %{{.*}} wait(%[[G]], %[[RFREE:.*]]) signal(%[[R:.*]]) {
      %r = tile.unary copy %g : tensor<8x1xf32> -> tensor<8x1xf16>
      // ENGINES: tile.store %{{.*}} into %{{.*}} rows %{{.*}} {tile.channel = 0 : i64}
      // SYNC: tile.store %{{.*}} into %{{.*}} rows %{{.*}} wait(%[[R]]) signal(%[[RFREE]]) {
      tile.store %r into %y rows %i : tensor<8x1xf16> into !attacc.region<20x1xf16, dram>
    }
  }
}
// Two whole blocks in a loop, and one of four rows behind it, in slot 2.
// CHECK-LABEL: attacc.program @sums
// CHECK: attacc.sync special wait
// CHECK: attacc.loop 2 {
// CHECK: attacc.tile %{{.*}}[0, 0] by(%{{.*}}) steps [8, 0] : <20x64xf16, dram> -> <8x64xf16, dram>
// CHECK: attacc.gemm output
// CHECK: }
// CHECK: attacc.tile %{{.*}}[16, 0] : <20x64xf16, dram> -> <4x64xf16, dram>
// CHECK: attacc.tile %{{.*}}[0, 0] slot 2 : <8x64xf16, scratchpad> -> <4x64xf16, scratchpad>
// CHECK: attacc.gemm output {{.*}} : <4x64xf16, scratchpad>, <64x1xf16, scratchpad> into <4x1xf32, scratchpad>
// CHECK: attacc.barrier
