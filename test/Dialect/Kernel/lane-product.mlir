// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt | FileCheck %s
// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx2 --kernel-lower-to-vector --canonicalize | FileCheck %s --check-prefix=AVX2
// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx512 --kernel-lower-to-vector --canonicalize | FileCheck %s --check-prefix=AVX512
// RUN: nm-opt %s --nm-attach-target=target=aarch64-neon --kernel-lower-to-vector --canonicalize | FileCheck %s --check-prefix=NEON

// Two streams of 2:4 in registers of 16, 40 steps: two words of 16 indices, then 8 steps of a third. Segments of 4 lie inside a register of each
// processor, so each of its registers takes one permute; AVX2 has two of them, NEON four.
// CHECK-LABEL: func @indexed
// CHECK: kernel.lane_product %{{.*}}[%{{.*}}] by %{{.*}} into %{{.*}} {segment = 4 : i64, slots = 2 : i64, unroll = 16 : i64} : memref<2x40x16xf32, strided<[?, 16, 1], offset: ?>>[memref<2x3x16xi32>] by memref<1x640xf32> into vector<2x1x16xf32>
// AVX2-LABEL: func @indexed
// AVX2: scf.for %{{.*}} = %c0 to %c2 step %c1 iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// AVX2-COUNT-64: vector.fma
// AVX2-NOT: vector.fma
// AVX2: scf.yield
// AVX2-COUNT-32: vector.fma
// AVX2-NOT: vector.fma
// AVX2: return
// AVX512-LABEL: func @indexed
// AVX512: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>)
// AVX512-COUNT-32: llvm.x86.avx512.vpermilvar.ps.512
// AVX512: scf.yield
// NEON-LABEL: func @indexed
// NEON: scf.for {{.*}} -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>)
// NEON-COUNT-128: llvm.aarch64.neon.tbl1.v16i8
// NEON: scf.yield
func.func @indexed(%values: memref<2x40x16xf32, strided<[?, 16, 1], offset: ?>>, %words: memref<2x3x16xi32>, %x: memref<1x640xf32>,
                   %acc: vector<2x1x16xf32>) -> vector<2x1x16xf32> {
  %0 = kernel.lane_product %values[%words] by %x into %acc {segment = 4 : i64, slots = 2 : i64, unroll = 16 : i64}
      : memref<2x40x16xf32, strided<[?, 16, 1], offset: ?>>[memref<2x3x16xi32>] by memref<1x640xf32> into vector<2x1x16xf32>
  return %0 : vector<2x1x16xf32>
}

// Weights that name nothing are multiplied where they lie; steps go to two sums in turn.
// CHECK-LABEL: func @positions
// CHECK: kernel.lane_product %{{.*}} by %{{.*}} into %{{.*}} {sets = 2 : i64, unroll = 4 : i64} : memref<1x8x16xf32> by memref<2x128xf32> into vector<1x2x16xf32>
// AVX512-LABEL: func @positions
// AVX512-NOT: llvm.x86
// AVX512: scf.for %{{.*}} = %c0 to %c2 step %c1 iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// AVX512-COUNT-8: vector.fma
// AVX512: scf.yield
// AVX512-COUNT-2: arith.addf {{.*}} : vector<16xf32>
// AVX512-NOT: arith.addf
// AVX512: return
func.func @positions(%values: memref<1x8x16xf32>, %x: memref<2x128xf32>, %acc: vector<1x2x16xf32>) -> vector<1x2x16xf32> {
  %0 = kernel.lane_product %values by %x into %acc {sets = 2 : i64, unroll = 4 : i64}
      : memref<1x8x16xf32> by memref<2x128xf32> into vector<1x2x16xf32>
  return %0 : vector<1x2x16xf32>
}

// Two steps of bf16 in 32 bits: the upper is masked, the lower shifted.
// CHECK-LABEL: func @pairs
// CHECK: kernel.lane_product %{{.*}} by %{{.*}} into %{{.*}} {ahead = 2048 : i64, unroll = 2 : i64} : memref<1x3x32xbf16> by memref<1x80xf32> into vector<1x1x16xf32>
// AVX512-LABEL: func @pairs
// AVX512: scf.for
// AVX512: vector.load {{.*}} : memref<1x3x32xbf16>, vector<32xbf16>
// AVX512: memref.prefetch %{{.*}}[%c0, %{{.*}}, %c2048], read
// AVX512: arith.shli {{.*}} : vector<16xi32>
// AVX512: arith.andi {{.*}} : vector<16xi32>
// AVX512: scf.yield
// The last run has one step of its two.
// AVX512: arith.shli
// AVX512-NOT: arith.andi
// AVX512: return
func.func @pairs(%values: memref<1x3x32xbf16>, %x: memref<1x80xf32>, %acc: vector<1x1x16xf32>) -> vector<1x1x16xf32> {
  %0 = kernel.lane_product %values by %x into %acc {unroll = 2 : i64, ahead = 2048 : i64}
      : memref<1x3x32xbf16> by memref<1x80xf32> into vector<1x1x16xf32>
  return %0 : vector<1x1x16xf32>
}

// 2:32: lane i of the first register holds slot i mod 2, whose source is among elements 0 to 31: four registers of AVX2, of which none can be
// left out, two of AVX-512, which one instruction selects from.
// CHECK-LABEL: func @wide
// AVX2-LABEL: func @wide
// AVX2-COUNT-4: llvm.x86.avx2.permps
// AVX512-LABEL: func @wide
// AVX512: llvm.x86.avx512.vpermi2var.ps.512
func.func @wide(%values: memref<1x4x32xf32>, %words: memref<1x1x32xi32>, %x: memref<1x128xf32>,
                %acc: vector<1x1x32xf32>) -> vector<1x1x32xf32> {
  %0 = kernel.lane_product %values[%words] by %x into %acc {segment = 32 : i64, slots = 2 : i64, unroll = 4 : i64}
      : memref<1x4x32xf32>[memref<1x1x32xi32>] by memref<1x128xf32> into vector<1x1x32xf32>
  return %0 : vector<1x1x32xf32>
}

// Sums of integers are permuted as floats are.
// CHECK-LABEL: func @integers
// AVX2-LABEL: func @integers
// AVX2: arith.extsi {{.*}} : vector<16xi8> to vector<16xi32>
// AVX2: vector.bitcast {{.*}} : vector<8xi32> to vector<8xf32>
// AVX2: llvm.x86.avx.vpermilvar.ps.256
// AVX2: arith.muli
func.func @integers(%values: memref<1x16x16xi8>, %words: memref<1x1x16xi32>, %x: memref<1x256xi32>,
                    %acc: vector<1x1x16xi32>) -> vector<1x1x16xi32> {
  %0 = kernel.lane_product %values[%words] by %x into %acc {segment = 4 : i64, slots = 2 : i64, unroll = 16 : i64}
      : memref<1x16x16xi8>[memref<1x1x16xi32>] by memref<1x256xi32> into vector<1x1x16xi32>
  return %0 : vector<1x1x16xi32>
}

// Two of four registers make up a segment: the permutes of the last do not read the first two.
// CHECK-LABEL: func @halves
// AVX2-LABEL: func @halves
// AVX2: %[[X:.*]] = vector.load %arg2
// AVX2: %[[LOW:.*]] = vector.shuffle %[[X]], %[[X]] [16, 17, 18, 19, 20, 21, 22, 23]
// AVX2: %[[HIGH:.*]] = vector.shuffle %[[X]], %[[X]] [24, 25, 26, 27, 28, 29, 30, 31]
// AVX2: vector.fma
// AVX2: vector.fma
// AVX2: llvm.x86.avx2.permps"(%[[LOW]],
// AVX2: llvm.x86.avx2.permps"(%[[HIGH]],
// AVX2: vector.fma
// AVX2: llvm.x86.avx2.permps"(%[[LOW]],
// AVX2: llvm.x86.avx2.permps"(%[[HIGH]],
// AVX2: vector.fma
func.func @halves(%values: memref<1x1x32xf32>, %words: memref<1x1x32xi32>, %x: memref<1x32xf32>,
                  %acc: vector<1x1x32xf32>) -> vector<1x1x32xf32> {
  %0 = kernel.lane_product %values[%words] by %x into %acc {segment = 16 : i64, slots = 4 : i64, unroll = 8 : i64}
      : memref<1x1x32xf32>[memref<1x1x32xi32>] by memref<1x32xf32> into vector<1x1x32xf32>
  return %0 : vector<1x1x32xf32>
}
