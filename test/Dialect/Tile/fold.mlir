// RUN: nm-opt %s --canonicalize | FileCheck %s

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">

// Slices of slices, copies of copies, relu of relu; what nobody uses goes.
// CHECK-LABEL: attacc.program @fold
attacc.program @fold for #device {
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x8xf16, dram>
  tile.rows "folds" (%x) into (%y) : !attacc.region<100x64xf16, dram> into !attacc.region<100x8xf16, dram> {
  // CHECK: ^bb0(%[[A:.*]]: tensor<100x64xf16>):
  ^bb0(%a: tensor<100x64xf16>):
    // CHECK-NEXT: %[[S:.*]] = tile.slice %[[A]] from 40 : tensor<100x64xf16> -> tensor<100x8xf16>
    %s = tile.slice %a from 32 : tensor<100x64xf16> -> tensor<100x32xf16>
    %t = tile.slice %s from 8 : tensor<100x32xf16> -> tensor<100x8xf16>
    %all = tile.slice %t from 0 : tensor<100x8xf16> -> tensor<100x8xf16>
    // CHECK-NEXT: %[[R:.*]] = tile.unary relu %[[S]]
    %r = tile.unary relu %all : tensor<100x8xf16> -> tensor<100x8xf16>
    %rr = tile.unary relu %r : tensor<100x8xf16> -> tensor<100x8xf16>
    %c = tile.unary copy %rr : tensor<100x8xf16> -> tensor<100x8xf16>
    // A conversion is none.
    // CHECK-NEXT: tile.unary copy %[[R]] : tensor<100x8xf16> -> tensor<100x8xf32>
    %f = tile.unary copy %c : tensor<100x8xf16> -> tensor<100x8xf32>
    %unused = tile.unary exp %f : tensor<100x8xf32> -> tensor<100x8xf32>
    // CHECK-NEXT: tile.unary copy %{{.*}} : tensor<100x8xf32> -> tensor<100x8xf16>
    %b = tile.unary copy %f : tensor<100x8xf32> -> tensor<100x8xf16>
    // CHECK-NEXT: tile.yield
    tile.yield %b : tensor<100x8xf16>
  }
}
