// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx2 --kernel-lower-to-vector --canonicalize | FileCheck %s
// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx512 --kernel-lower-to-vector --canonicalize | FileCheck %s --check-prefix=WIDE
// RUN: nm-opt %s --nm-attach-target=target=aarch64-neon --kernel-lower-to-vector --canonicalize | FileCheck %s --check-prefix=NEON

// Rows of a panel that is as wide as the source: nothing but its vectors.
// CHECK-LABEL: func @rows
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c1 {
// CHECK-COUNT-2: vector.load %arg0{{.*}}, vector<8xf32>
// CHECK-NOT: scf.for
// CHECK: return
// WIDE-LABEL: func @rows
// WIDE-COUNT-1: vector.load %arg0{{.*}}, vector<16xf32>
// WIDE-NOT: vector.load
// WIDE: return
func.func @rows(%x: memref<64x16xf32>, %panel: memref<64x16xf32>) {
  kernel.pack %x into %panel : memref<64x16xf32> into memref<64x16xf32>
  return
}

// Of columns that are not known either all of the panel, or vectors and a last one in part: by a mask where the
// processor has masks of that width, of elements elsewhere, of which none lies past the last column.
// CHECK-LABEL: func @edge
// CHECK: %[[COLUMNS:.*]] = arith.minsi
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[COLUMNS]], %c16
// CHECK: scf.if %[[WHOLE]] {
// CHECK-COUNT-2: vector.load %arg0
// CHECK: } else {
// CHECK: vector.load %arg0
// CHECK: vector.create_mask
// CHECK: vector.maskedload %arg0
// CHECK: return
// NEON-LABEL: func @edge
// NEON-NOT: vector.create_mask
// NEON-COUNT-4: memref.load %arg0
// NEON: vector.from_elements {{.*}} : vector<4xf32>
func.func @edge(%x: memref<64x?xf32>, %panel: memref<64x16xf32>) {
  kernel.pack %x into %panel : memref<64x?xf32> into memref<64x16xf32>
  return
}

// Bytes are masked by AVX-512 alone.
// CHECK-LABEL: func @bytes
// CHECK-NOT: vector.create_mask
// CHECK: arith.sitofp {{.*}} : vector<8xi8> to vector<8xf32>
// CHECK: return
// WIDE-LABEL: func @bytes
// WIDE: vector.constant_mask [13] : vector<16xi1>
// WIDE: vector.maskedload {{.*}} : memref<64x13xi8>
func.func @bytes(%x: memref<64x13xi8>, %panel: memref<64x16xf32>) {
  kernel.pack %x into %panel : memref<64x13xi8> into memref<64x16xf32>
  return
}

// Columns that lie in rows: squares are transposed in registers; of 66 rows two are left, six of 72 are zero.
// CHECK-LABEL: func @columns
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c8 {
// CHECK-COUNT-8: arith.minsi
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c8 {
// CHECK-COUNT-8: vector.load %arg0{{.*}}, vector<8xbf16>
// CHECK: vector.shuffle
// CHECK: scf.for %{{.*}} = %c64 to %c66 step %c1 {
// CHECK-COUNT-8: memref.load
// CHECK: scf.for %{{.*}} = %c66 to %c72 step %c1 {
// CHECK: vector.store %cst
func.func @columns(%x: memref<?x66xbf16>, %panel: memref<72x16xf32>) {
  %columns = memref.transpose %x (i, j) -> (j, i) : memref<?x66xbf16> to memref<66x?xbf16, strided<[1, 66]>>
  kernel.pack %columns into %panel : memref<66x?xbf16, strided<[1, 66]>> into memref<72x16xf32>
  return
}

// Columns one after the other, as they lie in both: what is left of one is copied by elements, and padded with zeros.
// CHECK-LABEL: func @streams
// CHECK: scf.for %{{.*}} = %c0 to %c3 step %c1 {
// CHECK: scf.for %{{.*}} = %c0 to %c16 step %c8 {
// CHECK: vector.load %arg0
// CHECK: arith.mulf {{.*}} : vector<8xf32>
// CHECK: scf.for %{{.*}} = %c16 to %c20 step %c1 {
// CHECK: memref.load %arg0
// CHECK: scf.for %{{.*}} = %c20 to %c24 step %c1 {
// CHECK: memref.store %cst
func.func @streams(%x: memref<3x20xf32>, %panel: memref<3x24xf32>) {
  %from = memref.transpose %x (i, j) -> (j, i) : memref<3x20xf32> to memref<20x3xf32, strided<[1, 20]>>
  %to = memref.transpose %panel (i, j) -> (j, i) : memref<3x24xf32> to memref<24x3xf32, strided<[1, 24]>>
  kernel.pack %from into %to {factor = 5.0e-01 : f32} : memref<20x3xf32, strided<[1, 20]>> into memref<24x3xf32, strided<[1, 24]>>
  return
}

// Scales of columns are gathered once for a vector of them, those of rows are in all lanes.
// CHECK-LABEL: func @scales
// CHECK: scf.for
// CHECK-COUNT-8: vector.bitcast {{.*}} : vector<4xi8> to vector<1xf32>
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c8 {
// CHECK-NOT: vector.bitcast
// CHECK-COUNT-8: arith.mulf {{.*}} : vector<8xf32>
// CHECK: }
// CHECK: scf.for
// CHECK: vector.bitcast
// CHECK: vector.broadcast
// CHECK: return
func.func @scales(%keys: memref<16x64xi8, strided<[68, 1]>>, %values: memref<64x16xi8, strided<[20, 1]>>, %panel: memref<64x16xf32>,
                  %of_keys: memref<16x4xi8, strided<[68, 1], offset: 64>>, %of_values: memref<64x4xi8, strided<[20, 1], offset: 16>>) {
  %columns = memref.transpose %keys (i, j) -> (j, i) : memref<16x64xi8, strided<[68, 1]>> to memref<64x16xi8, strided<[1, 68]>>
  kernel.pack %columns scaled by %of_keys into %panel {axis = 1 : i64}
      : memref<64x16xi8, strided<[1, 68]>> scaled by memref<16x4xi8, strided<[68, 1], offset: 64>> into memref<64x16xf32>
  kernel.pack %values scaled by %of_values into %panel
      : memref<64x16xi8, strided<[20, 1]>> scaled by memref<64x4xi8, strided<[20, 1], offset: 16>> into memref<64x16xf32>
  return
}

// Neither: elements are gathered, and written as vectors.
// CHECK-LABEL: func @gaps
// CHECK-COUNT-8: memref.load %arg0
// CHECK: vector.from_elements
// CHECK: vector.store
func.func @gaps(%x: memref<64x16xf32, strided<[64, 2]>>, %panel: memref<64x16xf32>) {
  kernel.pack %x into %panel : memref<64x16xf32, strided<[64, 2]>> into memref<64x16xf32>
  return
}
