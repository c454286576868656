// Small functions of every kind, from which fuzz/make-seeds makes programs.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
#each = affine_map<(i, j) -> (i)>

func.func @dense(%x: tensor<10x16xf32>) -> tensor<10x12xf32> {
  %w = nm.param "dense" : tensor<16x12xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<10x12xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<10x12xf32>) -> tensor<10x12xf32>
  %y = linalg.matmul ins(%x, %w : tensor<10x16xf32>, tensor<16x12xf32>) outs(%f : tensor<10x12xf32>) -> tensor<10x12xf32>
  return %y : tensor<10x12xf32>
}

func.func @half(%x: tensor<10x16xf32>) -> tensor<10x12xf32> {
  %w = nm.param "half" : tensor<12x16xf32, #nm.sparsity<2:4, axis = 1>>
  %d = nm.decompress %w : tensor<12x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<12x16xf32>
  %t = tensor.empty() : tensor<16x12xf32>
  %wt = linalg.transpose ins(%d : tensor<12x16xf32>) outs(%t : tensor<16x12xf32>) permutation = [1, 0]
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<10x12xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<10x12xf32>) -> tensor<10x12xf32>
  %y = linalg.matmul ins(%x, %wt : tensor<10x16xf32>, tensor<16x12xf32>) outs(%f : tensor<10x12xf32>) -> tensor<10x12xf32>
  return %y : tensor<10x12xf32>
}

func.func @attention(%q: tensor<1x1x9x8xf32>, %k: tensor<1x1x11x8xf32>, %v: tensor<1x1x11x8xf32>) -> tensor<1x1x9x8xf32> {
  %e = tensor.empty() : tensor<1x1x9x8xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<1x1x9x8xf32>, tensor<1x1x11x8xf32>, tensor<1x1x11x8xf32>) scale(0.25)
      outs(%e : tensor<1x1x9x8xf32>) -> tensor<1x1x9x8xf32>
  return %r : tensor<1x1x9x8xf32>
}

// Two query heads a key head; each query sees the keys up to its own.
func.func @causal(%q: tensor<1x2x5x8xf32>, %k: tensor<1x1x5x8xf32>, %v: tensor<1x1x5x8xf32>) -> tensor<1x2x5x8xf32> {
  %e = tensor.empty() : tensor<1x2x5x8xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<1x2x5x8xf32>, tensor<1x1x5x8xf32>, tensor<1x1x5x8xf32>) scale(0.25)
      outs(%e : tensor<1x2x5x8xf32>)
      score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %low = arith.constant 0xFF800000 : f32
      %past = arith.cmpi sle, %j, %i : index
      %t = arith.select %past, %s, %low : f32
      flat.yield %t : f32
    } -> tensor<1x2x5x8xf32>
  return %r : tensor<1x2x5x8xf32>
}

func.func @gelu_tanh(%x: tensor<5x12xf32>) -> tensor<5x12xf32> {
  %e = tensor.empty() : tensor<5x12xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<5x12xf32>) outs(%e : tensor<5x12xf32>) {
  ^bb0(%v: f32, %out: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %three = arith.constant 3.0 : f32
    %c = arith.constant 0.044715 : f32
    %k = arith.constant 0.797884583 : f32
    %cube = math.powf %v, %three : f32
    %scaled = arith.mulf %cube, %c : f32
    %sum = arith.addf %v, %scaled : f32
    %in = arith.mulf %sum, %k : f32
    %tanh = math.tanh %in : f32
    %up = arith.addf %tanh, %one : f32
    %h = arith.mulf %v, %half : f32
    %r = arith.mulf %h, %up : f32
    linalg.yield %r : f32
  } -> tensor<5x12xf32>
  return %z : tensor<5x12xf32>
}

func.func @norm_centred(%x: tensor<7x40xf32>) -> tensor<7x40xf32> {
  %gamma = nm.param "gamma" : tensor<40xf32>
  %beta = nm.param "beta" : tensor<40xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<7x40xf32>
  %er = tensor.empty() : tensor<7xf32>
  %f = linalg.fill ins(%zero : f32) outs(%er : tensor<7xf32>) -> tensor<7xf32>
  %sum = linalg.generic {indexing_maps = [#id, #each], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<7x40xf32>) outs(%f : tensor<7xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %a = arith.addf %acc, %v : f32
    linalg.yield %a : f32
  } -> tensor<7xf32>
  %squares = linalg.generic {indexing_maps = [#id, #each, #each], iterator_types = ["parallel", "reduction"]}
      ins(%x, %sum : tensor<7x40xf32>, tensor<7xf32>) outs(%f : tensor<7xf32>) {
  ^bb0(%v: f32, %s: f32, %acc: f32):
    %n = arith.constant 0.025 : f32
    %m = arith.mulf %s, %n : f32
    %d = arith.subf %v, %m : f32
    %q = arith.mulf %d, %d : f32
    %a = arith.addf %acc, %q : f32
    linalg.yield %a : f32
  } -> tensor<7xf32>
  %y = linalg.generic {indexing_maps = [#id, #each, #each, #row, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %squares, %gamma, %beta : tensor<7x40xf32>, tensor<7xf32>, tensor<7xf32>, tensor<40xf32>, tensor<40xf32>)
      outs(%e : tensor<7x40xf32>) {
  ^bb0(%v: f32, %s: f32, %q: f32, %g: f32, %b: f32, %out: f32):
    %n = arith.constant 40.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %m = arith.divf %s, %n : f32
    %var = arith.divf %q, %n : f32
    %vare = arith.addf %var, %eps : f32
    %root = math.sqrt %vare : f32
    %c = arith.subf %v, %m : f32
    %k = arith.divf %c, %root : f32
    %kg = arith.mulf %k, %g : f32
    %r = arith.addf %kg, %b : f32
    linalg.yield %r : f32
  } -> tensor<7x40xf32>
  return %y : tensor<7x40xf32>
}

func.func @softmax_named(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  %e = tensor.empty() : tensor<2x3x8xf32>
  %y = linalg.softmax dimension(2) ins(%x : tensor<2x3x8xf32>) outs(%e : tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}

// A constant lies in the program.
func.func @constant(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %c = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %y = linalg.add ins(%x, %c : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
