// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx2 --nm-linalg-to-loops='parallel=false' | FileCheck %s

#taps = affine_map<(c, h, w, kh, kw) -> (c, kh, kw)>
#out = affine_map<(c, h, w, kh, kw) -> (c, h, w)>

// A depthwise convolution: results stay in registers, the window is inside. 20 results are two registers of eight at
// once, and a vector of four.
// CHECK-LABEL: func @depthwise(
// CHECK: scf.for
// CHECK: scf.for
// CHECK: scf.for %[[W:.*]] =
// CHECK: %[[SUM:.*]] = vector.load %[[Y:[a-z0-9]+]][{{.*}}] : memref<6x20x20xf32>, vector<16xf32>
// CHECK: scf.for %{{.*}} iter_args({{.*}} = %[[SUM]]) -> (vector<16xf32>)
// CHECK: scf.for %{{.*}} iter_args({{.*}}) -> (vector<16xf32>)
// CHECK-DAG: vector.load %{{.*}} : memref<6x22x22xf32>, vector<16xf32>
// CHECK-DAG: memref.load %{{.*}} : memref<6x3x3xf32>
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: vector.store
// CHECK: vector<4xf32>
func.func @depthwise(%x: memref<6x22x22xf32>, %t: memref<6x3x3xf32>, %y: memref<6x20x20xf32>) {
  linalg.generic {indexing_maps = [affine_map<(c, h, w, kh, kw) -> (c, h + kh, w + kw)>, #taps, #out],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %t : memref<6x22x22xf32>, memref<6x3x3xf32>) outs(%y : memref<6x20x20xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// The largest of a window, rows two apart, every third element of it.
// CHECK-LABEL: func @pool(
// CHECK: scf.for %{{.*}} iter_args({{.*}}) -> (vector<16xf32>)
// CHECK: arith.maximumf {{.*}} : vector<16xf32>
func.func @pool(%x: memref<9x22xf32>, %k: memref<2x3xf32>, %y: memref<4x16xf32>) {
  linalg.generic {indexing_maps = [affine_map<(h, w, kh, kw) -> (2 * h + kh, w + 3 * kw)>, affine_map<(h, w, kh, kw) -> (kh, kw)>,
      affine_map<(h, w, kh, kw) -> (h, w)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %k : memref<9x22xf32>, memref<2x3xf32>) outs(%y : memref<4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.maximumf %o, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// Results that read every second element are no neighbours.
// CHECK-LABEL: func @strided(
// CHECK-NOT: vector.
// CHECK: return
func.func @strided(%x: memref<41xf32>, %t: memref<3xf32>, %y: memref<20xf32>) {
  linalg.generic {indexing_maps = [affine_map<(w, k) -> (2 * w + k)>, affine_map<(w, k) -> (k)>, affine_map<(w, k) -> (w)>],
      iterator_types = ["parallel", "reduction"]} ins(%x, %t : memref<41xf32>, memref<3xf32>) outs(%y : memref<20xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// The columns of a matrix, whose rows are added up.
// CHECK-LABEL: func @columns(
// CHECK: scf.for %{{.*}} iter_args({{.*}}) -> (vector<32xf32>)
// CHECK: arith.addf {{.*}} : vector<32xf32>
func.func @columns(%x: memref<?x40xf32>, %y: memref<40xf32>) {
  linalg.generic {indexing_maps = [affine_map<(j, i) -> (i, j)>, affine_map<(j, i) -> (j)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<?x40xf32>) outs(%y : memref<40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  }
  return
}
