// RUN: nm-opt %s --nm-fuse-epilogue --split-input-file --remarks-filter=nm-fuse-epilogue -o /dev/null 2>&1 | FileCheck %s
// RUN: nm-opt %s --nm-fuse-epilogue --split-input-file | FileCheck %s --check-prefix=IR

// CHECK: [Passed] epilogue-fused
// CHECK-SAME: consumer=linalg.add, operands=1
// CHECK: [Analysis] epilogue-end
// CHECK-SAME: 'func.return' is not an elementwise linalg operation
func.func @fused(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %r: tensor<20x32xf32>) -> tensor<20x32xf32> {
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %s = linalg.add ins(%y, %r : tensor<20x32xf32>, tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %s : tensor<20x32xf32>
}

// -----

// CHECK: [Missed] epilogue-not-fused
// CHECK-SAME: it has several uses that do not join
// IR-LABEL: func.func @two_results
// IR: nm.matmul {{.*}} outs(%{{.+}} : tensor<20x32xf32>) -> tensor<20x32xf32>
// IR: linalg.exp
// IR: linalg.negf
func.func @two_results(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) -> (tensor<20x32xf32>, tensor<20x32xf32>) {
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %e = linalg.exp ins(%y : tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %n = linalg.negf ins(%y : tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %e, %n : tensor<20x32xf32>, tensor<20x32xf32>
}

// -----

// An operand of some of the merged rows has no place in the product's space.
// CHECK: [Missed] epilogue-not-fused
// CHECK-SAME: operand 1 of 'linalg.generic' follows a part of the dimensions that a reshape merges
// IR-LABEL: func.func @partial
// IR: linalg.generic
#id = affine_map<(b, i, j) -> (b, i, j)>
func.func @partial(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %b: tensor<2xf32>) -> tensor<2x10x32xf32> {
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %r = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 10, 32] : tensor<20x32xf32> into tensor<2x10x32xf32>
  %e = tensor.empty() : tensor<2x10x32xf32>
  %s = linalg.generic {indexing_maps = [#id, affine_map<(b, i, j) -> (b)>, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r, %b : tensor<2x10x32xf32>, tensor<2xf32>) outs(%e : tensor<2x10x32xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  } -> tensor<2x10x32xf32>
  return %s : tensor<2x10x32xf32>
}

// -----

// CHECK: [Missed] epilogue-not-fused
// CHECK-SAME: it is used in another block, by 'linalg.exp'
// IR-LABEL: func.func @loop
func.func @loop(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>, %n: index) -> tensor<20x32xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %init) -> tensor<20x32xf32> {
    %e = linalg.exp ins(%y : tensor<20x32xf32>) outs(%a : tensor<20x32xf32>) -> tensor<20x32xf32>
    scf.yield %e : tensor<20x32xf32>
  }
  return %r : tensor<20x32xf32>
}

// -----

// The position of an element is not known to the epilogue.
// CHECK: [Analysis] epilogue-end
// CHECK-SAME: 'linalg.generic' is not an elementwise linalg operation
// IR-LABEL: func.func @index
#id2 = affine_map<(i, j) -> (i, j)>
func.func @index(%x: tensor<20x64xf32>, %w: tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) -> tensor<20x32xf32> {
  %init = tensor.empty() : tensor<20x32xf32>
  %y = nm.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32, #nm.sparsity<2:4, axis = 0>>) outs(%init : tensor<20x32xf32>) -> tensor<20x32xf32>
  %s = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<20x32xf32>) outs(%init : tensor<20x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %i = linalg.index 0 : index
    %c = arith.index_cast %i : index to i32
    %f = arith.sitofp %c : i32 to f32
    %0 = arith.addf %in, %f : f32
    linalg.yield %0 : f32
  } -> tensor<20x32xf32>
  return %s : tensor<20x32xf32>
}
