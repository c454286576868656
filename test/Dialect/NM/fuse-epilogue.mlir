// RUN: nm-opt %s --nm-fuse-epilogue --split-input-file | FileCheck %s

!weight = tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>

// Bias, then GELU as exporters write it, across the reshape of the rows. The
// reshape moves below.
// CHECK: #[[$COLUMN:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func @bias_gelu
// CHECK-SAME: (%[[X:.+]]: tensor<20x64xf32>, %[[W:.+]]: tensor<32x64xf32, {{.+}}, %[[B:.+]]: tensor<32xf32>)
// CHECK: %[[Y:.+]] = nm.matmul transpose_rhs ins(%[[X]], %[[W]] :
// CHECK-SAME: epilogue(%[[B]] : tensor<32xf32>) maps [#[[$COLUMN]]]
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: f32, %[[E:.+]]: f32):
// CHECK-NEXT: %[[SUM:.+]] = arith.addf %[[ACC]], %[[E]] : f32
// CHECK-NEXT: %[[SCALED:.+]] = arith.divf %[[SUM]],
// CHECK-NEXT: %[[ERF:.+]] = math.erf %[[SCALED]] : f32
// CHECK-NEXT: %[[ONE:.+]] = arith.addf %[[ERF]],
// CHECK-NEXT: %[[CDF:.+]] = arith.mulf %[[ONE]],
// CHECK-NEXT: %[[G:.+]] = arith.mulf %[[SUM]], %[[CDF]] : f32
// CHECK-NEXT: nm.yield %[[G]] : f32
// CHECK: %[[R:.+]] = tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [2, 10, 32]
// CHECK-NEXT: return %[[R]]
#id = affine_map<(b, i, j) -> (b, i, j)>
#j = affine_map<(b, i, j) -> (j)>
func.func @bias_gelu(%x: tensor<20x64xf32>, %w: !weight, %b: tensor<32xf32>) -> tensor<2x10x32xf32> {
  %root = arith.constant 1.41421354 : f32
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<20x64xf32>, !weight) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %r = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 10, 32] : tensor<20x32xf32> into tensor<2x10x32xf32>
  %e = tensor.empty() : tensor<2x10x32xf32>
  %s = linalg.generic {indexing_maps = [#id, #j, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %b : tensor<2x10x32xf32>, tensor<32xf32>) outs(%e : tensor<2x10x32xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  } -> tensor<2x10x32xf32>
  %g = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<2x10x32xf32>) outs(%e : tensor<2x10x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %root : f32
    %1 = math.erf %0 : f32
    %2 = arith.addf %1, %one : f32
    %3 = arith.mulf %2, %half : f32
    %4 = arith.mulf %in, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<2x10x32xf32>
  return %g : tensor<2x10x32xf32>
}

// -----

// A residual is reshaped the other way; one made after the product is no
// obstacle, the product moves down.
// CHECK-LABEL: func.func @residual
// CHECK-SAME: %[[RES:[a-z0-9]+]]: tensor<?x?x32xf32>
// CHECK: %[[ABS:.+]] = math.absf %[[RES]]
// CHECK: %[[FLAT:.+]] = tensor.collapse_shape %[[ABS]] {{\[\[}}0, 1], [2]] : tensor<?x?x32xf32> into tensor<?x32xf32>
// CHECK: nm.matmul {{.*}} epilogue(%[[FLAT]] : tensor<?x32xf32>)
// CHECK: tensor.expand_shape
#id = affine_map<(b, i, j) -> (b, i, j)>
func.func @residual(%x: tensor<?x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %res: tensor<?x?x32xf32>, %init: tensor<?x32xf32>, %d0: index, %d1: index) -> tensor<?x?x32xf32> {
  %y = nm.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  %r = tensor.expand_shape %y [[0, 1], [2]] output_shape [%d0, %d1, 32] : tensor<?x32xf32> into tensor<?x?x32xf32>
  %a = math.absf %res : tensor<?x?x32xf32>
  %s = linalg.add ins(%r, %a : tensor<?x?x32xf32>, tensor<?x?x32xf32>) outs(%res : tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  return %s : tensor<?x?x32xf32>
}

// -----

// A batch collapsed into rows: the residual is expanded.
// CHECK-LABEL: func.func @collapsed
// CHECK-SAME: %[[RES:[a-z0-9]+]]: tensor<?x32xf32>
// CHECK: %[[WIDE:.+]] = tensor.expand_shape %[[RES]] {{\[\[}}0, 1], [2]] output_shape [%{{.+}}, 5, 32] : tensor<?x32xf32> into tensor<?x5x32xf32>
// CHECK: %[[Y:.+]] = nm.matmul {{.*}} epilogue(%[[WIDE]] : tensor<?x5x32xf32>)
// CHECK: tensor.collapse_shape %[[Y]]
func.func @collapsed(%x: tensor<?x5x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %res: tensor<?x32xf32>, %init: tensor<?x5x32xf32>) -> tensor<?x32xf32> {
  %y = nm.matmul ins(%x, %w : tensor<?x5x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<?x5x32xf32>) -> tensor<?x5x32xf32>
  %r = tensor.collapse_shape %y [[0, 1], [2]] : tensor<?x5x32xf32> into tensor<?x32xf32>
  %s = linalg.add ins(%r, %res : tensor<?x32xf32>, tensor<?x32xf32>) outs(%res : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %s : tensor<?x32xf32>
}

// -----

// Columns split into heads: so is their bias.
// CHECK-LABEL: func.func @heads
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<4x8xf32>
// CHECK: %[[FLAT:.+]] = tensor.collapse_shape %[[B]] {{\[\[}}0, 1]] : tensor<4x8xf32> into tensor<32xf32>
// CHECK: nm.matmul {{.*}} epilogue(%[[FLAT]] : tensor<32xf32>)
func.func @heads(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %b: tensor<4x8xf32>) -> tensor<20x4x8xf32> {
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %r = tensor.expand_shape %y [[0], [1, 2]] output_shape [20, 4, 8] : tensor<20x32xf32> into tensor<20x4x8xf32>
  %e = tensor.empty() : tensor<20x4x8xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, h, d) -> (i, h, d)>, affine_map<(i, h, d) -> (h, d)>, affine_map<(i, h, d) -> (i, h, d)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %b : tensor<20x4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<20x4x8xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  } -> tensor<20x4x8xf32>
  return %s : tensor<20x4x8xf32>
}

// -----

// A bias with unit dimensions, as TOSA broadcasts.
// CHECK: #[[$COLUMN:.+]] = affine_map<(d0, d1, d2) -> (d2)>
// CHECK-LABEL: func.func @unit_dimensions
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<1x1x32xf32>
// CHECK: %[[FLAT:.+]] = tensor.collapse_shape %[[B]] {{\[\[}}0, 1, 2]] : tensor<1x1x32xf32> into tensor<32xf32>
// CHECK: nm.matmul {{.*}} epilogue(%[[FLAT]] : tensor<32xf32>) maps [#[[$COLUMN]]]
func.func @unit_dimensions(%x: tensor<2x20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %b: tensor<1x1x32xf32>) -> tensor<2x20x32xf32> {
  %init = tensor.empty() : tensor<2x20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<2x20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<2x20x32xf32>) -> tensor<2x20x32xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (0, 0, j)>, affine_map<(b, i, j) -> (b, i, j)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%y, %b : tensor<2x20x32xf32>, tensor<1x1x32xf32>) outs(%init : tensor<2x20x32xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  } -> tensor<2x20x32xf32>
  return %s : tensor<2x20x32xf32>
}

// -----

// The product is added to in place; ReLU as a maximum of a named op; then a
// conversion: the result's element type changes.
// CHECK-LABEL: func.func @in_place_relu_narrow
// CHECK: %[[INIT:.+]] = tensor.empty() : tensor<20x32xbf16>
// CHECK: nm.matmul {{.*}} outs(%[[INIT]] : tensor<20x32xbf16>)
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: f32, %[[E:.+]]: f32, %[[Z:.+]]: f32):
// CHECK-NEXT: %[[SUM:.+]] = arith.addf %[[E]], %[[ACC]] : f32
// CHECK-NEXT: %[[MAX:.+]] = arith.maximumf %[[SUM]], %[[Z]] : f32
// CHECK-NEXT: %[[NARROW:.+]] = arith.truncf %[[MAX]] : f32 to bf16
// CHECK-NEXT: nm.yield %[[NARROW]] : bf16
// CHECK: -> tensor<20x32xbf16>
#id = affine_map<(i, j) -> (i, j)>
#j = affine_map<(i, j) -> (j)>
func.func @in_place_relu_narrow(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %b: tensor<32xf32>, %z: tensor<20x32xf32>) -> tensor<20x32xbf16> {
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %s = linalg.generic {indexing_maps = [#j, #id], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<32xf32>) outs(%y : tensor<20x32xf32>) {
  ^bb0(%bias: f32, %out: f32):
    %0 = arith.addf %bias, %out : f32
    linalg.yield %0 : f32
  } -> tensor<20x32xf32>
  %m = linalg.max ins(%s, %z : tensor<20x32xf32>, tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %e = tensor.empty() : tensor<20x32xbf16>
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<20x32xf32>) outs(%e : tensor<20x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<20x32xbf16>
  return %n : tensor<20x32xbf16>
}

// -----

// SiLU in several operations that start from the product and join again. A
// scalar operand is captured.
// CHECK-LABEL: func.func @silu
// CHECK-SAME: %[[ONE:[a-z0-9]+]]: f32
// CHECK: nm.matmul
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: f32):
// CHECK-NEXT: %[[NEG:.+]] = arith.negf %[[ACC]] : f32
// CHECK-NEXT: %[[EXP:.+]] = math.exp %[[NEG]] : f32
// CHECK-NEXT: %[[DEN:.+]] = arith.addf %[[EXP]], %[[ONE]] : f32
// CHECK-NEXT: %[[R:.+]] = arith.divf %[[ACC]], %[[DEN]] : f32
// CHECK-NEXT: nm.yield %[[R]] : f32
// CHECK-NOT: linalg
#id = affine_map<(i, j) -> (i, j)>
func.func @silu(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %one: f32) -> tensor<20x32xf32> {
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %n = linalg.negf ins(%y : tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %e = linalg.exp ins(%n : tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %d = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> ()>, #id], iterator_types = ["parallel", "parallel"]}
      ins(%e, %one : tensor<20x32xf32>, f32) outs(%init : tensor<20x32xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %0 = arith.addf %in, %c : f32
    linalg.yield %0 : f32
  } -> tensor<20x32xf32>
  %r = linalg.div ins(%y, %d : tensor<20x32xf32>, tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %r : tensor<20x32xf32>
}

// -----

// A scale for each row and one for each column; the row's is read transposed.
// i8: the accumulator is an integer.
// CHECK-DAG: #[[$ROW:.+]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[$COLUMN:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$TURNED:.+]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func.func @scales
// CHECK: nm.matmul {{.*}} epilogue(%{{.+}}, %{{.+}}, %{{.+}} : tensor<20xf32>, tensor<32xf32>, tensor<32x20xf32>) maps [#[[$ROW]], #[[$COLUMN]], #[[$TURNED]]]
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: i32, %{{.+}}: f32, %{{.+}}: f32, %{{.+}}: f32):
// CHECK-NEXT: arith.sitofp %[[ACC]] : i32 to f32
// CHECK: -> tensor<20x32xf32>
func.func @scales(%x: tensor<20x64xi8>, %w: tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>>, %sx: tensor<20xf32>, %sw: tensor<32xf32>, %t: tensor<32x20xf32>) -> tensor<20x32xf32> {
  %init = tensor.empty() : tensor<20x32xi32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xi8>, tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xi32>) -> tensor<20x32xi32>
  %e = tensor.empty() : tensor<20x32xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(j, i) -> (i, j)>, affine_map<(j, i) -> (i)>, affine_map<(j, i) -> (j)>, affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%y, %sx, %sw, %t : tensor<20x32xi32>, tensor<20xf32>, tensor<32xf32>, tensor<32x20xf32>) outs(%e : tensor<20x32xf32>) {
  ^bb0(%in: i32, %a: f32, %b: f32, %c: f32, %out: f32):
    %0 = arith.sitofp %in : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.addf %2, %c : f32
    linalg.yield %3 : f32
  } -> tensor<20x32xf32>
  return %s : tensor<20x32xf32>
}

// -----

// A bf16 product was rounded before it was added to; it still is.
// CHECK-LABEL: func.func @rounding
// CHECK: nm.matmul
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: f32, %[[E:.+]]: bf16):
// CHECK-NEXT: %[[N:.+]] = arith.truncf %[[ACC]] : f32 to bf16
// CHECK-NEXT: arith.addf %[[N]], %[[E]] : bf16
func.func @rounding(%x: tensor<20x64xbf16>, %w: tensor<64x32xbf16, #nm.sparsity<2:4, axis = 0>>, %r: tensor<20x32xbf16>) -> tensor<20x32xbf16> {
  %init = tensor.empty() : tensor<20x32xbf16>
  %y = nm.matmul ins(%x, %w : tensor<20x64xbf16>, tensor<64x32xbf16, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xbf16>) -> tensor<20x32xbf16>
  %s = linalg.add ins(%y, %r : tensor<20x32xbf16>, tensor<20x32xbf16>) outs(%init : tensor<20x32xbf16>) -> tensor<20x32xbf16>
  return %s : tensor<20x32xbf16>
}

// -----

// The gate of a gated unit: one product takes the other as an operand.
// CHECK-LABEL: func.func @gate
// CHECK: %[[UP:.+]] = nm.matmul
// CHECK: %[[R:.+]] = nm.matmul {{.*}} epilogue(%[[UP]] : tensor<20x32xf32>)
// CHECK: return %[[R]]
func.func @gate(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %v: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) -> tensor<20x32xf32> {
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %z = nm.matmul ins(%x, %v : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %s = linalg.mul ins(%y, %z : tensor<20x32xf32>, tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %s : tensor<20x32xf32>
}
