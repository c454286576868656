// Attention becomes loops, places and the phases of a step: where a place is made says how long it stays.
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-attention))' --remarks-filter=tile-block-attention 2>%t.remarks | nm-opt | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-attention,tile-assign-engines,tile-choose-slots,tile-insert-sync,tile-allocate))' | FileCheck %s --check-prefix=PLACES
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-attention,tile-assign-engines,tile-choose-slots,tile-insert-sync,tile-allocate,tile-to-attacc,attacc-verify-program))' --remarks-filter=tile-to-attacc 2>%t.steps | FileCheck %s --check-prefix=CODE
// RUN: FileCheck %s --check-prefix=STEPS < %t.steps
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-to-attacc))' 2>&1 | FileCheck %s --check-prefix=EARLY
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-attention,tile-to-attacc))' 2>&1 | FileCheck %s --check-prefix=ADDRESSES
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-attention,tile-choose-slots,tile-allocate,tile-to-attacc))' 2>&1 | FileCheck %s --check-prefix=CHANNEL
// EARLY: error: 'tile.attention' op is no kernel yet, expected --tile-block-attention to have run
// ADDRESSES: error: 'tile.place' op has no tile.addresses or tile.slots, expected --tile-allocate to have run
// CHANNEL: error: 'tile.load_heads' op has no tile.channel, expected --tile-assign-engines to have run

#heads = #tile.heads<batch_dim = 0, batch_step = 0, head_dim = 1, head_step = 16, row = 0, column = 0>

// REMARK: remark: [Passed] Blocked | Category:tile-block-attention | Chunk=48, Part=32, Remark="row, rows = 32, key_tile = 48, staged = [q, logits, o]", Strip=48
// STEPS: remark: [Analysis] Steps | Category:tile-to-attacc | Instructions={{[0-9]+}}, Semaphores={{[0-9]+}}
// STEPS: remark: [Analysis] Steps | Category:tile-to-attacc | Instructions={{[0-9]+}}, Semaphores={{[0-9]+}}
attacc.program @online for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<64x32xf16, dram>
  %k = attacc.tensor "k" in : !attacc.region<96x32xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<96x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<64x32xf16, dram>
  tile.attention "attention" %q, %k, %v into %y
      {attend = #attacc<stationary output>, blocks = array<i64: 32, 48, 1, 1>, causal, k_heads = #heads, logit = #attacc<stationary output>, offset = 32 : i64,
       output_heads = #heads, q_heads = #heads, scale = 0.25 : f32, shape = array<i64: 1, 2, 2, 64, 96, 16, 16>, staged = 25 : i64, v_heads = #heads}
      : !attacc.region<64x32xf16, dram>, !attacc.region<96x32xf16, dram>, !attacc.region<96x32xf16, dram> into !attacc.region<64x32xf16, dram>
}
// CHECK-LABEL: attacc.program @online
// CHECK: tile.kernel "attention" {
// CHECK-NEXT: tile.for 2 by 1 {
// CHECK-NEXT: ^bb0(%[[U:.*]]: index):
// CHECK-NEXT: tile.for 64 by 32 varies {
// CHECK-NEXT: ^bb0(%[[R:.*]]: index):
// Queries and sums outlive the tiles of keys, and two blocks of rows are on chip.
// CHECK-NEXT: %[[Q:.*]] = tile.place {tile.slots = array<i64: 2>} : tensor<1x32x16xf16>
// CHECK-NEXT: %[[SUMS:.*]] = tile.place {tile.slots = array<i64: 1>} : tensor<1x32x16xf32>
// CHECK-NEXT: %[[MAX:.*]] = tile.place {tile.slots = array<i64: 2>} : tensor<1x32xf32>
// CHECK-NEXT: %[[SUM:.*]] = tile.place {tile.slots = array<i64: 2>} : tensor<1x32xf32>
// CHECK-NEXT: %[[BEFORE:.*]] = tile.place {tile.slots = array<i64: 2>} : tensor<1x32xf32>
// CHECK-NEXT: tile.for 96 by 48 sees %[[R]] by [0, 1, 32, 1, 0, 1, 96] {
// CHECK-NEXT: ^bb0(%[[K:.*]]: index):
// CHECK-NEXT: tile.for 1 by 1 of %[[U]] {
// CHECK-NEXT: ^bb0(%[[P:.*]]: index):
// CHECK-NEXT: %[[KEYS:.*]] = tile.place {tile.slots = array<i64: {{[0-9]+}}>} : tensor<1x48x16xf16>
// CHECK-NEXT: %[[VALUES:.*]] = tile.place {tile.slots = array<i64: {{[0-9]+}}>} : tensor<1x48x16xf16>
// CHECK-NEXT: tile.for 32 by 32 of %[[R]] unroll {
// CHECK-NEXT: ^bb0(%[[T:.*]]: index):
// CHECK-NEXT: %[[LOGITS:.*]] = tile.place {tile.slots = array<i64: 2>} : tensor<1x32x48xf16>
// CHECK-NEXT: tile.phase delay 0 turn 0 {
// CHECK-NEXT: tile.when "first"(%[[T]]) {
// CHECK: tile.load_heads %{{.*}} units(%[[U]], %[[P]]) rows(%[[K]]) columns() into
// CHECK: tile.when "first"(%[[K]]) {
// CHECK: tile.load_heads %{{.*}} units(%[[U]], %[[P]]) rows(%[[R]], %[[T]]) columns() into
// CHECK: %[[L:.*]] = tile.gemm output %{{.*}}, %{{.*}} {scale = 2.500000e-01 : f32, transpose_rhs}
// CHECK-NEXT: tile.put %[[L]] into %{{.*}} : tensor<32x48xf16>
// CHECK: tile.phase delay 0 turn 2 {
// CHECK: tile.mask %{{.*}} rows(%[[R]], %[[T]]) keys(%[[K]]) {causal, group = 1 : i64, offset = 32 : i64, window = 0 : i64}
// CHECK: tile.when "not_first"(%[[K]]) {
// CHECK: tile.unary copy
// CHECK: %[[M:.*]] = tile.row_max
// CHECK: tile.put %[[M]] into %{{.*}} accumulate from(%[[K]]) : tensor<32xf32>
// CHECK: tile.online_rescale
// CHECK: tile.exp_sum
// CHECK: tile.phase delay 1 turn 1 {
// CHECK: %[[O:.*]] = tile.gemm output
// CHECK-NEXT: tile.put %[[O]] into %{{.*}} accumulate from(%[[K]]) : tensor<32x16xf32>
// CHECK: tile.phase delay 1 turn 3 {
// CHECK-NEXT: tile.when "last"(%[[K]]) {
// CHECK: tile.scale {{.*}} reciprocal
// CHECK: tile.store_heads

// A channel for keys, one for values, one for queries; no place is in another one's.
// PLACES-LABEL: attacc.program @online
// PLACES: tile.place {tile.addresses = array<i64: 0>, tile.slots = array<i64: 2>} : tensor<1x32x16xf16>
// PLACES-NEXT: tile.place {tile.addresses = array<i64: 2048>, tile.slots = array<i64: 1>} : tensor<1x32x16xf32>
// PLACES: tile.load_heads {{.*}} lane = 0 : i64, sample = 2 : i64, tile.channel = 0 : i64}
// PLACES: tile.load_heads {{.*}} lane = 2 : i64, sample = 2 : i64, tile.channel = 2 : i64}
// PLACES: tile.load_heads {{.*}} lane = 1 : i64, sample = 2 : i64, tile.channel = 1 : i64}

// The logits of the second tile come before the output of the first one. The first softmax has nothing to rescale, and masks what some row does not see.
// CODE-LABEL: attacc.program @online
// CODE: attacc.gemm output {{.*}} {scale = 2.500000e-01 : f32, transpose_rhs}
// CODE: attacc.mask %{{.*}} row 32 column 33 wait(%[[DONE:.*]]) {causal} : <32x15xf16, scratchpad>
// CODE: attacc.exp_sum {{.*}} signal(%[[WEIGHTS:.*]]) : <32x48xf16
// CODE: attacc.gemm output {{.*}} signal(%[[DONE]], {{.*}} {scale = 2.500000e-01 : f32, transpose_rhs}
// CODE: attacc.gemm output {{.*}} wait(%{{.*}}, %[[WEIGHTS]], %{{.*}}) signal(%[[SUMS:.*]], %{{.*}}) : <32x48xf16
// CODE: attacc.online_rescale {{.*}} wait(%[[SUMS]])
// CODE: attacc.barrier

// Through DRAM: what one phase stores another one loads, step by step, and outputs are four steps late.
attacc.program @unfused for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<64x32xf16, dram>
  %k = attacc.tensor "k" in : !attacc.region<96x32xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<96x32xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<64x32xf16, dram>
  tile.attention "attention" %q, %k, %v into %y
      {attend = #attacc<stationary output>, blocks = array<i64: 32, 0, 1, 1>, k_heads = #heads, logit = #attacc<stationary output>,
       output_heads = #heads, q_heads = #heads, shape = array<i64: 1, 2, 2, 64, 96, 16, 16>, staged = 0 : i64, v_heads = #heads}
      : !attacc.region<64x32xf16, dram>, !attacc.region<96x32xf16, dram>, !attacc.region<96x32xf16, dram> into !attacc.region<64x32xf16, dram>
}
// CHECK-LABEL: attacc.program @unfused
// CHECK: attacc.tensor "attention_logits_0" scratch : <128x96xf16, dram>
// CHECK: tile.phase delay 0 turn 0 {
// CHECK: tile.store_heads {{.*}} {by_step,
// CHECK: tile.phase delay 0 turn 3 {
// CHECK: tile.load_heads
// CHECK: tile.softmax
// CHECK: tile.store_heads
// CHECK: tile.phase delay 4 turn 1 {
// CHECK: tile.load_heads {{.*}} {by_step,
// CODE-LABEL: attacc.program @unfused
// CODE: attacc.softmax
// CODE: attacc.barrier
