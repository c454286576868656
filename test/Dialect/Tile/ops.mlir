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

// CHECK-LABEL: attacc.program @products
attacc.program @products for #device {
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  %w = attacc.tensor "w" in : !attacc.region<64x80xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<80x32xf16, dram>
  %i = attacc.tensor "i" in : !attacc.region<80x8xi8, dram>
  %b = attacc.tensor "b" in : !attacc.region<80xf16, dram>
  %r = attacc.tensor "r" in : !attacc.region<100x80xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x80xf16, dram>
  // CHECK: tile.product "dense" %{{.*}}, %{{.*}} with(%{{.*}}, %{{.*}}) into %{{.*}} {blocks = array<i64: 32, 40, 0, 4>, scale = 5.000000e-01 : f32, stationary = #attacc<stationary weight>} : <100x64xf16, dram>, <64x80xf16, dram> with !attacc.region<80xf16, dram>, !attacc.region<100x80xf16, dram> into <100x80xf16, dram>
  tile.product "dense" %x, %w with (%b, %r) into %y
      {blocks = array<i64: 32, 40, 0, 4>, scale = 0.5 : f32, stationary = #attacc<stationary weight>}
      : !attacc.region<100x64xf16, dram>, !attacc.region<64x80xf16, dram>
        with !attacc.region<80xf16, dram>, !attacc.region<100x80xf16, dram> into !attacc.region<100x80xf16, dram> {
  ^bb0(%sum: tensor<100x80xf32>, %bias: tensor<80xf16>, %residual: tensor<100x80xf16>):
    %c = tile.elementwise add %sum, %bias : tensor<100x80xf32>, tensor<80xf16> -> tensor<100x80xf32>
    %d = tile.elementwise add %c, %residual : tensor<100x80xf32>, tensor<100x80xf16> -> tensor<100x80xf16>
    tile.yield %d : tensor<100x80xf16>
  }
  // CHECK: tile.product "sparse" %{{.*}}, %{{.*}}[%{{.*}}] into %{{.*}} {pattern = array<i64: 2, 4>, transpose_rhs} : <100x64xf16, dram>, <80x32xf16, dram>[!attacc.region<80x8xi8, dram>] into <100x80xf16, dram>
  tile.product "sparse" %x, %v[%i] into %y {pattern = array<i64: 2, 4>, transpose_rhs}
      : !attacc.region<100x64xf16, dram>, !attacc.region<80x32xf16, dram>[!attacc.region<80x8xi8, dram>]
        into !attacc.region<100x80xf16, dram> {
  ^bb0(%sum: tensor<100x80xf32>):
    // The scale of an N:M product is a step by itself.
    // CHECK: %[[F:.*]] = tile.fill 5.000000e-01 rows : tensor<100xf32>
    %f = tile.fill 0.5 rows : tensor<100xf32>
    %c = tile.scale %sum, %f : tensor<100x80xf32>, tensor<100xf32> -> tensor<100x80xf16>
    tile.yield %c : tensor<100x80xf16>
  }
}

// CHECK-LABEL: attacc.program @sums
attacc.program @sums for #device {
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  %v = attacc.tensor "v" in : !attacc.region<80x32xf16, dram>
  %i = attacc.tensor "i" in : !attacc.region<80x8xi8, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x80xf16, dram>
  %h = attacc.tile %v[40, 0] : !attacc.region<80x32xf16, dram> -> !attacc.region<40x32xf16, dram>
  %j = attacc.tile %i[40, 0] : !attacc.region<80x8xi8, dram> -> !attacc.region<40x8xi8, dram>
  %right = attacc.tile %y[0, 40] : !attacc.region<100x80xf16, dram> -> !attacc.region<100x40xf16, dram>
  %s = attacc.semaphore 0
  %f = attacc.semaphore 2
  // CHECK: tile.kernel "a product" rings 4 {
  tile.kernel "a product" rings 4 {
    // CHECK: %[[ONE:.*]] = tile.fill 1.000000e+00 : tensor<16xf32>
    %one = tile.fill 1.0 : tensor<16xf32>
    // CHECK: tile.for 40 by 20 {
    // CHECK-NEXT: ^bb0(%[[O:.*]]: index):
    tile.for 40 by 20 {
    ^bb0(%o: index):
      // CHECK: tile.for 100 by 48 {
      // CHECK-NEXT: ^bb0(%[[T:.*]]: index):
      tile.for 100 by 48 {
      ^bb0(%t: index):
        // CHECK: %[[SUM:.*]] = tile.for 64 by 16 wait(%{{.*}}) signal(%{{.*}}) {
        // CHECK-NEXT: ^bb0(%[[K:.*]]: index, %[[ACC:.*]]: tensor<48x20xf32>):
        %sum = tile.for 64 by 16 wait (%f) signal (%s) {
        ^bb0(%k: index, %acc: tensor<48x20xf32>):
          // CHECK: tile.load %{{.*}} rows %[[T]] columns %[[K]] : <100x64xf16, dram> -> tensor<48x16xf16>
          %a = tile.load %x rows %t columns %k : !attacc.region<100x64xf16, dram> -> tensor<48x16xf16>
          // What packs the dimension has as many blocks of its own size.
          // CHECK: tile.load %{{.*}} rows %[[O]] columns %[[K]] : <40x32xf16, dram> -> tensor<20x8xf16>
          %left = tile.load %h rows %o columns %k : !attacc.region<40x32xf16, dram> -> tensor<20x8xf16>
          %places = tile.load %j rows %o columns %k : !attacc.region<40x8xi8, dram> -> tensor<20x2xi8>
          // CHECK: tile.nm_gemm output %{{.*}}, %{{.*}}[%{{.*}}] plus %[[ACC]] pattern 2 by 4 : tensor<48x16xf16>, tensor<20x8xf16>, tensor<20x2xi8> plus tensor<48x20xf32> -> tensor<48x20xf32>
          %g = tile.nm_gemm output %a, %left[%places] plus %acc pattern 2 by 4 : tensor<48x16xf16>, tensor<20x8xf16>, tensor<20x2xi8> plus tensor<48x20xf32> -> tensor<48x20xf32>
          // CHECK: tile.yield %{{.*}} : tensor<48x20xf32>
          tile.yield %g : tensor<48x20xf32>
        // CHECK: } -> tensor<48x20xf32>
        } -> tensor<48x20xf32>
        // CHECK: tile.for 48 by 16 of %[[T]] {
        tile.for 48 by 16 of %t {
        ^bb0(%c: index):
          // CHECK: %[[PART:.*]] = tile.part %[[SUM]] rows %{{.*}} : tensor<48x20xf32> -> tensor<16x20xf32>
          %part = tile.part %sum rows %c : tensor<48x20xf32> -> tensor<16x20xf32>
          // CHECK: tile.part %[[ONE]] rows %{{.*}} : tensor<16xf32> -> tensor<16xf32>
          %factor = tile.part %one rows %c : tensor<16xf32> -> tensor<16xf32>
          // CHECK: tile.scale %[[PART]], %{{.*}} {tile.in_place} : tensor<16x20xf32>, tensor<16xf32> -> tensor<16x20xf32>
          %scaled = tile.scale %part, %factor {tile.in_place} : tensor<16x20xf32>, tensor<16xf32> -> tensor<16x20xf32>
          %out = tile.unary copy %scaled : tensor<16x20xf32> -> tensor<16x20xf16>
          // CHECK: tile.store %{{.*}} into %{{.*}} rows %{{.*}} columns %[[O]] : tensor<16x20xf16> into <100x40xf16, dram>
          tile.store %out into %right rows %c columns %o : tensor<16x20xf16> into !attacc.region<100x40xf16, dram>
        }
      }
    }
  }
}
