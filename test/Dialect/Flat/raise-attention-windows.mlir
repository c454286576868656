// RUN: nm-opt %s --flat-raise-attention --canonicalize --mlir-print-local-scope | FileCheck %s

// As many elements of a buffer as there are positions: whatever that is, the part is a window.
// CHECK-LABEL: func @some_of_a_buffer(
// CHECK: flat.attention
// CHECK-NOT: {{mask|operands}}(
// CHECK-SAME: score {
// CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index):
// CHECK: arith.cmpi sle, %[[J]], %[[I]] : index
func.func @some_of_a_buffer(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
  %buffer = arith.constant dense<[[true, false, false, false], [true, true, false, false], [true, true, true, false], [true, true, true, true]]> : tensor<4x4xi1>
  %seen = tensor.extract_slice %buffer[0, 0] [%n, %n] [1, 1] : tensor<4x4xi1> to tensor<?x?xi1>
  %inf = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %es = tensor.empty(%n, %n) : tensor<?x?xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<?x?xf32>) -> tensor<?x?xf32>
  %s = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>] ins(%q, %k : tensor<?x8xf32>, tensor<?x8xf32>) outs(%zs : tensor<?x?xf32>) -> tensor<?x?xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%seen, %s : tensor<?x?xi1>, tensor<?x?xf32>) outs(%es : tensor<?x?xf32>) {
  ^bb0(%c: i1, %x: f32, %o: f32):
    %y = arith.select %c, %x, %inf : f32
    linalg.yield %y : f32
  } -> tensor<?x?xf32>
  %p = linalg.softmax dimension(1) ins(%m : tensor<?x?xf32>) outs(%es : tensor<?x?xf32>) -> tensor<?x?xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %o = linalg.matmul ins(%p, %v : tensor<?x?xf32>, tensor<?x8xf32>) outs(%z : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %o : tensor<?x8xf32>
}

// From a place that is not known: nothing is shown, and the part is a mask.
// CHECK-LABEL: func @from_some_row(
// CHECK: flat.attention {{.*}} mask(
func.func @from_some_row(%q: tensor<2x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %at: index) -> tensor<2x8xf32> {
  %buffer = arith.constant dense<[[true, false, false, false], [true, true, false, false], [true, true, true, false], [true, true, true, true]]> : tensor<4x4xi1>
  %seen = tensor.extract_slice %buffer[%at, 0] [2, 4] [1, 1] : tensor<4x4xi1> to tensor<2x4xi1>
  %inf = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %es = tensor.empty() : tensor<2x4xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>] ins(%q, %k : tensor<2x8xf32>, tensor<4x8xf32>) outs(%zs : tensor<2x4xf32>) -> tensor<2x4xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%seen, %s : tensor<2x4xi1>, tensor<2x4xf32>) outs(%es : tensor<2x4xf32>) {
  ^bb0(%c: i1, %x: f32, %o: f32):
    %y = arith.select %c, %x, %inf : f32
    linalg.yield %y : f32
  } -> tensor<2x4xf32>
  %p = linalg.softmax dimension(1) ins(%m : tensor<2x4xf32>) outs(%es : tensor<2x4xf32>) -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8xf32>) -> tensor<2x8xf32>
  %o = linalg.matmul ins(%p, %v : tensor<2x4xf32>, tensor<4x8xf32>) outs(%z : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %o : tensor<2x8xf32>
}

// A cache of which %length keys are there. Without a guard a row without keys is NaN: one is visited, and the
// region hides it. A guard that gives zeros leaves nothing to the region.
// CHECK-LABEL: func @length(
// CHECK-SAME: %[[N:[a-z0-9]*]]: index)
// CHECK: %[[UP:.*]] = arith.minsi %[[N]], %[[C4:.*]] : index
// CHECK: %[[B:.*]] = arith.maxsi %[[UP]], %{{.*}} : index
// CHECK: %[[L:.*]] = arith.maxsi %[[B]], %{{.*}} : index
// CHECK: flat.attention {{.*}} length(%[[L]]) {{.*}} guard(none) score {
// CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %[[J:.*]]: index):
// CHECK: arith.cmpi slt, %[[J]], %[[B]] : index
// CHECK-LABEL: func @guarded_length(
// CHECK: flat.attention {{.*}} length(
// CHECK-NOT: score
// CHECK: return
func.func @length(%q: tensor<2x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %length: index) -> tensor<2x8xf32> {
  %inf = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %es = tensor.empty() : tensor<2x4xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>] ins(%q, %k : tensor<2x8xf32>, tensor<4x8xf32>) outs(%zs : tensor<2x4xf32>) -> tensor<2x4xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<2x4xf32>) outs(%es : tensor<2x4xf32>) {
  ^bb0(%x: f32, %o: f32):
    %j = linalg.index 1 : index
    %c = arith.cmpi slt, %j, %length : index
    %y = arith.select %c, %x, %inf : f32
    linalg.yield %y : f32
  } -> tensor<2x4xf32>
  %p = linalg.softmax dimension(1) ins(%m : tensor<2x4xf32>) outs(%es : tensor<2x4xf32>) -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8xf32>) -> tensor<2x8xf32>
  %o = linalg.matmul ins(%p, %v : tensor<2x4xf32>, tensor<4x8xf32>) outs(%z : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %o : tensor<2x8xf32>
}
func.func @guarded_length(%q: tensor<2x8xf32>, %k: tensor<4x8xf32>, %v: tensor<4x8xf32>, %length: index) -> tensor<2x8xf32> {
  %inf = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %es = tensor.empty() : tensor<2x4xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x4xf32>) -> tensor<2x4xf32>
  %s = linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>] ins(%q, %k : tensor<2x8xf32>, tensor<4x8xf32>) outs(%zs : tensor<2x4xf32>) -> tensor<2x4xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<2x4xf32>) outs(%es : tensor<2x4xf32>) {
  ^bb0(%x: f32, %o: f32):
    %j = linalg.index 1 : index
    %c = arith.cmpi slt, %j, %length : index
    %y = arith.select %c, %x, %inf : f32
    linalg.yield %y : f32
  } -> tensor<2x4xf32>
  %p = linalg.softmax dimension(1) ins(%m : tensor<2x4xf32>) outs(%es : tensor<2x4xf32>) -> tensor<2x4xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%p : tensor<2x4xf32>) outs(%es : tensor<2x4xf32>) {
  ^bb0(%x: f32, %o: f32):
    %c = arith.cmpf uno, %x, %x : f32
    %y = arith.select %c, %zero, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8xf32>) -> tensor<2x8xf32>
  %o = linalg.matmul ins(%g, %v : tensor<2x4xf32>, tensor<4x8xf32>) outs(%z : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %o : tensor<2x8xf32>
}
