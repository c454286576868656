// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(layer-raise))' | FileCheck %s
// RUN: nm-opt %s --pass-pipeline='builtin.module(func.func(layer-raise))' --remarks-filter=layer-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// Gathers of rows, and what is none.

// REMARK-COUNT-3: [Passed] named | Category:layer-raise | op=layer.embedding
// REMARK-NOT: named

#tokens = affine_map<(b, t, d) -> (b, t)>
#all = affine_map<(b, t, d) -> (b, t, d)>

// As ONNX is written out, with a table whose number of rows only the call knows.
// CHECK-LABEL: func @from_end(
// CHECK-SAME: %[[I:[a-z0-9]+]]: tensor<2x?xi64>, %[[T:[a-z0-9]+]]: tensor<?x8xf16>, %[[E:[a-z0-9]+]]:
// CHECK: %[[Y:.*]] = layer.embedding from_end ins(%[[I]] : tensor<2x?xi64>) table(%[[T]] : tensor<?x8xf16>) outs(%[[E]]
// CHECK-NEXT: return %[[Y]]
func.func @from_end(%i: tensor<2x?xi64>, %t: tensor<?x8xf16>, %e: tensor<2x?x8xf16>) -> tensor<2x?x8xf16> {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %t, %c0 : tensor<?x8xf16>
  %y = linalg.generic {indexing_maps = [#tokens, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%i : tensor<2x?xi64>) outs(%e : tensor<2x?x8xf16>) {
  ^bb0(%id: i64, %o: f16):
    %at = arith.index_cast %id : i64 to index
    %neg = arith.cmpi slt, %at, %c0 : index
    %wrap = arith.addi %at, %rows : index
    %row = arith.select %neg, %wrap, %at : index
    %d = linalg.index 2 : index
    %v = tensor.extract %t[%row, %d] : tensor<?x8xf16>
    linalg.yield %v : f16
  } -> tensor<2x?x8xf16>
  return %y : tensor<2x?x8xf16>
}

// As tosa.gather is written out: batches of one.
// CHECK-LABEL: func @batched(
// CHECK: %[[T:.*]] = tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2]] : tensor<1x50x8xf32> into tensor<50x8xf32>
// CHECK: layer.embedding ins(%{{.*}} : tensor<1x6xi32>) table(%[[T]] : tensor<50x8xf32>)
func.func @batched(%i: tensor<1x6xi32>, %t: tensor<1x50x8xf32>, %e: tensor<1x6x8xf32>) -> tensor<1x6x8xf32> {
  %y = linalg.generic {indexing_maps = [#tokens, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%i : tensor<1x6xi32>) outs(%e : tensor<1x6x8xf32>) {
  ^bb0(%id: i32, %o: f32):
    %b = linalg.index 0 : index
    %at = arith.index_cast %id : i32 to index
    %d = linalg.index 2 : index
    %v = tensor.extract %t[%b, %at, %d] : tensor<1x50x8xf32>
    linalg.yield %v : f32
  } -> tensor<1x6x8xf32>
  return %y : tensor<1x6x8xf32>
}

// Indices that are indices, rows of two dimensions.
// CHECK-LABEL: func @planes(
// CHECK: layer.embedding ins(%{{.*}} : tensor<5xindex>) table(%{{.*}} : tensor<9x3x4xf32>)
func.func @planes(%i: tensor<5xindex>, %t: tensor<9x3x4xf32>, %e: tensor<5x3x4xf32>) -> tensor<5x3x4xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(n, c, d) -> (n)>, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%i : tensor<5xindex>) outs(%e : tensor<5x3x4xf32>) {
  ^bb0(%at: index, %o: f32):
    %c = linalg.index 1 : index
    %d = linalg.index 2 : index
    %v = tensor.extract %t[%at, %c, %d] : tensor<9x3x4xf32>
    linalg.yield %v : f32
  } -> tensor<5x3x4xf32>
  return %y : tensor<5x3x4xf32>
}

// A part of each row; a transposed row; an index that is computed; another count from the end; what is computed with it.
// CHECK-LABEL: func @others(
// CHECK-NOT: layer.embedding
// CHECK: return
func.func @others(%i: tensor<5xi64>, %t: tensor<9x8xf32>, %sq: tensor<9x4x4xf32>, %e: tensor<5x4xf32>, %s: tensor<5x4x4xf32>, %f: tensor<5x8xf32>)
    -> (tensor<5x4xf32>, tensor<5x4x4xf32>, tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : i64
  %c8 = arith.constant 8 : index
  %part = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n)>, affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<5xi64>) outs(%e : tensor<5x4xf32>) {
  ^bb0(%id: i64, %o: f32):
    %at = arith.index_cast %id : i64 to index
    %d = linalg.index 1 : index
    %v = tensor.extract %t[%at, %d] : tensor<9x8xf32>
    linalg.yield %v : f32
  } -> tensor<5x4xf32>
  %turned = linalg.generic {indexing_maps = [affine_map<(n, c, d) -> (n)>, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%i : tensor<5xi64>) outs(%s : tensor<5x4x4xf32>) {
  ^bb0(%id: i64, %o: f32):
    %at = arith.index_cast %id : i64 to index
    %c = linalg.index 1 : index
    %d = linalg.index 2 : index
    %v = tensor.extract %sq[%at, %d, %c] : tensor<9x4x4xf32>
    linalg.yield %v : f32
  } -> tensor<5x4x4xf32>
  %next = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n)>, affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<5xi64>) outs(%f : tensor<5x8xf32>) {
  ^bb0(%id: i64, %o: f32):
    %more = arith.addi %id, %c1 : i64
    %at = arith.index_cast %more : i64 to index
    %d = linalg.index 1 : index
    %v = tensor.extract %t[%at, %d] : tensor<9x8xf32>
    linalg.yield %v : f32
  } -> tensor<5x8xf32>
  %wrong = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n)>, affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<5xi64>) outs(%f : tensor<5x8xf32>) {
  ^bb0(%id: i64, %o: f32):
    %at = arith.index_cast %id : i64 to index
    %neg = arith.cmpi slt, %at, %c0 : index
    %wrap = arith.addi %at, %c8 : index
    %row = arith.select %neg, %wrap, %at : index
    %d = linalg.index 1 : index
    %v = tensor.extract %t[%row, %d] : tensor<9x8xf32>
    linalg.yield %v : f32
  } -> tensor<5x8xf32>
  %twice = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n)>, affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<5xi64>) outs(%f : tensor<5x8xf32>) {
  ^bb0(%id: i64, %o: f32):
    %at = arith.index_cast %id : i64 to index
    %d = linalg.index 1 : index
    %v = tensor.extract %t[%at, %d] : tensor<9x8xf32>
    %w = arith.addf %v, %v : f32
    linalg.yield %w : f32
  } -> tensor<5x8xf32>
  return %part, %turned, %next, %wrong, %twice : tensor<5x4xf32>, tensor<5x4x4xf32>, tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>
}
