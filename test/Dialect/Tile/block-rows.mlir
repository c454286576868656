// RUN: nm-opt %s --split-input-file --pass-pipeline='builtin.module(attacc.program(tile-block-rows))' | FileCheck %s
// RUN: nm-opt %s --split-input-file --pass-pipeline='builtin.module(attacc.program(tile-block-rows))' --remarks-filter=tile-block-rows -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nm-opt %s --split-input-file --pass-pipeline='builtin.module(attacc.program(tile-block-rows{device=tpu-v5e}))' | FileCheck %s --check-prefix=TPU
// RUN: not nm-opt %s --split-input-file --pass-pipeline='builtin.module(attacc.program(tile-block-rows{device=moon}))' 2>&1 | FileCheck %s --check-prefix=MOON
// RUN: not nm-opt %s --split-input-file --pass-pipeline='builtin.module(attacc.program(tile-block-rows{device=generic-host}))' 2>&1 | FileCheck %s --check-prefix=HOST
// MOON: error: tile-block-rows: {{.*}}moon
// HOST: error: tile-block-rows: 'generic-host' is no accelerator, expected one

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">

// Vectors and what depends on them alone come once, what is read twice too.
// CHECK-LABEL: attacc.program @once
// TPU-LABEL: attacc.program @once
// REMARK: [Passed] Blocked | Category:tile-block-rows | Fit=100, HideLatency=16, Reason="the latency is hidden", Rows=16
attacc.program @once for #device {
  // CHECK: %[[X:.*]] = attacc.tensor "x"
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x64xf16, dram>
  // CHECK: tile.kernel "a gate" {
  // CHECK-NEXT: %[[V:.*]] = tile.load %{{.*}} : <64xf16, dram> -> tensor<64xf16>
  // CHECK-NEXT: %[[E:.*]] = tile.unary exp %[[V]]
  // CHECK-NEXT: tile.for 100 by 16 {
  // CHECK-NEXT: ^bb0(%[[I:.*]]: index):
  // CHECK-NEXT: %[[A:.*]] = tile.load %[[X]] rows %[[I]] : <100x64xf16, dram> -> tensor<16x64xf16>
  // CHECK-NEXT: %[[M:.*]] = tile.elementwise mul %[[A]], %[[A]]
  // CHECK-NEXT: %[[R:.*]] = tile.elementwise mul %[[M]], %[[E]] : tensor<16x64xf16>, tensor<64xf16> -> tensor<16x64xf16>
  // CHECK-NEXT: tile.store %[[R]] into %{{.*}} rows %[[I]]
  // More bytes hide the latency.
  // TPU: tile.for 100 by 100 {
  tile.rows "a gate" (%x, %x, %v) into (%y)
      : !attacc.region<100x64xf16, dram>, !attacc.region<100x64xf16, dram>, !attacc.region<64xf16, dram>
        into !attacc.region<100x64xf16, dram> {
  ^bb0(%a: tensor<100x64xf16>, %b: tensor<100x64xf16>, %g: tensor<64xf16>):
    %e = tile.unary exp %g : tensor<64xf16> -> tensor<64xf16>
    %m = tile.elementwise mul %a, %b : tensor<100x64xf16>, tensor<100x64xf16> -> tensor<100x64xf16>
    %r = tile.elementwise mul %m, %e : tensor<100x64xf16>, tensor<64xf16> -> tensor<100x64xf16>
    tile.yield %r : tensor<100x64xf16>
  }
}

// -----

// Rows that fit once and a half: fewer slots, one row.
// CHECK-LABEL: attacc.program @wide
// CHECK: tile.for 9 by 1 {
// REMARK: Reason="no more rows fit", {{.*}}Rows=1
attacc.program @wide for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<9x50000xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<9x50000xf16, dram>
  tile.rows "a function" (%x) into (%y) : !attacc.region<9x50000xf16, dram> into !attacc.region<9x50000xf16, dram> {
  ^bb0(%a: tensor<9x50000xf16>):
    %e = tile.unary exp %a : tensor<9x50000xf16> -> tensor<9x50000xf16>
    tile.yield %e : tensor<9x50000xf16>
  }
}

// -----

// Reductions: vectors of a block, as columns.
// CHECK-LABEL: attacc.program @reduce
// REMARK: Reason="there are no more rows", {{.*}}Rows=3
attacc.program @reduce for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<3x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<3x1xf16, dram>
  // CHECK: %[[M:.*]] = tile.row_max %{{.*}} : tensor<3x64xf16> -> tensor<3xf16>
  // CHECK: %[[C:.*]] = tile.column %[[M]] : tensor<3xf16> -> tensor<3x1xf16>
  // CHECK: tile.store %[[C]] into %{{.*}} rows %{{.*}} : tensor<3x1xf16> into <3x1xf16, dram>
  tile.rows "a row maximum" (%x) into (%y) : !attacc.region<3x64xf16, dram> into !attacc.region<3x1xf16, dram> {
  ^bb0(%a: tensor<3x64xf16>):
    %m = tile.row_max %a : tensor<3x64xf16> -> tensor<3xf16>
    %c = tile.column %m : tensor<3xf16> -> tensor<3x1xf16>
    tile.yield %c : tensor<3x1xf16>
  }
}
