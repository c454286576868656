// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-fuse-rows))' | FileCheck %s
// RUN: nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-fuse-rows))' --remarks-filter=tile-fuse-rows -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">

// What only the next one reads stays on chip; what others read, too, or what is a result, does not.
// CHECK-LABEL: attacc.program @chain
// REMARK: [Passed] Fused | Category:tile-fuse-rows | BytesSaved=25600
attacc.program @chain for #device {
  // CHECK-NOT: "t"
  // CHECK: %[[X:.*]] = attacc.tensor "x"
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  // CHECK-NEXT: %[[V:.*]] = attacc.tensor "v"
  %v = attacc.tensor "v" in : !attacc.region<64xf16, dram>
  // CHECK-NEXT: %[[U:.*]] = attacc.tensor "u"
  %t = attacc.tensor "t" scratch : !attacc.region<100x64xf16, dram>
  %u = attacc.tensor "u" scratch : !attacc.region<100x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x64xf16, dram>
  // CHECK: tile.rows "a chain of operators on rows"(%[[X]], %[[V]]) into(%[[U]])
  // CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<100x64xf16>, %[[B:.*]]: tensor<64xf16>):
  // CHECK-NEXT: %[[E:.*]] = tile.unary exp %[[A]]
  // CHECK-NEXT: %[[M:.*]] = tile.elementwise mul %[[E]], %[[B]]
  // CHECK-NEXT: tile.yield %[[M]]
  // CHECK: tile.rows "c"(%[[U]], %[[U]])
  // CHECK: tile.rows "d"(%[[U]])
  tile.rows "a" (%x) into (%t) : !attacc.region<100x64xf16, dram> into !attacc.region<100x64xf16, dram> {
  ^bb0(%a: tensor<100x64xf16>):
    %e = tile.unary exp %a : tensor<100x64xf16> -> tensor<100x64xf16>
    tile.yield %e : tensor<100x64xf16>
  }
  tile.rows "b" (%t, %v) into (%u) : !attacc.region<100x64xf16, dram>, !attacc.region<64xf16, dram> into !attacc.region<100x64xf16, dram> {
  ^bb0(%a: tensor<100x64xf16>, %b: tensor<64xf16>):
    %m = tile.elementwise mul %a, %b : tensor<100x64xf16>, tensor<64xf16> -> tensor<100x64xf16>
    tile.yield %m : tensor<100x64xf16>
  }
  tile.rows "c" (%u, %u) into (%y) : !attacc.region<100x64xf16, dram>, !attacc.region<100x64xf16, dram> into !attacc.region<100x64xf16, dram> {
  ^bb0(%a: tensor<100x64xf16>, %b: tensor<100x64xf16>):
    %m = tile.elementwise add %a, %b : tensor<100x64xf16>, tensor<100x64xf16> -> tensor<100x64xf16>
    tile.yield %m : tensor<100x64xf16>
  }
  tile.rows "d" (%u) into (%y) : !attacc.region<100x64xf16, dram> into !attacc.region<100x64xf16, dram> {
  ^bb0(%a: tensor<100x64xf16>):
    %m = tile.unary exp %a : tensor<100x64xf16> -> tensor<100x64xf16>
    tile.yield %m : tensor<100x64xf16>
  }
}

// Rows of which seven fit.
// CHECK-LABEL: attacc.program @wide
// CHECK: tile.rows "a"
// CHECK: tile.rows "b"
// REMARK: [Missed] NotFused | Category:tile-fuse-rows | Reason="a row of both does not fit in eight slots"
attacc.program @wide for #device {
  %x = attacc.tensor "x" in : !attacc.region<9x17000xf16, dram>
  %t = attacc.tensor "t" scratch : !attacc.region<9x17000xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<9x17000xf16, dram>
  tile.rows "a" (%x) into (%t) : !attacc.region<9x17000xf16, dram> into !attacc.region<9x17000xf16, dram> {
  ^bb0(%a: tensor<9x17000xf16>):
    %e = tile.unary exp %a : tensor<9x17000xf16> -> tensor<9x17000xf16>
    tile.yield %e : tensor<9x17000xf16>
  }
  tile.rows "b" (%t) into (%y) : !attacc.region<9x17000xf16, dram> into !attacc.region<9x17000xf16, dram> {
  ^bb0(%a: tensor<9x17000xf16>):
    %e = tile.unary relu %a : tensor<9x17000xf16> -> tensor<9x17000xf16>
    tile.yield %e : tensor<9x17000xf16>
  }
}
