// RUN: nm-opt %s --split-input-file --flat-raise-attention --mlir-print-local-scope | FileCheck %s

// A softmax over a dimension of size 1 is none over keys of a row.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: flat.attention
// CHECK: linalg.reduce
// CHECK: return
func.func @main(%q: tensor<1x1x8x4xf32>, %k: tensor<1x1x4x8xf32>, %v: tensor<1x1x8x4xf32>) -> tensor<1x8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %q3 = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<1x1x8x4xf32> into tensor<1x8x4xf32>
  %k3 = tensor.collapse_shape %k [[0, 1], [2], [3]] : tensor<1x1x4x8xf32> into tensor<1x4x8xf32>
  %v3 = tensor.collapse_shape %v [[0, 1], [2], [3]] : tensor<1x1x8x4xf32> into tensor<1x8x4xf32>
  %e = tensor.empty() : tensor<1x8x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x8xf32>) -> tensor<1x8x8xf32>
  %s = linalg.batch_matmul ins(%q3, %k3 : tensor<1x8x4xf32>, tensor<1x4x8xf32>) outs(%z : tensor<1x8x8xf32>) -> tensor<1x8x8xf32>
  %em = tensor.empty() : tensor<8x8xf32>
  %zm = linalg.fill ins(%ninf : f32) outs(%em : tensor<8x8xf32>) -> tensor<8x8xf32>
  %m = linalg.reduce { arith.maximumf } ins(%s : tensor<1x8x8xf32>) outs(%zm : tensor<8x8xf32>) dimensions = [0]
  %d = linalg.generic {indexing_maps = [affine_map<(b,i,j)->(b,i,j)>, affine_map<(b,i,j)->(i,j)>, affine_map<(b,i,j)->(b,i,j)>], iterator_types = ["parallel","parallel","parallel"]} ins(%s, %m : tensor<1x8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<1x8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %t = arith.subf %x, %y : f32
    %u = math.exp %t : f32
    linalg.yield %u : f32 } -> tensor<1x8x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%em : tensor<8x8xf32>) -> tensor<8x8xf32>
  %su = linalg.reduce { arith.addf } ins(%d : tensor<1x8x8xf32>) outs(%zs : tensor<8x8xf32>) dimensions = [0]
  %p = linalg.generic {indexing_maps = [affine_map<(b,i,j)->(b,i,j)>, affine_map<(b,i,j)->(i,j)>, affine_map<(b,i,j)->(b,i,j)>], iterator_types = ["parallel","parallel","parallel"]} ins(%d, %su : tensor<1x8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<1x8x8xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %t = arith.divf %x, %y : f32
    linalg.yield %t : f32 } -> tensor<1x8x8xf32>
  %e2 = tensor.empty() : tensor<1x8x4xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
  %o = linalg.batch_matmul ins(%p, %v3 : tensor<1x8x8xf32>, tensor<1x8x4xf32>) outs(%z2 : tensor<1x8x4xf32>) -> tensor<1x8x4xf32>
  return %o : tensor<1x8x4xf32>
}

// -----

// The maximum is subtracted from some keys of a row only.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: flat.attention
// CHECK: return
module {
  func.func @main(%arg0: tensor<2x2x9x8xf32>, %arg1: tensor<2x2x9x8xf32>, %arg2: tensor<2x2x9x8xf32>, %arg3: tensor<2x1x1x9xi1>) -> tensor<2x2x9x8xf32> {
    %e1 = tensor.empty() : tensor<2x2x8x9xf32>
    %v2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d3, d2)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x2x9x8xf32>) outs(%e1 : tensor<2x2x8x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x8x9xf32>
    %v3 = tensor.collapse_shape %arg0 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %v4 = tensor.collapse_shape %v2 [[0, 1], [2], [3]] : tensor<2x2x8x9xf32> into tensor<4x8x9xf32>
    %c5 = arith.constant 0.0 : f32
    %e6 = tensor.empty() : tensor<4x9x9xf32>
    %f7 = linalg.fill ins(%c5 : f32) outs(%e6 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v8 = linalg.batch_matmul ins(%v3, %v4 : tensor<4x9x8xf32>, tensor<4x8x9xf32>) outs(%f7 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v9 = tensor.expand_shape %v8 [[0, 1], [2], [3]] output_shape [2, 2, 9, 9] : tensor<4x9x9xf32> into tensor<2x2x9x9xf32>
    %c10 = arith.constant 0xFF800000 : f32
    %e11 = tensor.empty() : tensor<2x2x9x1xf32>
    %f12 = linalg.fill ins(%c10 : f32) outs(%e11 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v13 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v9 : tensor<2x2x9x9xf32>) outs(%f12 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.maximumf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %c14 = arith.constant 0.0 : f32
    %e15 = tensor.empty() : tensor<2x2x9x9xf32>
    %v16 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg3, %v13 : tensor<2x1x1x9xi1>, tensor<2x2x9x1xf32>) outs(%e15 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: i1, %in_1: f32, %out: f32):
      %r = arith.select %in_0, %in_1, %c14 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e17 = tensor.empty() : tensor<2x2x9x9xf32>
    %v18 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v9, %v16 : tensor<2x2x9x9xf32>, tensor<2x2x9x9xf32>) outs(%e17 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.subf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e19 = tensor.empty() : tensor<2x2x9x9xf32>
    %v20 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v18 : tensor<2x2x9x9xf32>) outs(%e19 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %r = math.exp %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %c21 = arith.constant 0.0 : f32
    %e22 = tensor.empty() : tensor<2x2x9x1xf32>
    %f23 = linalg.fill ins(%c21 : f32) outs(%e22 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v24 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v20 : tensor<2x2x9x9xf32>) outs(%f23 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.addf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %e25 = tensor.empty() : tensor<2x2x9x9xf32>
    %v26 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v20, %v24 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e25 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.divf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %v27 = tensor.collapse_shape %v26 [[0, 1], [2], [3]] : tensor<2x2x9x9xf32> into tensor<4x9x9xf32>
    %v28 = tensor.collapse_shape %arg2 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %c29 = arith.constant 0.0 : f32
    %e30 = tensor.empty() : tensor<4x9x8xf32>
    %f31 = linalg.fill ins(%c29 : f32) outs(%e30 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v32 = linalg.batch_matmul ins(%v27, %v28 : tensor<4x9x9xf32>, tensor<4x9x8xf32>) outs(%f31 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v33 = tensor.expand_shape %v32 [[0, 1], [2], [3]] output_shape [2, 2, 9, 8] : tensor<4x9x8xf32> into tensor<2x2x9x8xf32>
    return %v33 : tensor<2x2x9x8xf32>
  }
}

// -----

// The same, by position.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: flat.attention
// CHECK: return
module {
  func.func @main(%arg0: tensor<2x2x9x8xf32>, %arg1: tensor<2x2x9x8xf32>, %arg2: tensor<2x2x9x8xf32>) -> tensor<2x2x9x8xf32> {
    %e1 = tensor.empty() : tensor<2x2x8x9xf32>
    %v2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d3, d2)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x2x9x8xf32>) outs(%e1 : tensor<2x2x8x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x8x9xf32>
    %v3 = tensor.collapse_shape %arg0 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %v4 = tensor.collapse_shape %v2 [[0, 1], [2], [3]] : tensor<2x2x8x9xf32> into tensor<4x8x9xf32>
    %c5 = arith.constant 0.0 : f32
    %e6 = tensor.empty() : tensor<4x9x9xf32>
    %f7 = linalg.fill ins(%c5 : f32) outs(%e6 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v8 = linalg.batch_matmul ins(%v3, %v4 : tensor<4x9x8xf32>, tensor<4x8x9xf32>) outs(%f7 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v9 = tensor.expand_shape %v8 [[0, 1], [2], [3]] output_shape [2, 2, 9, 9] : tensor<4x9x9xf32> into tensor<2x2x9x9xf32>
    %c10 = arith.constant 0xFF800000 : f32
    %e11 = tensor.empty() : tensor<2x2x9x1xf32>
    %f12 = linalg.fill ins(%c10 : f32) outs(%e11 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v13 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v9 : tensor<2x2x9x9xf32>) outs(%f12 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.maximumf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %c14 = arith.constant 0.0 : f32
    %e15 = tensor.empty() : tensor<2x2x9x9xf32>
    %v16 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v9, %v13 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e15 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %k = linalg.index 3 : index
      %t = arith.constant 4 : index
      %p = arith.cmpi slt, %k, %t : index
      %x = arith.select %p, %in_1, %c14 : f32
      %r = arith.subf %in_0, %x : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e17 = tensor.empty() : tensor<2x2x9x9xf32>
    %v18 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v16 : tensor<2x2x9x9xf32>) outs(%e17 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %r = math.exp %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %c19 = arith.constant 0.0 : f32
    %e20 = tensor.empty() : tensor<2x2x9x1xf32>
    %f21 = linalg.fill ins(%c19 : f32) outs(%e20 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v22 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v18 : tensor<2x2x9x9xf32>) outs(%f21 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.addf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %e23 = tensor.empty() : tensor<2x2x9x9xf32>
    %v24 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v18, %v22 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e23 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.divf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %v25 = tensor.collapse_shape %v24 [[0, 1], [2], [3]] : tensor<2x2x9x9xf32> into tensor<4x9x9xf32>
    %v26 = tensor.collapse_shape %arg2 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %c27 = arith.constant 0.0 : f32
    %e28 = tensor.empty() : tensor<4x9x8xf32>
    %f29 = linalg.fill ins(%c27 : f32) outs(%e28 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v30 = linalg.batch_matmul ins(%v25, %v26 : tensor<4x9x9xf32>, tensor<4x9x8xf32>) outs(%f29 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v31 = tensor.expand_shape %v30 [[0, 1], [2], [3]] output_shape [2, 2, 9, 8] : tensor<4x9x8xf32> into tensor<2x2x9x8xf32>
    return %v31 : tensor<2x2x9x8xf32>
  }
}

// -----

// The same, by the logit.
// CHECK-LABEL: func.func @main(
// CHECK-NOT: flat.attention
// CHECK: return
module {
  func.func @main(%arg0: tensor<2x2x9x8xf32>, %arg1: tensor<2x2x9x8xf32>, %arg2: tensor<2x2x9x8xf32>) -> tensor<2x2x9x8xf32> {
    %e1 = tensor.empty() : tensor<2x2x8x9xf32>
    %v2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d3, d2)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x2x9x8xf32>) outs(%e1 : tensor<2x2x8x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x8x9xf32>
    %v3 = tensor.collapse_shape %arg0 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %v4 = tensor.collapse_shape %v2 [[0, 1], [2], [3]] : tensor<2x2x8x9xf32> into tensor<4x8x9xf32>
    %c5 = arith.constant 0.0 : f32
    %e6 = tensor.empty() : tensor<4x9x9xf32>
    %f7 = linalg.fill ins(%c5 : f32) outs(%e6 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v8 = linalg.batch_matmul ins(%v3, %v4 : tensor<4x9x8xf32>, tensor<4x8x9xf32>) outs(%f7 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v9 = tensor.expand_shape %v8 [[0, 1], [2], [3]] output_shape [2, 2, 9, 9] : tensor<4x9x9xf32> into tensor<2x2x9x9xf32>
    %c10 = arith.constant 0xFF800000 : f32
    %e11 = tensor.empty() : tensor<2x2x9x1xf32>
    %f12 = linalg.fill ins(%c10 : f32) outs(%e11 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v13 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v9 : tensor<2x2x9x9xf32>) outs(%f12 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.maximumf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %c14 = arith.constant 0.0 : f32
    %e15 = tensor.empty() : tensor<2x2x9x9xf32>
    %v16 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v9, %v13 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e15 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %p = arith.cmpf ogt, %in_0, %c14 : f32
      %x = arith.select %p, %in_1, %c14 : f32
      %r = arith.subf %in_0, %x : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e17 = tensor.empty() : tensor<2x2x9x9xf32>
    %v18 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v16 : tensor<2x2x9x9xf32>) outs(%e17 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %r = math.exp %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %c19 = arith.constant 0.0 : f32
    %e20 = tensor.empty() : tensor<2x2x9x1xf32>
    %f21 = linalg.fill ins(%c19 : f32) outs(%e20 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v22 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v18 : tensor<2x2x9x9xf32>) outs(%f21 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.addf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %e23 = tensor.empty() : tensor<2x2x9x9xf32>
    %v24 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v18, %v22 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e23 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.divf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %v25 = tensor.collapse_shape %v24 [[0, 1], [2], [3]] : tensor<2x2x9x9xf32> into tensor<4x9x9xf32>
    %v26 = tensor.collapse_shape %arg2 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %c27 = arith.constant 0.0 : f32
    %e28 = tensor.empty() : tensor<4x9x8xf32>
    %f29 = linalg.fill ins(%c27 : f32) outs(%e28 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v30 = linalg.batch_matmul ins(%v25, %v26 : tensor<4x9x9xf32>, tensor<4x9x8xf32>) outs(%f29 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v31 = tensor.expand_shape %v30 [[0, 1], [2], [3]] output_shape [2, 2, 9, 8] : tensor<4x9x8xf32> into tensor<2x2x9x8xf32>
    return %v31 : tensor<2x2x9x8xf32>
  }
}

// -----

// Every loop has size 1.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT: arith.constant
// CHECK-NEXT: linalg.matmul
// CHECK-NEXT: return
func.func @main(%a: tensor<1x1xf32>, %b: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %z = arith.constant dense<0.0> : tensor<1x1xf32>
  %r = linalg.matmul ins(%a, %b : tensor<1x1xf32>, tensor<1x1xf32>) outs(%z : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %r : tensor<1x1xf32>
}

// -----

// exp(s - log-sum-exp): a row without weights is NaN, as IEEE arithmetic says.
// CHECK-LABEL: func.func @main(
// CHECK: flat.attention {{.*}} guard(none)
// CHECK-NOT: linalg.reduce
// CHECK: return
module {
  func.func @main(%arg0: tensor<2x2x9x8xf32>, %arg1: tensor<2x2x9x8xf32>, %arg2: tensor<2x2x9x8xf32>) -> tensor<2x2x9x8xf32> {
    %e1 = tensor.empty() : tensor<2x2x8x9xf32>
    %v2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d3, d2)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x2x9x8xf32>) outs(%e1 : tensor<2x2x8x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x8x9xf32>
    %v3 = tensor.collapse_shape %arg0 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %v4 = tensor.collapse_shape %v2 [[0, 1], [2], [3]] : tensor<2x2x8x9xf32> into tensor<4x8x9xf32>
    %c5 = arith.constant 0.0 : f32
    %e6 = tensor.empty() : tensor<4x9x9xf32>
    %f7 = linalg.fill ins(%c5 : f32) outs(%e6 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v8 = linalg.batch_matmul ins(%v3, %v4 : tensor<4x9x8xf32>, tensor<4x8x9xf32>) outs(%f7 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v9 = tensor.expand_shape %v8 [[0, 1], [2], [3]] output_shape [2, 2, 9, 9] : tensor<4x9x9xf32> into tensor<2x2x9x9xf32>
    %c10 = arith.constant 0xFF800000 : f32
    %e11 = tensor.empty() : tensor<2x2x9x1xf32>
    %f12 = linalg.fill ins(%c10 : f32) outs(%e11 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v13 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v9 : tensor<2x2x9x9xf32>) outs(%f12 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.maximumf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %e14 = tensor.empty() : tensor<2x2x9x9xf32>
    %v15 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v9, %v13 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e14 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.subf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e16 = tensor.empty() : tensor<2x2x9x9xf32>
    %v17 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v15 : tensor<2x2x9x9xf32>) outs(%e16 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %r = math.exp %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %c18 = arith.constant 0.0 : f32
    %e19 = tensor.empty() : tensor<2x2x9x1xf32>
    %f20 = linalg.fill ins(%c18 : f32) outs(%e19 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v21 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v17 : tensor<2x2x9x9xf32>) outs(%f20 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.addf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %e22 = tensor.empty() : tensor<2x2x9x1xf32>
    %v23 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v21 : tensor<2x2x9x1xf32>) outs(%e22 : tensor<2x2x9x1xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %r = math.log %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x1xf32>
    %e24 = tensor.empty() : tensor<2x2x9x1xf32>
    %v25 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v13, %v23 : tensor<2x2x9x1xf32>, tensor<2x2x9x1xf32>) outs(%e24 : tensor<2x2x9x1xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.addf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x1xf32>
    %e26 = tensor.empty() : tensor<2x2x9x9xf32>
    %v27 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v9, %v25 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e26 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.subf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e28 = tensor.empty() : tensor<2x2x9x9xf32>
    %v29 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v27 : tensor<2x2x9x9xf32>) outs(%e28 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %r = math.exp %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %v30 = tensor.collapse_shape %v29 [[0, 1], [2], [3]] : tensor<2x2x9x9xf32> into tensor<4x9x9xf32>
    %v31 = tensor.collapse_shape %arg2 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %c32 = arith.constant 0.0 : f32
    %e33 = tensor.empty() : tensor<4x9x8xf32>
    %f34 = linalg.fill ins(%c32 : f32) outs(%e33 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v35 = linalg.batch_matmul ins(%v30, %v31 : tensor<4x9x9xf32>, tensor<4x9x8xf32>) outs(%f34 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v36 = tensor.expand_shape %v35 [[0, 1], [2], [3]] output_shape [2, 2, 9, 8] : tensor<4x9x8xf32> into tensor<2x2x9x8xf32>
    return %v36 : tensor<2x2x9x8xf32>
  }
}

// -----

// Zeros where all scores are minus infinity.
// CHECK-LABEL: func.func @main(
// CHECK: flat.attention {{.*}} mask(%arg3
// CHECK-NOT: guard
// CHECK: return
module {
  func.func @main(%arg0: tensor<2x2x9x8xf32>, %arg1: tensor<2x2x9x8xf32>, %arg2: tensor<2x2x9x8xf32>, %arg3: tensor<2x1x9x9xi1>) -> tensor<2x2x9x8xf32> {
    %e1 = tensor.empty() : tensor<2x2x8x9xf32>
    %v2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d3, d2)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x2x9x8xf32>) outs(%e1 : tensor<2x2x8x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x8x9xf32>
    %v3 = tensor.collapse_shape %arg0 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %v4 = tensor.collapse_shape %v2 [[0, 1], [2], [3]] : tensor<2x2x8x9xf32> into tensor<4x8x9xf32>
    %c5 = arith.constant 0.0 : f32
    %e6 = tensor.empty() : tensor<4x9x9xf32>
    %f7 = linalg.fill ins(%c5 : f32) outs(%e6 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v8 = linalg.batch_matmul ins(%v3, %v4 : tensor<4x9x8xf32>, tensor<4x8x9xf32>) outs(%f7 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v9 = tensor.expand_shape %v8 [[0, 1], [2], [3]] output_shape [2, 2, 9, 9] : tensor<4x9x9xf32> into tensor<2x2x9x9xf32>
    %c10 = arith.constant 0xFF800000 : f32
    %c11 = arith.constant 0.0 : f32
    %e12 = tensor.empty() : tensor<2x2x9x9xf32>
    %v13 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg3, %v9 : tensor<2x1x9x9xi1>, tensor<2x2x9x9xf32>) outs(%e12 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: i1, %in_1: f32, %out: f32):
      %r = arith.select %in_0, %in_1, %c10 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %c14 = arith.constant 0xFF800000 : f32
    %e15 = tensor.empty() : tensor<2x2x9x1xf32>
    %f16 = linalg.fill ins(%c14 : f32) outs(%e15 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %c18 = arith.constant 0 : i64
    %e19 = tensor.empty() : tensor<2x2x9x1xi64>
    %f20 = linalg.fill ins(%c18 : i64) outs(%e19 : tensor<2x2x9x1xi64>) -> tensor<2x2x9x1xi64>
    %v17:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v13 : tensor<2x2x9x9xf32>) outs(%f16, %f20 : tensor<2x2x9x1xf32>, tensor<2x2x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %oi: i64):
      %ix = linalg.index 3 : index
      %ic = arith.index_cast %ix : index to i64
      %mx = arith.maximumf %in, %out : f32
      %gt = arith.cmpf ogt, %in, %out : f32
      %se = arith.select %gt, %ic, %oi : i64
      linalg.yield %mx, %se : f32, i64
    } -> (tensor<2x2x9x1xf32>, tensor<2x2x9x1xi64>)
    %e21 = tensor.empty() : tensor<2x2x9x9xf32>
    %v22 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v13, %v17#0 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e21 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.subf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e23 = tensor.empty() : tensor<2x2x9x9xf32>
    %v24 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v22 : tensor<2x2x9x9xf32>) outs(%e23 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %r = math.exp %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %c25 = arith.constant 0.0 : f32
    %e26 = tensor.empty() : tensor<2x2x9x1xf32>
    %f27 = linalg.fill ins(%c25 : f32) outs(%e26 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v28 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v24 : tensor<2x2x9x9xf32>) outs(%f27 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.addf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %e29 = tensor.empty() : tensor<2x2x9x9xf32>
    %v30 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v24, %v28 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e29 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.divf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e31 = tensor.empty() : tensor<2x2x9x9xi1>
    %v32 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v13 : tensor<2x2x9x9xf32>) outs(%e31 : tensor<2x2x9x9xi1>) {
    ^bb0(%in_0: f32, %out: i1):
      %r = arith.cmpf oeq, %in_0, %c10 : f32
      linalg.yield %r : i1
    } -> tensor<2x2x9x9xi1>
    %e33 = tensor.empty() : tensor<2x2x9x1xi1>
    %t34 = arith.constant true
    %f35 = linalg.fill ins(%t34 : i1) outs(%e33 : tensor<2x2x9x1xi1>) -> tensor<2x2x9x1xi1>
    %v36 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v32 : tensor<2x2x9x9xi1>) outs(%f35 : tensor<2x2x9x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %a = arith.andi %in, %out : i1
      linalg.yield %a : i1
    } -> tensor<2x2x9x1xi1>
    %e37 = tensor.empty() : tensor<2x2x9x9xf32>
    %v38 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v36, %v30 : tensor<2x2x9x1xi1>, tensor<2x2x9x9xf32>) outs(%e37 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: i1, %in_1: f32, %out: f32):
      %r = arith.select %in_0, %c11, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %v39 = tensor.collapse_shape %v38 [[0, 1], [2], [3]] : tensor<2x2x9x9xf32> into tensor<4x9x9xf32>
    %v40 = tensor.collapse_shape %arg2 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %c41 = arith.constant 0.0 : f32
    %e42 = tensor.empty() : tensor<4x9x8xf32>
    %f43 = linalg.fill ins(%c41 : f32) outs(%e42 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v44 = linalg.batch_matmul ins(%v39, %v40 : tensor<4x9x9xf32>, tensor<4x9x8xf32>) outs(%f43 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v45 = tensor.expand_shape %v44 [[0, 1], [2], [3]] output_shape [2, 2, 9, 8] : tensor<4x9x8xf32> into tensor<2x2x9x8xf32>
    return %v45 : tensor<2x2x9x8xf32>
  }
}

// -----

// Zeros where a weight is NaN, whatever made it so.
// CHECK-LABEL: func.func @main(
// CHECK: flat.attention {{.*}} mask(%arg3 {{.*}} guard(undefined)
// CHECK: return
module {
  func.func @main(%arg0: tensor<2x2x9x8xf32>, %arg1: tensor<2x2x9x8xf32>, %arg2: tensor<2x2x9x8xf32>, %arg3: tensor<2x1x9x9xi1>) -> tensor<2x2x9x8xf32> {
    %e1 = tensor.empty() : tensor<2x2x8x9xf32>
    %v2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d3, d2)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x2x9x8xf32>) outs(%e1 : tensor<2x2x8x9xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x8x9xf32>
    %v3 = tensor.collapse_shape %arg0 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %v4 = tensor.collapse_shape %v2 [[0, 1], [2], [3]] : tensor<2x2x8x9xf32> into tensor<4x8x9xf32>
    %c5 = arith.constant 0.0 : f32
    %e6 = tensor.empty() : tensor<4x9x9xf32>
    %f7 = linalg.fill ins(%c5 : f32) outs(%e6 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v8 = linalg.batch_matmul ins(%v3, %v4 : tensor<4x9x8xf32>, tensor<4x8x9xf32>) outs(%f7 : tensor<4x9x9xf32>) -> tensor<4x9x9xf32>
    %v9 = tensor.expand_shape %v8 [[0, 1], [2], [3]] output_shape [2, 2, 9, 9] : tensor<4x9x9xf32> into tensor<2x2x9x9xf32>
    %c10 = arith.constant 0xFF800000 : f32
    %c11 = arith.constant 0.0 : f32
    %e12 = tensor.empty() : tensor<2x2x9x9xf32>
    %v13 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg3, %v9 : tensor<2x1x9x9xi1>, tensor<2x2x9x9xf32>) outs(%e12 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: i1, %in_1: f32, %out: f32):
      %r = arith.select %in_0, %in_1, %c10 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %c14 = arith.constant 0xFF800000 : f32
    %e15 = tensor.empty() : tensor<2x2x9x1xf32>
    %f16 = linalg.fill ins(%c14 : f32) outs(%e15 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %c18 = arith.constant 0 : i64
    %e19 = tensor.empty() : tensor<2x2x9x1xi64>
    %f20 = linalg.fill ins(%c18 : i64) outs(%e19 : tensor<2x2x9x1xi64>) -> tensor<2x2x9x1xi64>
    %v17:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v13 : tensor<2x2x9x9xf32>) outs(%f16, %f20 : tensor<2x2x9x1xf32>, tensor<2x2x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %oi: i64):
      %ix = linalg.index 3 : index
      %ic = arith.index_cast %ix : index to i64
      %mx = arith.maximumf %in, %out : f32
      %gt = arith.cmpf ogt, %in, %out : f32
      %se = arith.select %gt, %ic, %oi : i64
      linalg.yield %mx, %se : f32, i64
    } -> (tensor<2x2x9x1xf32>, tensor<2x2x9x1xi64>)
    %e21 = tensor.empty() : tensor<2x2x9x9xf32>
    %v22 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v13, %v17#0 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e21 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.subf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e23 = tensor.empty() : tensor<2x2x9x9xf32>
    %v24 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v22 : tensor<2x2x9x9xf32>) outs(%e23 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %r = math.exp %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %c25 = arith.constant 0.0 : f32
    %e26 = tensor.empty() : tensor<2x2x9x1xf32>
    %f27 = linalg.fill ins(%c25 : f32) outs(%e26 : tensor<2x2x9x1xf32>) -> tensor<2x2x9x1xf32>
    %v28 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%v24 : tensor<2x2x9x9xf32>) outs(%f27 : tensor<2x2x9x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %mx = arith.addf %in, %out : f32
      linalg.yield %mx : f32
    } -> tensor<2x2x9x1xf32>
    %e29 = tensor.empty() : tensor<2x2x9x9xf32>
    %v30 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v24, %v28 : tensor<2x2x9x9xf32>, tensor<2x2x9x1xf32>) outs(%e29 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %in_1: f32, %out: f32):
      %r = arith.divf %in_0, %in_1 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %e31 = tensor.empty() : tensor<2x2x9x9xf32>
    %v32 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v30 : tensor<2x2x9x9xf32>) outs(%e31 : tensor<2x2x9x9xf32>) {
    ^bb0(%in_0: f32, %out: f32):
      %p = arith.cmpf uno, %in_0, %in_0 : f32
      %r = arith.select %p, %c11, %in_0 : f32
      linalg.yield %r : f32
    } -> tensor<2x2x9x9xf32>
    %v33 = tensor.collapse_shape %v32 [[0, 1], [2], [3]] : tensor<2x2x9x9xf32> into tensor<4x9x9xf32>
    %v34 = tensor.collapse_shape %arg2 [[0, 1], [2], [3]] : tensor<2x2x9x8xf32> into tensor<4x9x8xf32>
    %c35 = arith.constant 0.0 : f32
    %e36 = tensor.empty() : tensor<4x9x8xf32>
    %f37 = linalg.fill ins(%c35 : f32) outs(%e36 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v38 = linalg.batch_matmul ins(%v33, %v34 : tensor<4x9x9xf32>, tensor<4x9x8xf32>) outs(%f37 : tensor<4x9x8xf32>) -> tensor<4x9x8xf32>
    %v39 = tensor.expand_shape %v38 [[0, 1], [2], [3]] output_shape [2, 2, 9, 8] : tensor<4x9x8xf32> into tensor<2x2x9x8xf32>
    return %v39 : tensor<2x2x9x8xf32>
  }
}
