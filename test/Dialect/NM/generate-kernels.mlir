// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-generate-kernels --canonicalize | FileCheck %s
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-generate-kernels=parallel=false --canonicalize | FileCheck %s --check-prefix=SEQUENTIAL

// Packing, then tasks of a row block by a panel, around a product of three rows and four
// vectors whose slots lie four by four.
// CHECK-LABEL: func @panel
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<98304xf32>
// CHECK: scf.parallel
// CHECK: kernel.pack {{.*}} : memref<192x32xf32, strided<[1, 768], offset: ?>> into memref<192x32xf32, strided<[32, 1], offset: ?>>
// CHECK: scf.parallel
// CHECK: kernel.tile_product {{.*}} : memref<24x3x4xf32, {{.*}}>, memref<6144xf32, {{.*}}>[memref<24x3x4xi16, {{.*}}>] into vector<3x4x8xf32>
// CHECK-NOT: vector.fma
// The epilogue runs on vectors.
// CHECK: arith.maximumf {{.*}} : vector<8xf32>
// CHECK: memref.dealloc
// SEQUENTIAL-LABEL: func @panel
// SEQUENTIAL-NOT: scf.parallel
func.func @panel(%v: memref<294912xf32>, %m: memref<294912xi16>, %x: memref<128x768xf32>, %b: memref<768xf32>,
                 %y: memref<128x768xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<294912xf32>, memref<294912xi16>)
      of tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 192>
      ins(%x : memref<128x768xf32>) epilogue(%b : memref<768xf32>) maps [affine_map<(i, j) -> (j)>]
      outs(%y : memref<128x768xf32>) {
  ^bb0(%acc: f32, %e: f32):
    %0 = arith.addf %acc, %e : f32
    %z = arith.constant 0.0 : f32
    %1 = arith.maximumf %0, %z : f32
    nm.yield %1 : f32
  }
  return
}

// -----

// A number of columns that is not known has a variant for each number of vectors.
// CHECK-LABEL: func @dynamic
// CHECK: kernel.pack {{.*}} : memref<48x?xf32, strided<[1, 48], offset: ?>> into memref<48x32xf32, strided<[32, 1], offset: ?>>
// CHECK: scf.index_switch
// CHECK: case 1
// CHECK: case 2
// CHECK: case 3
// CHECK: default
func.func @dynamic(%v: memref<2304xf32>, %m: memref<2304xi16>, %x: memref<?x48xf32>, %y: memref<?x96xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<2304xf32>, memref<2304xi16>)
      of tensor<96x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : memref<?x48xf32>) outs(%y : memref<?x96xf32>)
  return
}

// -----

// Few columns: four row groups are in flight, each a stream of 8 steps. Segments of four for M = 4, of a group for M = 8. The lanes of
// a sum are added by rows.
// CHECK-LABEL: func @lane4
// CHECK: kernel.pack {{.*}} : memref<64x1xf32, strided<[1, 64]>> into memref<64x1xf32, strided<[1, 64]>>
// CHECK: scf.for
// CHECK: kernel.lane_product {{.*}} {segment = 4 : i64, {{.*}}slots = 2 : i64, unroll = 16 : i64} : memref<4x8x8xf32, strided<[?, 8, 1], offset: ?>>[memref<4x1x8xi32, strided<[?, 8, 1], offset: ?>>] by memref<1x64xf32, {{.*}}> into vector<4x1x8xf32>
// CHECK-NOT: vector.fma
// CHECK: arith.addf {{.*}} : vector<4xf32>
func.func @lane4(%v: memref<3072xf32>, %m: memref<384xi32>, %x: memref<1x64xf32>, %y: memref<1x96xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<3072xf32>, memref<384xi32>)
      of tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>> layout lane<lanes = 8>
      ins(%x : memref<1x64xf32>) outs(%y : memref<1x96xf32>)
  return
}

// CHECK-LABEL: func @lane8
// CHECK: kernel.lane_product {{.*}} {segment = 8 : i64, {{.*}}slots = 2 : i64, unroll = 8 : i64} : memref<4x8x8xbf16, {{.*}}>[memref<4x1x8xi32, {{.*}}>] by memref<1x64xf32, {{.*}}> into vector<4x1x8xf32>
func.func @lane8(%v: memref<1536xbf16>, %m: memref<192xi32>, %x: memref<64x1xf32>, %y: memref<96x1xf32>) {
  nm.packed_matmul weight(%v, %m : memref<1536xbf16>, memref<192xi32>)
      of tensor<96x64xbf16, #nm.sparsity<2:8, axis = 1>> layout lane<lanes = 8>
      ins(%x : memref<64x1xf32>) outs(%y : memref<96x1xf32>)
  return
}

// -----

// Rows in pairs: the head of a link behind the offsets says where the sums of the row are that ends, and how many steps read the panel once. Sums of the row that begins stay in registers.
// CHECK-LABEL: func @paired
// CHECK: %[[SUMS:.*]]:4 = scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK: %[[ROW:.*]] = memref.load %arg1[
// CHECK: %[[STEPS:.*]] = memref.load %arg1[
// CHECK: %[[COMMON:.*]] = arith.index_castui %[[STEPS]] : i16 to index
// CHECK: kernel.tile_product {{.*}} common %[[COMMON]] into {{.*}} : memref<8x2x2xf32, {{.*}}>, memref<2048xf32, {{.*}}>[memref<8x2x2xi16, {{.*}}>] into vector<2x4x8xf32>
// CHECK: scf.yield
// CHECK: arith.addf %{{.*}}, %[[SUMS]]#0
func.func @paired(%v: memref<294912xf32>, %m: memref<313344xi16>, %x: memref<128x768xf32>, %y: memref<768x128xf32>) {
  nm.packed_matmul transpose_x weight(%v, %m : memref<294912xf32>, memref<313344xi16>)
      of tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>> layout paired<cols = 32, depth = 64, window = 64>
      ins(%x : memref<128x768xf32>) outs(%y : memref<768x128xf32>)
  return
}
