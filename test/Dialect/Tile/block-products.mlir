// Matrix products become loops over blocks: outputs, in them tokens, in them strips of the sum and chunks of its rows.
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-products))' --remarks-filter=tile-block-products 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-products,tile-assign-engines,tile-choose-slots,tile-insert-sync))' | FileCheck %s --check-prefix=SYNC
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-products,tile-assign-engines,tile-choose-slots,tile-insert-sync,tile-allocate,tile-to-attacc,attacc-verify-program))' | FileCheck %s --check-prefix=CODE
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-to-attacc))' 2>&1 | FileCheck %s --check-prefix=EARLY
// EARLY: error: 'tile.product' op is no kernel yet, expected --tile-block-products to have run

// What is chosen is said where the operator is, once.
// REMARK: block-products.mlir:[[@LINE+8]]:3: remark: [Passed] Projection | Category:tile-block-products | Remark="weight stationary", cycles={{[0-9]+}}, depth=20, out=32, slots=4, tokens=48

attacc.program @dense for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<64x80xf16, dram>
  %b = attacc.tensor "b" in : !attacc.region<80xf16, dram>
  %r = attacc.tensor "r" in : !attacc.region<100x80xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x80xf16, dram>
  tile.product "dense" %x, %w with (%b, %r) into %y
      {blocks = array<i64: 48, 32, 20, 4>, scale = 0.5 : f32, stationary = #attacc<stationary weight>}
      : !attacc.region<100x64xf16, dram>, !attacc.region<64x80xf16, dram>
        with !attacc.region<80xf16, dram>, !attacc.region<100x80xf16, dram> into !attacc.region<100x80xf16, dram> {
  ^bb0(%sum: tensor<100x80xf32>, %bias: tensor<80xf16>, %residual: tensor<100x80xf16>):
    %c = tile.elementwise add %sum, %bias : tensor<100x80xf32>, tensor<80xf16> -> tensor<100x80xf32>
    %d = tile.unary gelu %c : tensor<100x80xf32> -> tensor<100x80xf32>
    %e = tile.elementwise add %d, %residual : tensor<100x80xf32>, tensor<100x80xf16> -> tensor<100x80xf16>
    tile.yield %e : tensor<100x80xf16>
  }
}
// CHECK-LABEL: attacc.program @dense
// CHECK: tile.kernel "dense" rings 4 {
// CHECK-NEXT: tile.for 80 by 32 {
// CHECK-NEXT: ^bb0(%[[O:.*]]: index):
// CHECK-NEXT: %[[B:.*]] = tile.load %{{.*}} rows %[[O]] : <80xf16, dram> -> tensor<32xf16>
// CHECK-NEXT: tile.for 100 by 48 {
// CHECK-NEXT: ^bb0(%[[T:.*]]: index):
// CHECK-NEXT: %[[SUM:.*]] = tile.for 64 by 20 {
// CHECK-NEXT: ^bb0(%[[K:.*]]: index, %[[ACC:.*]]: tensor<48x32xf32>):
// CHECK-NEXT: %[[X:.*]] = tile.load %{{.*}} rows %[[T]] columns %[[K]] : <100x64xf16, dram> -> tensor<48x20xf16>
// CHECK-NEXT: %[[W:.*]] = tile.load %{{.*}} rows %[[K]] columns %[[O]] : <64x80xf16, dram> -> tensor<20x32xf16>
// CHECK-NEXT: %[[S:.*]] = tile.gemm weight %[[X]], %[[W]] plus %[[ACC]] {scale = 5.000000e-01 : f32}
// CHECK-NEXT: tile.yield %[[S]] : tensor<48x32xf32>
// CHECK-NEXT: } -> tensor<48x32xf32>
// CHECK-NEXT: tile.for 48 by 32 of %[[T]] {
// CHECK-NEXT: ^bb0(%[[C:.*]]: index):
// CHECK-NEXT: %[[PART:.*]] = tile.part %[[SUM]] rows %[[C]] : tensor<48x32xf32> -> tensor<32x32xf32>
// CHECK-NEXT: %[[R:.*]] = tile.load %{{.*}} rows %[[C]] columns %[[O]] : <100x80xf16, dram> -> tensor<32x32xf16>
// CHECK-NEXT: %[[ONE:.*]] = tile.elementwise add %[[PART]], %[[B]] {tile.in_place}
// CHECK-NEXT: %[[TWO:.*]] = tile.unary gelu %[[ONE]] {tile.in_place}
// CHECK-NEXT: %[[THREE:.*]] = tile.elementwise add %[[TWO]], %[[R]] : tensor<32x32xf32>, tensor<32x32xf16> -> tensor<32x32xf16>
// CHECK-NEXT: tile.store %[[THREE]] into %{{.*}} rows %[[C]] columns %[[O]]

// A channel for each operand of the array, and one for all else; semaphores of a sum stand on its loop, those of what an outer loop makes around the inner one.
// SYNC-LABEL: attacc.program @dense
// SYNC: tile.load %{{.*}} wait(%[[BFREE:.*]]) signal(%[[BFULL:.*]]) {tile.channel = 3 : i64, tile.slots = array<i64: 2>} : <80xf16, dram>
// SYNC-NEXT: tile.sync special wait(%[[BFULL]])
// SYNC-NEXT: tile.for 100 by 48 {
// SYNC: tile.for 64 by 20 wait(%[[SFREE:.*]]) signal(%[[SFULL:.*]]) {
// SYNC: tile.load %{{.*}} wait(%[[XFREE:.*]]) signal(%[[XFULL:.*]]) {tile.channel = 0 : i64, tile.slots = array<i64: 4>} : <100x64xf16, dram>
// SYNC-NEXT: tile.load %{{.*}} wait(%[[WFREE:.*]]) signal(%[[WFULL:.*]]) {tile.channel = 1 : i64, tile.slots = array<i64: 4>} : <64x80xf16, dram>
// SYNC-NEXT: tile.gemm weight {{.*}} wait(%[[XFULL]], %[[WFULL]]) signal(%[[XFREE]], %[[WFREE]]) {{.*}}tile.slots = array<i64: 2>
// SYNC: tile.sync special wait(%[[SFULL]])
// SYNC-NEXT: tile.for 48 by 32 of
// SYNC: tile.load %{{.*}} wait(%[[RFREE:.*]]) signal(%[[RFULL:.*]]) {tile.channel = 3 : i64, tile.slots = array<i64: 8>} : <100x80xf16, dram>
// SYNC: tile.elementwise add %{{.*}}, %{{.*}} wait(%[[RFULL]], %[[YFREE:.*]]) signal(%[[YFULL:.*]], %[[RFREE]]) {tile.slots = array<i64: 8>}
// SYNC-NEXT: tile.store {{.*}} wait(%[[YFULL]]) signal(%[[YFREE]]) {tile.channel = 3 : i64}
// SYNC-NEXT: }
// SYNC-NEXT: tile.sync special signal(%[[SFREE]])
// SYNC-NEXT: }
// SYNC-NEXT: tile.sync special signal(%[[BFREE]])

// Four strips: the first begins the sum, two go round, the last one has four elements. The second half of the outputs, the last token block and its chunks follow.
// CODE-LABEL: attacc.program @dense
// CODE: attacc.loop 2 {
// CODE: attacc.loop 2 {
// CODE: attacc.gemm weight {{.*}} {scale = 5.000000e-01 : f32} : <48x20xf16, scratchpad>, <20x32xf16, scratchpad> into <48x32xf32, scratchpad>
// CODE: attacc.loop 2 {
// CODE: attacc.gemm weight {{.*}} {accumulate, scale = 5.000000e-01 : f32}
// CODE: }
// CODE: attacc.gemm weight {{.*}} {accumulate, scale = 5.000000e-01 : f32} : <48x4xf16, scratchpad>, <4x32xf16, scratchpad> into <48x32xf32, scratchpad>
// CODE: attacc.store {{.*}} : <32x32xf16, scratchpad> to <32x32xf16, dram>
// CODE: attacc.store {{.*}} : <16x32xf16, scratchpad> to <16x32xf16, dram>
// CODE: }
// CODE: attacc.store {{.*}} : <4x32xf16, scratchpad> to <4x32xf16, dram>
// CODE: }
// CODE: attacc.store {{.*}} : <4x16xf16, scratchpad> to <4x16xf16, dram>
// CODE: attacc.barrier

// An N:M weight of a part of tensors: kept values and their places are blocks of their own sizes, the scale is a step by itself, in the place of the sums.
attacc.program @sparse for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<32x100xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<80x48xf16, dram>
  %i = attacc.tensor "i" in : !attacc.region<80x12xi8, dram>
  %y = attacc.tensor "y" scratch : !attacc.region<32x90xf16, dram>
  %in = attacc.tile %x[16, 4] : !attacc.region<32x100xf16, dram> -> !attacc.region<16x96xf16, dram>
  %out = attacc.tile %y[16, 10] : !attacc.region<32x90xf16, dram> -> !attacc.region<16x80xf16, dram>
  tile.product "sparse" %in, %w[%i] into %out
      {blocks = array<i64: 16, 80, 40, 2>, pattern = array<i64: 2, 4>, stationary = #attacc<stationary output>, transpose_rhs}
      : !attacc.region<16x96xf16, dram>, !attacc.region<80x48xf16, dram>[!attacc.region<80x12xi8, dram>]
        into !attacc.region<16x80xf16, dram> {
  ^bb0(%sum: tensor<16x80xf32>):
    %f = tile.fill 0.5 rows : tensor<16xf32>
    %c = tile.scale %sum, %f : tensor<16x80xf32>, tensor<16xf32> -> tensor<16x80xf32>
    %d = tile.unary relu %c : tensor<16x80xf32> -> tensor<16x80xf16>
    tile.yield %d : tensor<16x80xf16>
  }
}
// CHECK-LABEL: attacc.program @sparse
// CHECK: %[[F:.*]] = tile.fill 5.000000e-01 : tensor<12xf32>
// CHECK: tile.for 96 by 40 {
// CHECK: tile.load %{{.*}} : <16x96xf16, dram> -> tensor<16x40xf16>
// CHECK: tile.load %{{.*}} : <80x48xf16, dram> -> tensor<80x20xf16>
// CHECK: tile.load %{{.*}} : <80x12xi8, dram> -> tensor<80x5xi8>
// CHECK: tile.nm_gemm output
// CHECK: tile.for 16 by 12 of
// CHECK: tile.part %[[F]]
// CHECK: tile.scale {{.*}} {tile.in_place}
// CHECK: tile.unary relu
// One block of sums: it is not made again.
// SYNC-LABEL: attacc.program @sparse
// SYNC: tile.nm_gemm {{.*}}tile.slots = array<i64: 1>
// CODE-LABEL: attacc.program @sparse
// CODE: attacc.tile %{{.*}}[16, 4] : <32x100xf16, dram> -> <16x40xf16, dram>
// CODE: attacc.nm_gemm output
// The last strip is of 16 elements: 8 kept ones, from 40 on, and 2 bytes of places, from 10 on.
// CODE: attacc.tile %{{.*}}[0, 40] : <80x48xf16, dram> -> <80x8xf16, dram>
// CODE: attacc.tile %{{.*}}[0, 10] : <80x12xi8, dram> -> <80x2xi8, dram>
// CODE: attacc.nm_gemm output {{.*}} {accumulate
// CODE: attacc.tile %{{.*}}[16, 10] : <32x90xf16, dram> -> <12x80xf16, dram>
