// Every operation prints what it reads.
// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt | FileCheck %s

#device = #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4">

// CHECK-LABEL: attacc.program @rows
attacc.program @rows for #device {
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x64xf16, dram>
  %z = attacc.tensor "z" out : !attacc.region<100x1xf16, dram>
  // CHECK: tile.rows "all"(%{{.*}}, %{{.*}}) into(%{{.*}}, %{{.*}})
  tile.rows "all" (%x, %v) into (%y, %z)
      : !attacc.region<100x64xf16, dram>, !attacc.region<64xf16, dram>
        into !attacc.region<100x64xf16, dram>, !attacc.region<100x1xf16, dram> {
  ^bb0(%a: tensor<100x64xf16>, %b: tensor<64xf16>):
    // CHECK: %[[E:.*]] = tile.unary exp %{{.*}} : tensor<100x64xf16> -> tensor<100x64xf32>
    %e = tile.unary exp %a : tensor<100x64xf16> -> tensor<100x64xf32>
    // CHECK: tile.elementwise mul %[[E]], %{{.*}} : tensor<100x64xf32>, tensor<64xf16> -> tensor<100x64xf32>
    %m = tile.elementwise mul %e, %b : tensor<100x64xf32>, tensor<64xf16> -> tensor<100x64xf32>
    // CHECK: %[[MAX:.*]] = tile.row_max %{{.*}} : tensor<100x64xf32> -> tensor<100xf32>
    %most = tile.row_max %m : tensor<100x64xf32> -> tensor<100xf32>
    // CHECK: %[[EXP:.*]], %[[SUM:.*]] = tile.exp_sum %{{.*}}, %[[MAX]] : tensor<100x64xf32>, tensor<100xf32> -> tensor<100x64xf32>, tensor<100xf32>
    %p, %sum = tile.exp_sum %m, %most : tensor<100x64xf32>, tensor<100xf32> -> tensor<100x64xf32>, tensor<100xf32>
    // CHECK: tile.scale %[[EXP]], %[[SUM]] reciprocal : tensor<100x64xf32>, tensor<100xf32> -> tensor<100x64xf32>
    %q = tile.scale %p, %sum reciprocal : tensor<100x64xf32>, tensor<100xf32> -> tensor<100x64xf32>
    // CHECK: tile.softmax %{{.*}} scale 5.000000e-01 : tensor<100x64xf32> -> tensor<100x64xf16>
    %s = tile.softmax %q scale 0.5 : tensor<100x64xf32> -> tensor<100x64xf16>
    // CHECK: tile.layernorm %{{.*}}, %{{.*}}, %{{.*}} epsilon 1.000000e-03 : tensor<100x64xf16>, tensor<64xf16>, tensor<64xf16> -> tensor<100x64xf16>
    %n = tile.layernorm %s, %b, %b epsilon 1.0e-3 : tensor<100x64xf16>, tensor<64xf16>, tensor<64xf16> -> tensor<100x64xf16>
    // CHECK: tile.fill 1.000000e+00 : tensor<64x1xf16>
    %ones = tile.fill 1.0 : tensor<64x1xf16>
    // CHECK: %[[ACC:.*]] = tile.fill 2.000000e+00 rows : tensor<100x1xf32>
    %acc = tile.fill 2.0 rows : tensor<100x1xf32>
    // CHECK: tile.gemm output %{{.*}}, %{{.*}} plus %[[ACC]] {scale = -1.000000e+00 : f32} : tensor<100x64xf16>, tensor<64x1xf16> plus tensor<100x1xf32> -> tensor<100x1xf32>
    %g = tile.gemm output %n, %ones plus %acc {scale = -1.0 : f32} : tensor<100x64xf16>, tensor<64x1xf16> plus tensor<100x1xf32> -> tensor<100x1xf32>
    // CHECK: tile.unary copy %{{.*}} : tensor<100x1xf32> -> tensor<100x1xf16>
    %h = tile.unary copy %g : tensor<100x1xf32> -> tensor<100x1xf16>
    // CHECK: tile.column %[[MAX]] : tensor<100xf32> -> tensor<100x1xf32>
    %column = tile.column %most : tensor<100xf32> -> tensor<100x1xf32>
    // CHECK: tile.vector %{{.*}} : tensor<100x1xf32> -> tensor<100xf32>
    %vector = tile.vector %g : tensor<100x1xf32> -> tensor<100xf32>
    // CHECK: tile.slice %{{.*}} from 32 : tensor<100x64xf16> -> tensor<100x8xf16>
    %slice = tile.slice %n from 32 : tensor<100x64xf16> -> tensor<100x8xf16>
    tile.yield %n, %h : tensor<100x64xf16>, tensor<100x1xf16>
  }
}

// CHECK-LABEL: attacc.program @kernel
attacc.program @kernel for #device {
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x64xf16, dram>
  %s = attacc.semaphore 0
  %f = attacc.semaphore 2
  // CHECK: tile.kernel "a sum" {
  tile.kernel "a sum" {
    // CHECK: %[[V:.*]] = tile.load %{{.*}} signal(%{{.*}}) : <64xf16, dram> -> tensor<64xf16>
    %b = tile.load %v signal(%s) : !attacc.region<64xf16, dram> -> tensor<64xf16>
    // CHECK: tile.sync special wait(%{{.*}})
    tile.sync special wait(%s)
    // CHECK: tile.for 100 by 8 {
    tile.for 100 by 8 {
    ^bb0(%i: index):
      // CHECK: tile.load %{{.*}} rows %{{.*}} wait(%{{.*}}) {tile.channel = 1 : i64, tile.slots = array<i64: 2>} : <100x64xf16, dram> -> tensor<8x64xf16>
      %a = tile.load %x rows %i wait(%f) {tile.channel = 1 : i64, tile.slots = array<i64: 2>} : !attacc.region<100x64xf16, dram> -> tensor<8x64xf16>
      // CHECK: tile.elementwise add %{{.*}}, %[[V]] signal(%{{.*}}) {tile.addresses = array<i64: 64>}
      %c = tile.elementwise add %a, %b signal(%f) {tile.addresses = array<i64: 64>} : tensor<8x64xf16>, tensor<64xf16> -> tensor<8x64xf16>
      // CHECK: tile.store %{{.*}} into %{{.*}} rows %{{.*}} : tensor<8x64xf16> into <100x64xf16, dram>
      tile.store %c into %y rows %i : tensor<8x64xf16> into !attacc.region<100x64xf16, dram>
    }
  }
}
