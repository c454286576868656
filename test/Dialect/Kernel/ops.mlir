// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt | FileCheck %s

// CHECK-LABEL: func @plain
// CHECK: kernel.tile_product %{{.*}}, %{{.*}} into %{{.*}} {unroll = 4 : i64} : memref<6x64xf32, strided<[64, 1], offset: ?>>, memref<64x16xf32> into vector<6x2x8xf32>
func.func @plain(%lhs: memref<6x64xf32, strided<[64, 1], offset: ?>>, %rhs: memref<64x16xf32>, %acc: vector<6x2x8xf32>) -> vector<6x2x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs into %acc {unroll = 4 : i64}
      : memref<6x64xf32, strided<[64, 1], offset: ?>>, memref<64x16xf32> into vector<6x2x8xf32>
  return %0 : vector<6x2x8xf32>
}

// Weights of bf16, four neighbours of each row; the last step has two of 46.
// CHECK-LABEL: func @interleaved
// CHECK: kernel.tile_product %{{.*}}, %{{.*}} into %{{.*}} {sets = 2 : i64} : memref<12x3x4xbf16>, memref<46x32xf32> into vector<3x4x8xf32>
func.func @interleaved(%lhs: memref<12x3x4xbf16>, %rhs: memref<46x32xf32>, %acc: vector<3x4x8xf32>) -> vector<3x4x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs into %acc {sets = 2 : i64}
      : memref<12x3x4xbf16>, memref<46x32xf32> into vector<3x4x8xf32>
  return %0 : vector<3x4x8xf32>
}

// CHECK-LABEL: func @ahead
// CHECK: kernel.tile_product %{{.*}}, %{{.*}} into %{{.*}} {ahead = 64 : i64} : memref<12x6x4xf32>, memref<48x16xf32> into vector<6x2x8xf32>
// CHECK: kernel.tile_product %{{.*}}, %{{.*}}[%{{.*}}] into %{{.*}} {ahead = 64 : i64} : memref<12x6x4xf32>, memref<768xf32>[memref<12x4xi16>] into vector<6x2x8xf32>
// CHECK: kernel.tile_product %{{.*}}, %{{.*}}[%{{.*}}] into %{{.*}} {ahead = 64 : i64} : memref<12x6x4xf32>, memref<768xf32>[memref<12x6x4xi16>] into vector<6x2x8xf32>
func.func @ahead(%lhs: memref<12x6x4xf32>, %rhs: memref<48x16xf32>, %panel: memref<768xf32>, %shared: memref<12x4xi16>,
                 %own: memref<12x6x4xi16>, %acc: vector<6x2x8xf32>) -> vector<6x2x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs into %acc {ahead = 64 : i64} : memref<12x6x4xf32>, memref<48x16xf32> into vector<6x2x8xf32>
  %1 = kernel.tile_product %lhs, %panel[%shared] into %0 {ahead = 64 : i64}
      : memref<12x6x4xf32>, memref<768xf32>[memref<12x4xi16>] into vector<6x2x8xf32>
  %2 = kernel.tile_product %lhs, %panel[%own] into %1 {ahead = 64 : i64}
      : memref<12x6x4xf32>, memref<768xf32>[memref<12x6x4xi16>] into vector<6x2x8xf32>
  return %2 : vector<6x2x8xf32>
}

// CHECK-LABEL: func @offsets
// CHECK: kernel.tile_product %{{.*}}, %{{.*}}[%{{.*}}] into %{{.*}} : memref<12x3x4xi8>, memref<?xi32>[memref<12x3x4xi16>] into vector<3x4x8xi32>
// CHECK: kernel.tile_product %{{.*}}, %{{.*}}[%{{.*}}] into %{{.*}} : memref<12x3x4xi8>, memref<?xi32>[memref<?x4xi16>] into vector<3x4x8xi32>
// CHECK: kernel.tile_product %{{.*}}, %{{.*}}[%{{.*}}] common %{{.*}} into %{{.*}} : memref<12x3x4xi8>, memref<?xi32>[memref<12x3x4xi16>] into vector<3x4x8xi32>
func.func @offsets(%lhs: memref<12x3x4xi8>, %rhs: memref<?xi32>, %own: memref<12x3x4xi16>, %shared: memref<?x4xi16>,
                   %acc: vector<3x4x8xi32>, %n: index) -> vector<3x4x8xi32> {
  %0 = kernel.tile_product %lhs, %rhs[%own] into %acc
      : memref<12x3x4xi8>, memref<?xi32>[memref<12x3x4xi16>] into vector<3x4x8xi32>
  %1 = kernel.tile_product %lhs, %rhs[%shared] into %0
      : memref<12x3x4xi8>, memref<?xi32>[memref<?x4xi16>] into vector<3x4x8xi32>
  %2 = kernel.tile_product %lhs, %rhs[%own] common %n into %1
      : memref<12x3x4xi8>, memref<?xi32>[memref<12x3x4xi16>] into vector<3x4x8xi32>
  return %2 : vector<3x4x8xi32>
}

// CHECK-LABEL: func @pack
// CHECK: kernel.pack %{{.*}} into %{{.*}} : memref<?x?xf16, strided<[1, ?], offset: ?>> into memref<64x16xf32>
// CHECK: kernel.pack %{{.*}} into %{{.*}} {factor = 2.500000e-01 : f32, fill} : memref<60x?xbf16> into memref<64x16xf32>
// CHECK: kernel.pack %{{.*}} scaled by %{{.*}} into %{{.*}} {axis = 1 : i64} : memref<64x?xi8, strided<[1, 68], offset: ?>> scaled by memref<?x4xi8, strided<[68, 1], offset: ?>> into memref<64x16xf32>
func.func @pack(%x: memref<?x?xf16, strided<[1, ?], offset: ?>>, %y: memref<60x?xbf16>, %panel: memref<64x16xf32>,
                %keys: memref<64x?xi8, strided<[1, 68], offset: ?>>, %scales: memref<?x4xi8, strided<[68, 1], offset: ?>>) {
  kernel.pack %x into %panel : memref<?x?xf16, strided<[1, ?], offset: ?>> into memref<64x16xf32>
  kernel.pack %y into %panel {factor = 2.5e-01 : f32, fill} : memref<60x?xbf16> into memref<64x16xf32>
  kernel.pack %keys scaled by %scales into %panel {axis = 1 : i64}
      : memref<64x?xi8, strided<[1, 68], offset: ?>> scaled by memref<?x4xi8, strided<[68, 1], offset: ?>>
      into memref<64x16xf32>
  return
}
