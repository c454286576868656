// RUN: nm-opt %s --nm-vectorize-contractions | FileCheck %s

// Tiles of six rows by two vectors; what remains, row by row and column by column.
// CHECK-LABEL: func @logits
// CHECK: scf.parallel
// CHECK-COUNT-12: vector.fma
// CHECK: arith.mulf {{.*}} : f32
// CHECK-NOT: linalg.batch_matmul
func.func @logits(%q: memref<12x128x64xf32>, %k: memref<12x64x128xf32>, %s: memref<12x128x128xf32>) {
  linalg.batch_matmul ins(%q, %k : memref<12x128x64xf32>, memref<12x64x128xf32>) outs(%s : memref<12x128x128xf32>)
  return
}

// Other element types are left to the loops.
// CHECK-LABEL: func @doubles
// CHECK: linalg.matmul
func.func @doubles(%a: memref<8x8xf64>, %b: memref<8x8xf64>, %c: memref<8x8xf64>) {
  linalg.matmul ins(%a, %b : memref<8x8xf64>, memref<8x8xf64>) outs(%c : memref<8x8xf64>)
  return
}
