// RUN: nm-opt %s --split-input-file --step-fuse-recipe --canonicalize | FileCheck %s
// RUN: nm-opt %s --split-input-file --step-to-cpu | FileCheck %s --check-prefix=LLVM

// What was computed is computed: nothing contracts a product and a sum.
// LLVM-NOT: fma
// LLVM-NOT: fastmath

// SR-STE with Adam and neighbours in groups. Everything is read once and written once: five loads, four stores.
// CHECK-LABEL: func @sr_ste(
// CHECK-SAME: %[[W:.*]]: memref<?xf32>, %[[G:.*]]: memref<?xf32>, %[[M:.*]]: memref<?xf32>, %[[V:.*]]: memref<?xf32>, %[[PI:.*]]: memref<?xi8>
// CHECK: scf.for %[[I:.*]] = %c0 to %{{.*}} step %c16
// CHECK-DAG: vector.load %[[W]][%[[I]]] : memref<?xf32>, vector<16xf32>
// CHECK-DAG: vector.load %[[G]][%[[I]]]
// CHECK-DAG: vector.load %[[M]][%[[I]]]
// CHECK-DAG: vector.load %[[V]][%[[I]]]
// CHECK-DAG: vector.load %[[PI]][%{{.*}}] : memref<?xi8>, vector<2xi8>
// CHECK-NOT: vector.load
// CHECK: vector.store %{{.*}}, %[[M]][%[[I]]]
// CHECK: vector.store %{{.*}}, %[[V]][%[[I]]]
// CHECK: arith.divf
// CHECK: arith.divf
// CHECK: %[[W1:.*]] = arith.addf
// CHECK: vector.store %[[W1]], %[[W]][%[[I]]]
// The rank within four neighbours: three rotations, three comparisons.
// CHECK: arith.minsi
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12]
// CHECK: arith.cmpi sgt
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13]
// CHECK: arith.cmpi sgt
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14]
// CHECK: arith.cmpi sgt
// CHECK: %[[KEEP:.*]] = arith.cmpi slt
// CHECK: %[[BYTES:.*]] = vector.bitcast %[[KEEP]] : vector<16xi1> to vector<2xi8>
// CHECK: vector.store %[[BYTES]], %[[PI]]
// CHECK-NOT: vector.store
// The elements behind the last whole vector.
// CHECK: scf.if
// CHECK: vector.create_mask
// CHECK: vector.maskedload %[[V]]
// CHECK: vector.maskedstore %[[W]]
func.func @sr_ste(%w: tensor<?xf32>, %g: tensor<?xf32>, %m: tensor<?xf32>, %v: tensor<?xf32>, %pi: tensor<?xi1>,
                  %lambda: f32, %b1: f32, %a1: f32, %b2: f32, %a2: f32, %rate: f32, %bias: f32, %eps: f32)
    -> (tensor<?xf32> {step.updates = 0 : i64}, tensor<?xf32> {step.updates = 2 : i64},
        tensor<?xf32> {step.updates = 3 : i64}, tensor<?xi1> {step.updates = 4 : i64}) {
  %g1 = step.straight_through %g, %w, %pi, %lambda : tensor<?xf32>
  %m1 = step.moment %m, %g1, %b1, %a1 : tensor<?xf32>
  %v1 = step.second_moment %v, %g1, %b2, %a2 : tensor<?xf32>
  %w1 = step.adam_update %w, %m1, %v1, %rate, %bias, %eps : tensor<?xf32>
  %pi1 = step.mask %w1 to <2:4, axis = 0> : tensor<?xf32>
  return %w1, %m1, %v1, %pi1 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xi1>
}

// -----

// Members of a group are rows: magnitudes wait in a buffer until all are there, masks as words of 16 bits. Blocks of
// short rows, as many as fill whole vectors, are done first, as they lie in memory.
// CHECK-LABEL: func @rows(
// CHECK-SAME: %[[W:.*]]: memref<?x4x?xf32>, %[[RATE:.*]]: f32, %[[PI:.*]]: memref<?xi8>, %[[E:.*]]: memref<?x4x?xf32>)
// CHECK-DAG: %[[KEYS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<129x16xi32>
// CHECK-DAG: %[[WORDS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<129xi16>
// CHECK-DAG: %[[BYTES:.*]] = memref.alloca() {alignment = 64 : i64} : memref<2064xi8>
// CHECK-DAG: %[[LATER:.*]] = memref.alloca() {alignment = 64 : i64} : memref<128x16xf32>
// Tiles of blocks, their vectors; blocks, columns; vectors again.
// CHECK: %[[DONE:.*]] = arith.select %{{.*}}, %{{.*}}, %c0
// CHECK: scf.for %{{.*}} = %c0 to %[[DONE]]
// CHECK: scf.for %[[VECTOR:.*]] = %c0
// CHECK-NOT: memref.prefetch
// CHECK: vector.store %{{.*}}, %[[LATER]][%[[VECTOR]], %c0]
// CHECK: vector.store %{{.*}}, %[[KEYS]][%[[VECTOR]], %c0]
// CHECK: %[[FLAT:.*]] = memref.collapse_shape %[[KEYS]]
// CHECK: scf.for
// CHECK: scf.for
// CHECK: vector.load %[[FLAT]]
// CHECK-COUNT-6: arith.cmpi sge
// CHECK-COUNT-4: vector.store %{{.*}}, %[[BYTES]]
// CHECK: vector.load %[[BYTES]]
// CHECK: memref.store %{{.*}}, %[[WORDS]]
// The others: blocks, columns, rows.
// CHECK: scf.for %{{.*}} = %[[DONE]]
// CHECK: scf.for
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c4
// CHECK: memref.prefetch
// CHECK: vector.store %{{.*}}, %[[LATER]][%[[ROW]], %c0]
// CHECK: vector.store %{{.*}}, %[[KEYS]][%[[ROW]], %c0]
// A comparison for each pair of rows.
// CHECK: vector.load %[[KEYS]][%c0, %c0]
// CHECK-COUNT-6: arith.cmpi sge
// CHECK: memref.store %{{.*}}, %[[WORDS]][%c0]
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c4
// CHECK: memref.load %[[WORDS]][%[[ROW]]]
func.func @rows(%w: tensor<?x4x?xf32>, %rate: f32)
    -> (tensor<?x4x?xf32> {step.updates = 0 : i64}, tensor<?x4x?xi1>, tensor<?x4x?xf32>) {
  %w1 = step.scale %w, %rate : tensor<?x4x?xf32>
  %pi = step.mask %w1 to <2:4, axis = 1> : tensor<?x4x?xf32>
  %e = step.effective %w1, %pi : tensor<?x4x?xf32>
  return %w1, %pi, %e : tensor<?x4x?xf32>, tensor<?x4x?xi1>, tensor<?x4x?xf32>
}

// -----

// Neighbours in groups of eight: a tile of eight vectors is turned in three steps, so that a lane holds a group. Its
// halves are sorted by five comparators each, eight lanes at a time, and the second and the third of all are found among them. If no two of
// these are equal, each vector is compared with its groups' second; else members are counted, and turned back. What is
// left of a tile is done vector by vector.
// CHECK-LABEL: func @turned(
// CHECK-DAG: %[[KEYS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8x16xi32>
// CHECK-DAG: %[[WORDS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8xi16>
// CHECK-DAG: %[[SORTED:.*]] = memref.alloca() {alignment = 64 : i64} : memref<10x16xi32>
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c128
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c8
// CHECK: vector.store %{{.*}}, %[[KEYS]][%[[ROW]], %c0]
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30]
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31]
// CHECK-COUNT-20: arith.maxsi %{{.*}} : vector<8xi32>
// CHECK-NOT: arith.cmpi
// CHECK: %[[ENDS:.*]]:2 = scf.for
// CHECK: arith.minsi
// CHECK: arith.minsi
// CHECK: scf.yield
// CHECK: arith.cmpi eq
// CHECK: %[[TIES:.*]] = vector.reduction <or>
// CHECK: scf.if %[[TIES]]
// CHECK: vector.shuffle
// CHECK: } else {
// CHECK: vector.shuffle %[[ENDS]]#0, %[[ENDS]]#0 [0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8]
// CHECK: arith.cmpi sge
// CHECK: memref.store %{{.*}}, %[[WORDS]][%c0]
// CHECK: scf.for %{{.*}} to %{{.*}} step %c16
// CHECK: vector.create_mask
// CHECK: vector.maskedload
func.func @turned(%w: tensor<?xf32>) -> tensor<?xi1> {
  %pi = step.mask %w to <2:8, axis = 0> : tensor<?xf32>
  return %pi : tensor<?xi1>
}

// -----

// More rows than are sorted in registers are ranked in a loop, four at a time.
// CHECK-LABEL: func @many_rows(
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c128 step %c4
// CHECK-COUNT-6: arith.cmpi sge
// CHECK: scf.for %{{.*}} = %c0 to %[[ROW]]
// CHECK-COUNT-4: arith.cmpi sgt
// CHECK: scf.for %{{.*}} to %c128
// CHECK-COUNT-4: arith.cmpi sgt
func.func @many_rows(%w: tensor<?x128x?xf32>) -> tensor<?x128x?xi1> {
  %pi = step.mask %w to <2:128, axis = 1> : tensor<?x128x?xf32>
  return %pi : tensor<?x128x?xi1>
}

// -----

// Scalars before and after the loop; statistics in 8 lanes of f64.
// CHECK-LABEL: func @statistics(
// CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<8xf64>
// CHECK: scf.for
// CHECK: arith.addf %{{.*}}, %{{.*}} : vector<8xf32>
// CHECK: arith.extf %{{.*}} : vector<8xf32> to vector<8xf64>
// CHECK: arith.addf %{{.*}}, %{{.*}} : vector<8xf64>
// CHECK: vector.store %{{.*}} : memref<8xf64>, vector<8xf64>
// CHECK-COUNT-7: arith.addf %{{.*}}, %{{.*}} : f64
// CHECK-NEXT: %[[MEAN:.*]] = arith.divf
// CHECK: return %[[MEAN]] : f64
func.func @statistics(%v: tensor<?xf32>, %g: tensor<?xf32>, %a: f32, %b: f32, %count: f64)
    -> (f64, tensor<?xf32> {step.updates = 0 : i64}) {
  %gain = arith.mulf %a, %b : f32
  %v1 = step.second_moment %v, %g, %a, %gain : tensor<?xf32>
  %sum = step.change_sum %v, %v1 : tensor<?xf32>
  %mean = arith.divf %sum, %count : f64
  return %mean, %v1 : f64, tensor<?xf32>
}

// -----

// What is stored only if the program says so; bf16 by bit operations.
// CHECK-LABEL: func @effective(
// CHECK-SAME: %[[W:.*]]: memref<?xf32>, %[[PI:.*]]: memref<?xi8>, %[[STORED:.*]]: i1, %[[E:.*]]: memref<?xi16>
// CHECK: %[[HALF:.*]] = arith.trunci %{{.*}} : vector<16xi32> to vector<16xi16>
// CHECK: scf.if %[[STORED]]
// CHECK-NEXT: vector.store %[[HALF]], %[[E]]
func.func @effective(%w: tensor<?xf32>, %pi: tensor<?xi1>, %stored: i1)
    -> (tensor<?xbf16> {step.stored_if = 2 : i64}) {
  %e = step.effective %w, %pi : tensor<?xf32>
  %h = arith.truncf %e : tensor<?xf32> to tensor<?xbf16>
  return %h : tensor<?xbf16>
}
