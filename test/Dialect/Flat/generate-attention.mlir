// RUN: nm-opt %s -split-input-file --nm-attach-target=target=x86-64-avx2 --flat-generate-attention --canonicalize --cse | FileCheck %s
// RUN: nm-opt %s -split-input-file --nm-attach-target=target=x86-64-avx2 --flat-generate-attention --remarks-filter=flat-generate-attention 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=REMARK
// RUN: nm-opt %s -split-input-file --nm-attach-target=target=x86-64-avx2 --flat-generate-attention=parallel=false | FileCheck %s --check-prefix=SERIAL

// All keys of 48 rows: the logits fit the L2 cache. K and V are packed once,
// and every buffer of a block is a row block's.
// REMARK: blocks of 48 rows by all keys{{.*}}kernel=rows
// CHECK-LABEL: func @rows(
// CHECK-NOT: flat.attention
// CHECK: memref.alloc() {{.*}} : memref<65536xf32>
// CHECK: memref.alloc() {{.*}} : memref<65536xf32>
// CHECK: scf.parallel
// CHECK: kernel.pack {{.*}} {fill} : memref<64x16xf32, strided<[1, 64], offset: ?>> into memref<64x16xf32, strided<[16, 1], offset: ?>>
// CHECK: kernel.pack {{.*}} {fill} : memref<?x16xf32, strided<[64, 1], offset: ?>> into memref<?x16xf32, strided<[16, 1], offset: ?>>
// CHECK: scf.parallel
// CHECK-COUNT-7: memref.alloc() {{.*}} : memref<{{([0-9]{2,5})}}xf32>
// CHECK-NOT: memref.alloc
// CHECK: kernel.pack {{.*}} : memref<?x64xf32, strided<[64, 1], offset: ?>> into memref<?x64xf32, strided<[64, 1]>>
// CHECK: kernel.tile_product {{.*}} {unroll = 4 : i64} : memref<6x64xf32, {{.*}}>, memref<64x16xf32, {{.*}}> into vector<6x2x8xf32>
// The weights lie as the logits were written, eight keys of a row side by side.
// CHECK: kernel.tile_product {{.*}} : memref<?x6x8xf32, {{.*}}>, memref<?x16xf32, {{.*}}> into vector<6x2x8xf32>
// CHECK-COUNT-9: memref.dealloc
// CHECK-NOT: memref.dealloc
// CHECK: return
// SERIAL-LABEL: func @rows(
// SERIAL-NOT: scf.parallel
func.func @rows(%q: memref<1x1x1024x64xf32>, %k: memref<1x1x1024x64xf32>, %v: memref<1x1x1024x64xf32>,
                %o: memref<1x1x1024x64xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x1x1024x64xf32>, memref<1x1x1024x64xf32>, memref<1x1x1024x64xf32>)
      outs(%o : memref<1x1x1024x64xf32>)
  return
}

// -----

// No quadratic buffer: 65536 x 65536 logits, and no buffer but the packed keys
// and values has more than five digits.
// REMARK: blocks of 96 rows by 256 keys{{.*}}kernel=key-tiles
// CHECK-LABEL: func @no_quadratic_buffer(
// CHECK: memref.alloc() {{.*}} : memref<4194304xf32>
// CHECK: memref.alloc() {{.*}} : memref<4194304xf32>
// CHECK-COUNT-8: memref.alloc() {{.*}} : memref<{{([0-9]{2,5})}}xf32>
// CHECK-NOT: memref.alloc
// CHECK: return
func.func @no_quadratic_buffer(%q: memref<1x1x65536x64xf32>, %k: memref<1x1x65536x64xf32>,
                               %v: memref<1x1x65536x64xf32>, %o: memref<1x1x65536x64xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x1x65536x64xf32>, memref<1x1x65536x64xf32>, memref<1x1x65536x64xf32>)
      outs(%o : memref<1x1x65536x64xf32>)
  return
}

// -----

// What the dataflow says, rounded up to whole register tiles.
// REMARK: blocks of 24 rows by 128 keys: as its dataflow says{{.*}}kernel=key-tiles
// CHECK-LABEL: func @dataflow(
// CHECK-COUNT-2: memref.alloc() {{.*}} : memref<131072xf32>
// CHECK: memref.alloc() {{.*}} : memref<1536xf32>
// CHECK: memref.alloc() {{.*}} : memref<3072xf32>
func.func @dataflow(%q: memref<1x1x2048x64xf32>, %k: memref<1x1x2048x64xf32>, %v: memref<1x1x2048x64xf32>,
                    %o: memref<1x1x2048x64xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x1x2048x64xf32>, memref<1x1x2048x64xf32>, memref<1x1x2048x64xf32>)
      outs(%o : memref<1x1x2048x64xf32>) dataflow #flat.dataflow<row, rows = 20, key_tile = 120, staged = [logits]>
  return
}

// -----

// A dataflow that asks for everything at once does not get it.
// CHECK-LABEL: func @limits(
// CHECK-COUNT-2: memref.alloc() {{.*}} : memref<4194304xf32>
// CHECK-NOT: memref.alloc() {{.*}} : memref<{{([0-9]{9,})}}xf32>
// CHECK: return
func.func @limits(%q: memref<1x1x65536x64xf32>, %k: memref<1x1x65536x64xf32>, %v: memref<1x1x65536x64xf32>,
                  %o: memref<1x1x65536x64xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x1x65536x64xf32>, memref<1x1x65536x64xf32>, memref<1x1x65536x64xf32>)
      outs(%o : memref<1x1x65536x64xf32>) dataflow #flat.dataflow<row, rows = 65536>
  return
}

// -----

// One query: eight heads on two key heads, nothing packed, linear buffers.
// REMARK: 4 rows share each key{{.*}}kernel=decoding
// CHECK-LABEL: func @decode(
// CHECK-NOT: memref.alloc() {{.*}} : memref<{{([0-9]{6,})}}xf32>
// CHECK: vector.load %arg1
// CHECK: vector.load %arg2
// CHECK: return
func.func @decode(%q: memref<1x8x1x64xbf16>, %k: memref<1x2x4096x64xbf16>, %v: memref<1x2x4096x64xbf16>,
                  %o: memref<1x8x1x64xbf16>) {
  flat.attention ins(%q, %k, %v : memref<1x8x1x64xbf16>, memref<1x2x4096x64xbf16>, memref<1x2x4096x64xbf16>)
      outs(%o : memref<1x8x1x64xbf16>)
  return
}

// -----

// Causal: keys that no row of a block sees end its loops; only tiles on the
// diagonal compare positions.
// CHECK-LABEL: func @causal(
// CHECK: scf.parallel
// CHECK: scf.parallel (%[[BLOCK:.*]]) =
// CHECK: arith.minsi
// CHECK: scf.if
// CHECK: kernel.tile_product {{.*}} {unroll = 4 : i64}
// CHECK: scf.if
// CHECK: } else {
// CHECK: arith.cmpi {{slt|sgt}}, {{.*}} : vector<8xi32>
// CHECK: return
func.func @causal(%q: memref<1x1x512x64xf32>, %k: memref<1x1x512x64xf32>, %v: memref<1x1x512x64xf32>,
                  %o: memref<1x1x512x64xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x1x512x64xf32>, memref<1x1x512x64xf32>, memref<1x1x512x64xf32>)
      outs(%o : memref<1x1x512x64xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %inf = arith.constant 0xFF800000 : f32
    %seen = arith.cmpi sle, %j, %i : index
    %r = arith.select %seen, %s, %inf : f32
    flat.yield %r : f32
  }
  return
}

// -----

// Lengths of sequences: keys behind a sequence's last are not visited, whether a
// comparison names the length or the position of a query that stands at its end.
// REMARK: keys and values are streamed{{.*}}kernel=decoding
// CHECK-LABEL: func @lengths(
// CHECK: scf.for %[[B:.+]] = %{{.+}} to %c2
// CHECK: %[[L:.+]] = memref.load %arg3[%[[B]]]
// CHECK: %[[I:.+]] = arith.index_cast %[[L]]
// CHECK: arith.minsi %[[I]], %c1099511627776
// CHECK: arith.subi %[[I]], %c1
// CHECK: %[[END:.+]] = arith.minsi %{{[0-9]+}}, %{{[0-9]+}} : index
// CHECK: %[[LIVE:.+]] = arith.maxsi %[[END]], %c0
// CHECK: arith.minsi %[[LIVE]], %c64
// CHECK-NOT: arith.cmpi sle
// CHECK: return
func.func @lengths(%q: memref<2x4x1x8xf32>, %k: memref<2x4x64x8xf32>, %v: memref<2x4x64x8xf32>, %n: memref<2xi64>, %o: memref<2x4x1x8xf32>) {
  flat.attention ins(%q, %k, %v : memref<2x4x1x8xf32>, memref<2x4x64x8xf32>, memref<2x4x64x8xf32>)
      outs(%o : memref<2x4x1x8xf32>) score operands(%n : memref<2xi64>) maps [affine_map<(b, h, i, j) -> (b)>] {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %len: i64):
    %c1 = arith.constant 1 : index
    %ninf = arith.constant 0xFF800000 : f32
    %l = arith.index_cast %len : i64 to index
    %in = arith.cmpi slt, %j, %l : index
    %before = arith.subi %l, %c1 : index
    %at = arith.addi %i, %before : index
    %causal = arith.cmpi sle, %j, %at : index
    %both = arith.andi %in, %causal : i1
    %r = arith.select %both, %s, %ninf : f32
    flat.yield %r : f32
  }
  return
}

// -----

// Key heads keep all threads busy: each is packed and read by one of them, in
// one loop.
// CHECK-LABEL: func @heads(
// CHECK-NOT: memref.alloc
// CHECK: scf.parallel {{.*}} to (%c2, %c6)
// CHECK-COUNT-2: memref.alloc() {{.*}} : memref<8192xf32>
// CHECK-NOT: scf.parallel
// CHECK: return
// SERIAL-LABEL: func @heads(
// SERIAL-NOT: scf.parallel
func.func @heads(%q: memref<2x12x128x64xf32>, %k: memref<2x6x128x64xf32>, %v: memref<2x6x128x64xf32>, %o: memref<2x12x128x64xf32>) {
  flat.attention ins(%q, %k, %v : memref<2x12x128x64xf32>, memref<2x6x128x64xf32>, memref<2x6x128x64xf32>)
      outs(%o : memref<2x12x128x64xf32>)
  return
}

// -----

// Three heads on two threads would leave one without work a quarter of the
// time: blocks of rows are shared, of one head after the other.
// CHECK-LABEL: func @odd_heads(
// CHECK-COUNT-2: memref.alloc() {{.*}} : memref<65536xf32>
// CHECK: scf.for
// CHECK: scf.parallel
// CHECK: scf.parallel
// CHECK: return
func.func @odd_heads(%q: memref<1x3x1024x64xf32>, %k: memref<1x3x1024x64xf32>, %v: memref<1x3x1024x64xf32>, %o: memref<1x3x1024x64xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x3x1024x64xf32>, memref<1x3x1024x64xf32>, memref<1x3x1024x64xf32>)
      outs(%o : memref<1x3x1024x64xf32>)
  return
}

// -----

// Keys and values of eight bits are packed with the scales behind their rows: of keys those of the panel's columns, of values those of its rows.
// CHECK-LABEL: func @quantised(
// CHECK: kernel.pack {{.*}} scaled by {{.*}} {axis = 1 : i64, fill} : memref<64x16xi8, strided<[1, 68], offset: ?>> scaled by memref<16x4xi8, strided<[68, 1], offset: ?>> into memref<64x16xf32, {{.*}}>
// CHECK: kernel.pack {{.*}} scaled by {{.*}} {fill} : memref<?x16xi8, strided<[68, 1], offset: ?>> scaled by memref<?x4xi8, strided<[68, 1], offset: ?>> into memref<?x16xf32, {{.*}}>
func.func @quantised(%q: memref<1x2x128x64xf32>, %k: memref<1x2x128x68xi8>, %v: memref<1x2x128x68xi8>, %o: memref<1x2x128x64xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x2x128x64xf32>, memref<1x2x128x68xi8>, memref<1x2x128x68xi8>)
      outs(%o : memref<1x2x128x64xf32>)
  return
}
