// RUN: nm-opt %s --nm-raise --split-input-file | FileCheck %s

// What torch.export writes: the weight is transposed, the destination is zero.
// CHECK-LABEL: func.func @transposed_param
// CHECK-SAME: (%[[X:.+]]: tensor<20x64xf32>)
func.func @transposed_param(%x: tensor<20x64xf32>) -> tensor<20x32xf32> {
  // CHECK: %[[W:.+]] = nm.param "w" : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>
  // CHECK: %[[INIT:.+]] = tensor.empty() : tensor<20x32xf32>
  // CHECK-NOT: linalg
  // CHECK: %[[Y:.+]] = nm.matmul transpose_rhs ins(%[[X]], %[[W]] :
  // CHECK-SAME: outs(%[[INIT]] : tensor<20x32xf32>) -> tensor<20x32xf32>
  // CHECK: return %[[Y]]
  %p = nm.param "w" : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>
  %w = nm.decompress %p : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>> to tensor<32x64xf32>
  %e = tensor.empty() : tensor<64x32xf32>
  %t = linalg.transpose ins(%w : tensor<32x64xf32>) outs(%e : tensor<64x32xf32>) permutation = [1, 0]
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<20x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<20x32xf32>) -> tensor<20x32xf32>
  %y = linalg.matmul ins(%x, %t : tensor<20x64xf32>, tensor<64x32xf32>) outs(%f : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// The transposed named form, and a weight on the left.
// CHECK-LABEL: func.func @weight_left
// CHECK: nm.matmul transpose_lhs ins(%{{.+}}, %{{.+}} : tensor<64x32xf32, #nm.sparsity<1:8, axis = 0>>, tensor<64x20xf32>)
func.func @weight_left(%s: tensor<64x32xf32, #nm.sparsity<1:8, axis = 0>>, %x: tensor<64x20xf32>) -> tensor<32x20xf32> {
  %w = nm.decompress %s : tensor<64x32xf32, #nm.sparsity<1:8, axis = 0>> to tensor<64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<32x20xf32>
  %y = linalg.matmul
      indexing_maps = [affine_map<(i, j, k) -> (k, i)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>]
      ins(%w, %x : tensor<64x32xf32>, tensor<64x20xf32>) outs(%zero : tensor<32x20xf32>) -> tensor<32x20xf32>
  return %y : tensor<32x20xf32>
}

// -----

// The dense operand's transpose folds as well.
// CHECK-LABEL: func.func @transposed_input
// CHECK-SAME: (%[[X:.+]]: tensor<64x20xf32>,
// CHECK: nm.matmul transpose_lhs ins(%[[X]],
func.func @transposed_input(%x: tensor<64x20xf32>, %s: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) -> tensor<20x32xf32> {
  %w = nm.decompress %s : tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xf32>
  %e = tensor.empty() : tensor<20x64xf32>
  %t = linalg.transpose ins(%x : tensor<64x20xf32>) outs(%e : tensor<20x64xf32>) permutation = [1, 0]
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%t, %w : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// A generic; the operands of the product and of the sum are swapped.
// CHECK-LABEL: func.func @generic
// CHECK-SAME: (%[[X:.+]]: tensor<?x63xf32>, %[[S:.+]]: tensor<32x63xf32,
// CHECK: nm.matmul transpose_rhs ins(%[[X]], %[[S]] :
// CHECK-SAME: -> tensor<?x32xf32>
#map = affine_map<(i, j, k) -> (i, k)>
#map1 = affine_map<(i, j, k) -> (j, k)>
#map2 = affine_map<(i, j, k) -> (i, j)>
func.func @generic(%x: tensor<?x63xf32>, %s: tensor<32x63xf32, #nm.sparsity<3:7, axis = 1>>, %n: index) -> tensor<?x32xf32> {
  %w = nm.decompress %s : tensor<32x63xf32, #nm.sparsity<3:7, axis = 1>> to tensor<32x63xf32>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty(%n) : tensor<?x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.generic {indexing_maps = [#map1, #map, #map2], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%w, %x : tensor<32x63xf32>, tensor<?x63xf32>) outs(%f : tensor<?x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %b, %a : f32
    %q = arith.addf %p, %c : f32
    linalg.yield %q : f32
  } -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// Leading dimensions that the weight does not follow are the batch, and the
// loops may come in any order.
// CHECK-LABEL: func.func @generic_three_dimensions
// CHECK-SAME: (%[[X:.+]]: tensor<2x20x64xf32>, %[[S:.+]]: tensor<32x64xf32,
// CHECK: nm.matmul transpose_rhs ins(%[[X]], %[[S]] :
// CHECK-SAME: -> tensor<2x20x32xf32>
func.func @generic_three_dimensions(%x: tensor<2x20x64xf32>, %s: tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>) -> tensor<2x20x32xf32> {
  %w = nm.decompress %s : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>> to tensor<32x64xf32>
  %zero = arith.constant dense<0.0> : tensor<2x20x32xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(k, j, b, i) -> (b, i, k)>, affine_map<(k, j, b, i) -> (j, k)>, affine_map<(k, j, b, i) -> (b, i, j)>],
      iterator_types = ["reduction", "parallel", "parallel", "parallel"]}
      ins(%x, %w : tensor<2x20x64xf32>, tensor<32x64xf32>) outs(%zero : tensor<2x20x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %c, %p : f32
    linalg.yield %q : f32
  } -> tensor<2x20x32xf32>
  return %y : tensor<2x20x32xf32>
}

// -----

// linalg.contract; the product of [b, i, k] and [j, k] is wanted as [b, j, i].
// CHECK-LABEL: func.func @contract
// CHECK-SAME: (%[[X:.+]]: tensor<2x20x64xf32>, %[[S:.+]]: tensor<32x64xf32,
// CHECK: nm.matmul transpose_rhs ins(%[[S]], %[[X]] :
// CHECK-SAME: -> tensor<2x32x20xf32>
func.func @contract(%x: tensor<2x20x64xf32>, %s: tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>) -> tensor<2x32x20xf32> {
  %w = nm.decompress %s : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>> to tensor<32x64xf32>
  %zero = arith.constant dense<0.0> : tensor<2x32x20xf32>
  %y = linalg.contract
      indexing_maps = [affine_map<(b, i, j, k) -> (b, i, k)>, affine_map<(b, i, j, k) -> (j, k)>, affine_map<(b, i, j, k) -> (b, j, i)>]
      ins(%x, %w : tensor<2x20x64xf32>, tensor<32x64xf32>) outs(%zero : tensor<2x32x20xf32>) -> tensor<2x32x20xf32>
  return %y : tensor<2x32x20xf32>
}

// -----

// What TorchScript writes: the transposed weight is broadcast over the batch.
// CHECK-LABEL: func.func @batch_broadcast
// CHECK-SAME: (%[[X:.+]]: tensor<?x20x64xf32>, %[[S:.+]]: tensor<32x64xf32,
// CHECK-NOT: linalg.{{transpose|generic|batch_matmul}}
// CHECK: nm.matmul transpose_rhs ins(%[[X]], %[[S]] :
// CHECK-SAME: -> tensor<?x20x32xf32>
func.func @batch_broadcast(%x: tensor<?x20x64xf32>, %s: tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>, %b: index) -> tensor<?x20x32xf32> {
  %w = nm.decompress %s : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>> to tensor<32x64xf32>
  %e = tensor.empty() : tensor<64x32xf32>
  %t = linalg.transpose ins(%w : tensor<32x64xf32>) outs(%e : tensor<64x32xf32>) permutation = [1, 0]
  %eb = tensor.empty(%b) : tensor<?x64x32xf32>
  %wide = linalg.generic {indexing_maps = [affine_map<(b, k, j) -> (k, j)>, affine_map<(b, k, j) -> (b, k, j)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t : tensor<64x32xf32>) outs(%eb : tensor<?x64x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<?x64x32xf32>
  %zero = arith.constant 0.0 : f32
  %o = tensor.empty(%b) : tensor<?x20x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<?x20x32xf32>) -> tensor<?x20x32xf32>
  %y = linalg.batch_matmul ins(%x, %wide : tensor<?x20x64xf32>, tensor<?x64x32xf32>) outs(%f : tensor<?x20x32xf32>) -> tensor<?x20x32xf32>
  return %y : tensor<?x20x32xf32>
}

// -----

// The same for a batch of one, whose rows are broadcast back: a matrix product.
// CHECK-LABEL: func.func @batch_of_one
// CHECK-SAME: (%[[X:.+]]: tensor<20x64xf32>, %[[S:.+]]: tensor<32x64xf32,
// CHECK: %[[Y:.+]] = nm.matmul transpose_rhs ins(%[[X]], %[[S]] :
// CHECK-SAME: -> tensor<20x32xf32>
// CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [1, 20, 32]
func.func @batch_of_one(%x: tensor<20x64xf32>, %s: tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>) -> tensor<1x20x32xf32> {
  %w = nm.decompress %s : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>> to tensor<32x64xf32>
  %ex = tensor.empty() : tensor<1x20x64xf32>
  %xb = linalg.broadcast ins(%x : tensor<20x64xf32>) outs(%ex : tensor<1x20x64xf32>) dimensions = [0]
  %e = tensor.empty() : tensor<64x32xf32>
  %t = linalg.transpose ins(%w : tensor<32x64xf32>) outs(%e : tensor<64x32xf32>) permutation = [1, 0]
  %eb = tensor.empty() : tensor<1x64x32xf32>
  %wide = linalg.broadcast ins(%t : tensor<64x32xf32>) outs(%eb : tensor<1x64x32xf32>) dimensions = [0]
  %zero = arith.constant dense<0.0> : tensor<1x20x32xf32>
  %y = linalg.batch_matmul ins(%xb, %wide : tensor<1x20x64xf32>, tensor<1x64x32xf32>) outs(%zero : tensor<1x20x32xf32>) -> tensor<1x20x32xf32>
  return %y : tensor<1x20x32xf32>
}

// -----

// A weight for each element of the batch.
// CHECK-LABEL: func.func @batched_weight
// CHECK: nm.matmul ins(%{{.+}}, %{{.+}} : tensor<3x20x64xf32>, tensor<3x64x32xf32, #nm.sparsity<2:4, axis = 1>>)
func.func @batched_weight(%x: tensor<3x20x64xf32>, %s: tensor<3x64x32xf32, #nm.sparsity<2:4, axis = 1>>) -> tensor<3x20x32xf32> {
  %w = nm.decompress %s : tensor<3x64x32xf32, #nm.sparsity<2:4, axis = 1>> to tensor<3x64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<3x20x32xf32>
  %y = linalg.batch_matmul ins(%x, %w : tensor<3x20x64xf32>, tensor<3x64x32xf32>) outs(%zero : tensor<3x20x32xf32>) -> tensor<3x20x32xf32>
  return %y : tensor<3x20x32xf32>
}

// -----

// Storage in bf16, extended by a generic: the product reads bf16.
// CHECK-LABEL: func.func @bf16_storage
// CHECK: nm.matmul transpose_rhs ins(%{{.+}}, %{{.+}} : tensor<20x64xf32>, tensor<32x64xbf16, #nm.sparsity<2:4, axis = 1>>)
// CHECK-SAME: -> tensor<20x32xf32>
func.func @bf16_storage(%x: tensor<20x64xf32>) -> tensor<20x32xf32> {
  %s = nm.param "w" : tensor<32x64xbf16, #nm.sparsity<2:4, axis = 1>>
  %w = nm.decompress %s : tensor<32x64xbf16, #nm.sparsity<2:4, axis = 1>> to tensor<32x64xbf16>
  %ew = tensor.empty() : tensor<32x64xf32>
  %wide = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<32x64xbf16>) outs(%ew : tensor<32x64xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %0 = arith.extf %in : bf16 to f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %e = tensor.empty() : tensor<64x32xf32>
  %t = linalg.transpose ins(%wide : tensor<32x64xf32>) outs(%e : tensor<64x32xf32>) permutation = [1, 0]
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%x, %t : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// f16 operands, f32 sum: the named form extends inside.
// CHECK-LABEL: func.func @f16_operands
// CHECK: nm.matmul ins(%{{.+}}, %{{.+}} : tensor<20x64xf16>, tensor<64x32xf16, #nm.sparsity<2:4, axis = 0>>)
// CHECK-SAME: -> tensor<20x32xf32>
func.func @f16_operands(%x: tensor<20x64xf16>, %s: tensor<64x32xf16, #nm.sparsity<2:4, axis = 0>>) -> tensor<20x32xf32> {
  %w = nm.decompress %s : tensor<64x32xf16, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xf16>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<20x64xf16>, tensor<64x32xf16>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// i8 with an i32 sum.
// CHECK-LABEL: func.func @i8
// CHECK: nm.matmul ins(%{{.+}}, %{{.+}} : tensor<20x64xi8>, tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>>)
// CHECK-SAME: -> tensor<20x32xi32>
func.func @i8(%x: tensor<20x64xi8>, %s: tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>>) -> tensor<20x32xi32> {
  %w = nm.decompress %s : tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xi8>
  %zero = arith.constant dense<0> : tensor<20x32xi32>
  %y = linalg.matmul ins(%x, %w : tensor<20x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<20x32xi32>) -> tensor<20x32xi32>
  return %y : tensor<20x32xi32>
}

// -----

// i8 weights for f32 activations.
// CHECK-LABEL: func.func @i8_weight_only
// CHECK: nm.matmul ins(%{{.+}}, %{{.+}} : tensor<20x64xf32>, tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>>)
func.func @i8_weight_only(%x: tensor<20x64xf32>, %s: tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>>) -> tensor<20x32xf32> {
  %w = nm.decompress %s : tensor<64x32xi8, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xi8>
  %wide = arith.sitofp %w : tensor<64x32xi8> to tensor<64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%x, %wide : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// A vector is a matrix of one row.
// CHECK-LABEL: func.func @matvec
// CHECK-SAME: (%[[S:.+]]: tensor<32x64xf32, {{.+}}, %[[X:.+]]: tensor<64xf32>)
// CHECK: %[[ROW:.+]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1]] output_shape [1, 64]
// CHECK: %[[Y:.+]] = nm.matmul transpose_rhs ins(%[[ROW]], %[[S]] :
// CHECK-SAME: -> tensor<1x32xf32>
// CHECK: tensor.collapse_shape %[[Y]] {{\[\[}}0, 1]] : tensor<1x32xf32> into tensor<32xf32>
func.func @matvec(%s: tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>>, %x: tensor<64xf32>) -> tensor<32xf32> {
  %w = nm.decompress %s : tensor<32x64xf32, #nm.sparsity<2:4, axis = 1>> to tensor<32x64xf32>
  %zero = arith.constant dense<0.0> : tensor<32xf32>
  %y = linalg.matvec ins(%w, %x : tensor<32x64xf32>, tensor<64xf32>) outs(%zero : tensor<32xf32>) -> tensor<32xf32>
  return %y : tensor<32xf32>
}

// -----

// CHECK-LABEL: func.func @vecmat_on_bias
// CHECK-SAME: (%[[S:.+]]: tensor<64x32xf32, {{.+}}, %[[X:.+]]: tensor<64xf32>, %[[B:.+]]: tensor<32xf32>)
// CHECK: nm.matmul ins({{.+}}) epilogue(%[[B]] : tensor<32xf32>) maps [#{{.+}}]
func.func @vecmat_on_bias(%s: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %x: tensor<64xf32>, %bias: tensor<32xf32>) -> tensor<32xf32> {
  %w = nm.decompress %s : tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xf32>
  %y = linalg.vecmat ins(%x, %w : tensor<64xf32>, tensor<64x32xf32>) outs(%bias : tensor<32xf32>) -> tensor<32xf32>
  return %y : tensor<32xf32>
}

// -----

// nm.matmul only writes: what was in the destination is added by the epilogue.
// CHECK: #[[$ID:.+]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @accumulate
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<20x32xbf16>)
// CHECK: %[[INIT:.+]] = tensor.empty() : tensor<20x32xbf16>
// CHECK: nm.matmul ins({{.+}}) epilogue(%[[C]] : tensor<20x32xbf16>) maps [#[[$ID]]] outs(%[[INIT]]
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: f32, %[[E:.+]]: bf16):
// CHECK-NEXT: %[[WIDE:.+]] = arith.extf %[[E]] : bf16 to f32
// CHECK-NEXT: %[[SUM:.+]] = arith.addf %[[ACC]], %[[WIDE]] : f32
// CHECK-NEXT: %[[NARROW:.+]] = arith.truncf %[[SUM]] : f32 to bf16
// CHECK-NEXT: nm.yield %[[NARROW]] : bf16
func.func @accumulate(%x: tensor<20x64xbf16>, %s: tensor<64x32xbf16, #nm.sparsity<2:4, axis = 0>>, %c: tensor<20x32xbf16>) -> tensor<20x32xbf16> {
  %w = nm.decompress %s : tensor<64x32xbf16, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xbf16>
  %y = linalg.matmul ins(%x, %w : tensor<20x64xbf16>, tensor<64x32xbf16>) outs(%c : tensor<20x32xbf16>) -> tensor<20x32xbf16>
  return %y : tensor<20x32xbf16>
}

// -----

// A bias broadcast into the destination is a bias.
// CHECK: #[[$COLUMN:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func @bias_in_destination
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<32xf32>)
// CHECK-NOT: linalg.broadcast
// CHECK: nm.matmul ins({{.+}}) epilogue(%[[B]] : tensor<32xf32>) maps [#[[$COLUMN]]]
func.func @bias_in_destination(%x: tensor<20x64xf32>, %s: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %b: tensor<32xf32>) -> tensor<20x32xf32> {
  %w = nm.decompress %s : tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>> to tensor<64x32xf32>
  %e = tensor.empty() : tensor<20x32xf32>
  %c = linalg.broadcast ins(%b : tensor<32xf32>) outs(%e : tensor<20x32xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32>) outs(%c : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// A promise by attribute: on an argument, and on a parameter (which the loader
// then verifies and packs). Two products share the encoded value.
// CHECK-LABEL: func.func @attributes
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<64x32xf32> {nm.sparsity
// CHECK: %[[S:.+]] = nm.compress %[[A]] : tensor<64x32xf32> to tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>
// CHECK: %[[P:.+]] = nm.param "w" : tensor<32x64xf32, #nm.sparsity<1:2, axis = 1>>
// CHECK: nm.matmul ins(%{{.+}}, %[[S]] :
// CHECK: nm.matmul transpose_rhs ins(%{{.+}}, %[[P]] :
// CHECK: nm.matmul ins(%{{.+}}, %[[S]] :
func.func @attributes(%x: tensor<20x64xf32>, %a: tensor<64x32xf32> {nm.sparsity = #nm.sparsity<2:4, axis = 0>})
    -> (tensor<20x32xf32>, tensor<20x32xf32>, tensor<20x32xf32>) {
  %w = nm.param "w" {nm.sparsity = #nm.sparsity<1:2, axis = 1>} : tensor<32x64xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %0 = linalg.matmul ins(%x, %a : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  %1 = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>]
      ins(%x, %w : tensor<20x64xf32>, tensor<32x64xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  %2 = linalg.matmul ins(%x, %a : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %0, %1, %2 : tensor<20x32xf32>, tensor<20x32xf32>, tensor<20x32xf32>
}

// -----

// CHECK-LABEL: func.func @pruned
// CHECK: %[[P:.+]] = nm.prune
// CHECK: %[[S:.+]] = nm.compress %[[P]]
// CHECK: nm.matmul ins(%{{.+}}, %[[S]] :
func.func @pruned(%x: tensor<20x64xf32>, %w: tensor<64x32xf32>) -> tensor<20x32xf32> {
  %p = nm.prune %w to <2:4, axis = 0> : tensor<64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %0 = linalg.matmul ins(%x, %p : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %0 : tensor<20x32xf32>
}

// -----

// A constant for each element of the batch keeps its unit dimension.
// CHECK-LABEL: func.func @batched_constant
// CHECK: nm.matmul ins(%{{.+}}, %{{.+}} : tensor<1x2x3x2xf32>, tensor<1x2x2x1xf32, #nm.sparsity<1:2, axis = 2>>)
func.func @batched_constant(%x: tensor<1x2x3x2xf32>) -> tensor<1x2x3x1xf32> {
  %w = arith.constant dense<[[[[0.0], [1.0]], [[2.0], [0.0]]]]> : tensor<1x2x2x1xf32>
  %zero = arith.constant dense<0.0> : tensor<1x2x3x1xf32>
  %y = linalg.contract
      indexing_maps = [affine_map<(a, b, i, j, k) -> (a, b, i, k)>, affine_map<(a, b, i, j, k) -> (a, b, k, j)>, affine_map<(a, b, i, j, k) -> (a, b, i, j)>]
      ins(%x, %w : tensor<1x2x3x2xf32>, tensor<1x2x2x1xf32>) outs(%zero : tensor<1x2x3x1xf32>) -> tensor<1x2x3x1xf32>
  return %y : tensor<1x2x3x1xf32>
}

// -----

// A constant in which a pattern is found, also in a resource; unit dimensions
// of constants are dropped.
// CHECK-LABEL: func.func @constants
// CHECK-DAG: %[[C0:.+]] = arith.constant dense<{{.+}}> : tensor<4x2xf32>
// CHECK-DAG: %[[S0:.+]] = nm.compress %[[C0]] : tensor<4x2xf32> to tensor<4x2xf32, #nm.sparsity<1:4, axis = 0>>
// CHECK-DAG: %[[C1:.+]] = arith.constant dense<{{.+}}> : tensor<4x2xf32>
// CHECK-DAG: %[[S1:.+]] = nm.compress %[[C1]] : tensor<4x2xf32> to tensor<4x2xf32, #nm.sparsity<1:2, axis = 0>>
// CHECK: nm.matmul ins(%{{.+}}, %[[S0]] : tensor<1x3x4xf32>, tensor<4x2xf32
// CHECK: nm.matmul ins(%{{.+}}, %[[S1]] :
func.func @constants(%x: tensor<1x3x4xf32>, %z: tensor<3x4xf32>) -> (tensor<1x3x2xf32>, tensor<3x2xf32>) {
  %w = arith.constant dense<[[[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 2.0]]]> : tensor<1x4x2xf32>
  %r = arith.constant dense_resource<weight> : tensor<4x2xf32>
  %zero = arith.constant dense<0.0> : tensor<1x3x2xf32>
  %zero2 = arith.constant dense<0.0> : tensor<3x2xf32>
  %0 = linalg.batch_matmul ins(%x, %w : tensor<1x3x4xf32>, tensor<1x4x2xf32>) outs(%zero : tensor<1x3x2xf32>) -> tensor<1x3x2xf32>
  %1 = linalg.matmul ins(%z, %r : tensor<3x4xf32>, tensor<4x2xf32>) outs(%zero2 : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0, %1 : tensor<1x3x2xf32>, tensor<3x2xf32>
}
{-#
  dialect_resources: {
    builtin: {
      // 1, 0; 0, 2; 0, 3; 4, 0
      weight: "0x040000000000803F00000000000000000000004000000000000040400000804000000000"
    }
  }
#-}
