// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx2 --nm-lower-copies --nm-linalg-to-loops | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#col = affine_map<(i, j) -> (j)>
#turned = affine_map<(i, j) -> (j, i)>

// Enough work: the outer loop is parallel. The inner one is wide, then scalar.
// CHECK-LABEL: func @bias
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK: vector.load %{{.+}} : memref<512x100xf32>, vector<8xf32>
// CHECK: vector.load %{{.+}} : memref<100xf32>, vector<8xf32>
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: vector.store
// CHECK: scf.for
// CHECK: arith.addf {{.*}} : f32
func.func @bias(%x: memref<512x100xf32>, %b: memref<100xf32>, %y: memref<512x100xf32>) {
  linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : memref<512x100xf32>, memref<100xf32>) outs(%y : memref<512x100xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  }
  return
}

// Little work stays on one thread; four chains hide the latency of the sum.
// CHECK-LABEL: func @row_sum
// CHECK-NOT: scf.parallel
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK: vector.reduction <add>
// CHECK: memref.store {{.*}} : memref<?xf32>
func.func @row_sum(%x: memref<?x?xf32>, %y: memref<?xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<?x?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  }
  return
}

// CHECK-LABEL: func @row_max
// CHECK: vector.reduction <maximumf>
func.func @row_max(%x: memref<4x40xf32>, %y: memref<4xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x40xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %o, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// A transposed read is not contiguous: scalar loops.
// CHECK-LABEL: func @turned
// CHECK-NOT: vector.
func.func @turned(%x: memref<40x4xf32>, %y: memref<4x40xf32>) {
  linalg.generic {indexing_maps = [#turned, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<40x4xf32>) outs(%y : memref<4x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// A strided copy is a loop, not a call.
// CHECK-LABEL: func @copy
// CHECK-NOT: memref.copy
// CHECK: vector.store
func.func @copy(%x: memref<4x40xf32, strided<[80, 1]>>, %y: memref<4x40xf32>) {
  memref.copy %x, %y : memref<4x40xf32, strided<[80, 1]>> to memref<4x40xf32>
  return
}
