// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx2 --kernel-lower-to-vector --canonicalize | FileCheck %s

// Four elements an iteration; 66 leave two, one at a time.
// CHECK-LABEL: func @plain
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c4
// CHECK-COUNT-48: vector.fma
// CHECK-NOT: vector.fma
// CHECK: scf.for %{{.*}} = %c64 to %c66 step %c1
// CHECK-COUNT-12: vector.fma
// CHECK-NOT: vector.fma
// CHECK: return
func.func @plain(%lhs: memref<6x66xf32>, %rhs: memref<66x16xf32>, %acc: vector<6x2x8xf32>) -> vector<6x2x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs into %acc {unroll = 4 : i64} : memref<6x66xf32>, memref<66x16xf32> into vector<6x2x8xf32>
  return %0 : vector<6x2x8xf32>
}

// A tile that is put together of vectors and taken apart again is none: its vectors are what the loop carries.
// CHECK-LABEL: func @pieces
// CHECK-NOT: vector.insert
// CHECK-NOT: vector.extract
// CHECK: %[[SUM:.*]]:2 = scf.for {{.*}} iter_args(%{{.*}} = %arg2, %{{.*}} = %arg3)
// CHECK: return %[[SUM]]#1, %[[SUM]]#0
func.func @pieces(%lhs: memref<1x64xf32>, %rhs: memref<64x16xf32>, %a: vector<8xf32>, %b: vector<8xf32>)
    -> (vector<8xf32>, vector<8xf32>) {
  %z = arith.constant dense<0.0> : vector<1x2x8xf32>
  %0 = vector.insert %a, %z[0, 0] : vector<8xf32> into vector<1x2x8xf32>
  %acc = vector.insert %b, %0[0, 1] : vector<8xf32> into vector<1x2x8xf32>
  %1 = kernel.tile_product %lhs, %rhs into %acc : memref<1x64xf32>, memref<64x16xf32> into vector<1x2x8xf32>
  %2 = vector.extract %1[0, 1] : vector<8xf32> from vector<1x2x8xf32>
  %3 = vector.extract %1[0, 0] : vector<8xf32> from vector<1x2x8xf32>
  return %2, %3 : vector<8xf32>, vector<8xf32>
}

// Eleven whole steps of four and two elements of the twelfth; sums go to two sets in turn, and meet at the end.
// Weights of bf16 are widened one by one.
// CHECK-LABEL: func @interleaved
// CHECK: scf.for %{{.*}} = %c0 to %c11 step %c1 iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK: vector.load %arg1
// CHECK: memref.load %arg0
// CHECK: arith.extf {{.*}} : bf16 to f32
// CHECK: vector.broadcast
// CHECK: scf.yield
// CHECK-COUNT-6: vector.fma
// CHECK-COUNT-3: arith.addf {{.*}} : vector<8xf32>
// CHECK-NOT: arith.addf
// CHECK: return
func.func @interleaved(%lhs: memref<12x3x4xbf16>, %rhs: memref<46x8xf32>, %acc: vector<3x1x8xf32>) -> vector<3x1x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs into %acc {sets = 2 : i64} : memref<12x3x4xbf16>, memref<46x8xf32> into vector<3x1x8xf32>
  return %0 : vector<3x1x8xf32>
}

// 96 bytes of a step are two lines; the last step, of two elements, asks as well.
// CHECK-LABEL: func @ahead
// CHECK: scf.for %[[I:.*]] = %c0 to %c11
// CHECK: %[[S:.*]] = arith.addi %[[I]], %c42
// CHECK: memref.prefetch %arg0[%[[S]], %c0, %c0], read, locality<2>, data
// CHECK: memref.prefetch %arg0[%[[S]], %c4, %c0], read, locality<2>, data
// CHECK-COUNT-48: vector.fma
// CHECK: scf.yield
// CHECK-COUNT-2: memref.prefetch
// CHECK-COUNT-24: vector.fma
// CHECK-NOT: vector.fma
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @ahead(%lhs: memref<12x6x4xf32>, %rhs: memref<46x16xf32>, %acc: vector<6x2x8xf32>) -> vector<6x2x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs into %acc {ahead = 42 : i64} : memref<12x6x4xf32>, memref<46x16xf32> into vector<6x2x8xf32>
  return %0 : vector<6x2x8xf32>
}

// A step of two rows is 32 bytes of elements and 16 of offsets, each in one line.
// CHECK-LABEL: func @ahead_of_offsets
// CHECK: scf.for %[[I:.*]] = %c0 to %c12
// CHECK: %[[S:.*]] = arith.addi %[[I]], %c42
// CHECK: memref.prefetch %arg0[%[[S]], %c0, %c0], read, locality<2>, data
// CHECK: memref.prefetch %arg2[%[[S]], %c0, %c0], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK-COUNT-8: vector.fma
// CHECK-NOT: vector.fma
// CHECK: return
func.func @ahead_of_offsets(%lhs: memref<12x2x4xf32>, %rhs: memref<1024xf32>, %offsets: memref<12x2x4xi16>, %acc: vector<2x1x8xf32>) -> vector<2x1x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs[%offsets] into %acc {ahead = 42 : i64} : memref<12x2x4xf32>, memref<1024xf32>[memref<12x2x4xi16>] into vector<2x1x8xf32>
  return %0 : vector<2x1x8xf32>
}

// Elements and offsets of a row arrive four at a time, its broadcast stays in a register.
// CHECK-LABEL: func @own
// CHECK: scf.for
// CHECK: vector.load %arg0{{.*}}, vector<4xf32>
// CHECK: llvm.inline_asm "", "=x,0"
// CHECK: vector.load %arg2{{.*}}, vector<4xi16>
// CHECK: vector.bitcast {{.*}} : vector<4xi16> to vector<1xi64>
// CHECK: arith.index_castui
// CHECK-COUNT-4: vector.fma
// CHECK: arith.shrui
// CHECK-COUNT-44: vector.fma
func.func @own(%lhs: memref<12x3x4xf32>, %rhs: memref<3072xf32>, %o: memref<12x3x4xi16>, %acc: vector<3x4x8xf32>) -> vector<3x4x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs[%o] into %acc : memref<12x3x4xf32>, memref<3072xf32>[memref<12x3x4xi16>] into vector<3x4x8xf32>
  return %0 : vector<3x4x8xf32>
}

// One load of offsets for all rows. A number of steps that is not known is asked for.
// CHECK-LABEL: func @shared
// CHECK: %[[STEPS:.*]] = memref.dim %arg0
// CHECK: scf.for %{{.*}} = %c0 to %[[STEPS]] step %c1
// CHECK: vector.load %arg2{{.*}}, vector<4xi16>
// CHECK-NOT: vector.load %arg2
// CHECK: arith.muli {{.*}} : vector<8xi32>
// CHECK: return
func.func @shared(%lhs: memref<?x3x4xi8>, %rhs: memref<?xi32>, %o: memref<?x4xi16>, %acc: vector<3x1x8xi32>) -> vector<3x1x8xi32> {
  %0 = kernel.tile_product %lhs, %rhs[%o] into %acc : memref<?x3x4xi8>, memref<?xi32>[memref<?x4xi16>] into vector<3x1x8xi32>
  return %0 : vector<3x1x8xi32>
}

// A tile of more lanes than a register has is taken apart by LLVM, which knows no register for it.
// CHECK-LABEL: func @wide
// CHECK-NOT: llvm.inline_asm
// CHECK: vector.fma {{.*}} : vector<16xf32>
func.func @wide(%lhs: memref<12x1x4xf32>, %rhs: memref<3072xf32>, %o: memref<12x1x4xi16>, %acc: vector<1x1x16xf32>) -> vector<1x1x16xf32> {
  %0 = kernel.tile_product %lhs, %rhs[%o] into %acc : memref<12x1x4xf32>, memref<3072xf32>[memref<12x1x4xi16>] into vector<1x1x16xf32>
  return %0 : vector<1x1x16xf32>
}

// Steps with common offsets come first, of two elements here: what they name is loaded once for all rows. Elements are loaded one by one, of the rows in turn.
// CHECK-LABEL: func @common
// CHECK: %[[SUMS:.*]]:8 = scf.for %{{.*}} = %c0 to %arg4 step %c1
// CHECK-COUNT-1: vector.load %arg2{{.*}}, vector<2xi16>
// CHECK-COUNT-8: vector.load %arg1
// CHECK-NOT: vector.load
// CHECK: scf.yield
// CHECK: scf.for %[[S:.*]] = %arg4 to %c12 step %c1 iter_args(%{{.*}} = %[[SUMS]]#0
// CHECK-COUNT-2: vector.load %arg2{{.*}}, vector<2xi16>
// CHECK: memref.load %arg0[%[[S]], %c0, %c0]
// CHECK-NOT: memref.load %arg0[%[[S]], %c0, %c1]
// CHECK: memref.load %arg0[%[[S]], %c1, %c0]
// CHECK-NOT: vector.load %arg2
// CHECK: return
func.func @common(%lhs: memref<12x2x2xf32>, %rhs: memref<3072xf32>, %o: memref<12x2x2xi16>, %acc: vector<2x4x8xf32>, %n: index) -> vector<2x4x8xf32> {
  %0 = kernel.tile_product %lhs, %rhs[%o] common %n into %acc : memref<12x2x2xf32>, memref<3072xf32>[memref<12x2x2xi16>] into vector<2x4x8xf32>
  return %0 : vector<2x4x8xf32>
}
