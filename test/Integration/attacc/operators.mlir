// Every operator alone gives what the processor gives, within the rounding of f16.
// REQUIRES: numpy
// RUN: %python %S/Inputs/agree.py %s %t | FileCheck %s
// RUN: %python %S/Inputs/agree.py %s %t --target tpu-v5e --atol 3e-2 -- --element-type=bf16 | FileCheck %s --check-prefix=BF16
// BF16-COUNT-32: agrees

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
#each = affine_map<(i, j) -> (i)>
#all = affine_map<(b, i, j) -> (b, i, j)>
#last = affine_map<(b, i, j) -> (j)>

// CHECK: dense on edge: agrees
// CHECK: dense on cloud: agrees
func.func @dense(%x: tensor<20x64xf32>) -> tensor<20x48xf32> {
  %w = nm.param "dense" : tensor<48x64xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %t = tensor.empty() : tensor<64x48xf32>
  %wt = linalg.transpose ins(%w : tensor<48x64xf32>) outs(%t : tensor<64x48xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %wt : tensor<20x64xf32>, tensor<64x48xf32>) outs(%f : tensor<20x48xf32>) -> tensor<20x48xf32>
  return %y : tensor<20x48xf32>
}

// Weights stored [in, out]; odd sizes.
// CHECK: untransposed on edge: agrees
func.func @untransposed(%x: tensor<7x33xf32>) -> tensor<7x19xf32> {
  %w = nm.param "untransposed" : tensor<33x19xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<7x19xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<7x19xf32>) -> tensor<7x19xf32>
  %y = linalg.matmul ins(%x, %w : tensor<7x33xf32>, tensor<33x19xf32>) outs(%f : tensor<7x19xf32>) -> tensor<7x19xf32>
  return %y : tensor<7x19xf32>
}

// CHECK: half on edge: agrees
func.func @half(%x: tensor<20x64xf32>) -> tensor<20x48xf32> {
  %w = nm.param "half_2_4" : tensor<48x64xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %t = tensor.empty() : tensor<64x48xf32>
  %wt = linalg.transpose ins(%w : tensor<48x64xf32>) outs(%t : tensor<64x48xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %wt : tensor<20x64xf32>, tensor<64x48xf32>) outs(%f : tensor<20x48xf32>) -> tensor<20x48xf32>
  return %y : tensor<20x48xf32>
}

// Bias, GELU by erf and a residual, with tokens of two samples.
// CHECK: quarter on edge: agrees
func.func @quarter(%x: tensor<2x9x64xf32>, %r: tensor<2x9x40xf32>) -> tensor<2x9x40xf32> {
  %w = nm.param "quarter_1_4" : tensor<40x64xf32>
  %b = nm.param "bias" : tensor<40xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<18x40xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<18x40xf32>) -> tensor<18x40xf32>
  %t = tensor.empty() : tensor<64x40xf32>
  %wt = linalg.transpose ins(%w : tensor<40x64xf32>) outs(%t : tensor<64x40xf32>) permutation = [1, 0]
  %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x9x64xf32> into tensor<18x64xf32>
  %p = linalg.matmul ins(%rows, %wt : tensor<18x64xf32>, tensor<64x40xf32>) outs(%f : tensor<18x40xf32>) -> tensor<18x40xf32>
  %q = tensor.expand_shape %p [[0, 1], [2]] output_shape [2, 9, 40] : tensor<18x40xf32> into tensor<2x9x40xf32>
  %o = tensor.empty() : tensor<2x9x40xf32>
  %g = linalg.generic {indexing_maps = [#all, #last, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%q, %b, %r : tensor<2x9x40xf32>, tensor<40xf32>, tensor<2x9x40xf32>) outs(%o : tensor<2x9x40xf32>) {
  ^bb0(%acc: f32, %bias: f32, %res: f32, %out: f32):
    %root = arith.constant 1.41421354 : f32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 0.5 : f32
    %s = arith.addf %acc, %bias : f32
    %d = arith.divf %s, %root : f32
    %erf = math.erf %d : f32
    %n = arith.addf %erf, %one : f32
    %h = arith.mulf %n, %two : f32
    %gelu = arith.mulf %s, %h : f32
    %z = arith.addf %gelu, %res : f32
    linalg.yield %z : f32
  } -> tensor<2x9x40xf32>
  return %g : tensor<2x9x40xf32>
}

// A sum of a product that no epilogue has: elementwise work after it.
// CHECK: scaled on edge: agrees
func.func @scaled(%x: tensor<20x64xf32>, %r: tensor<20x48xf32>) -> tensor<20x48xf32> {
  %w = nm.param "dense" : tensor<48x64xf32>
  %b = nm.param "gate" : tensor<48xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %t = tensor.empty() : tensor<64x48xf32>
  %wt = linalg.transpose ins(%w : tensor<48x64xf32>) outs(%t : tensor<64x48xf32>) permutation = [1, 0]
  %p = linalg.matmul ins(%x, %wt : tensor<20x64xf32>, tensor<64x48xf32>) outs(%f : tensor<20x48xf32>) -> tensor<20x48xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b, %r : tensor<20x48xf32>, tensor<48xf32>, tensor<20x48xf32>) outs(%e : tensor<20x48xf32>) {
  ^bb0(%acc: f32, %gate: f32, %res: f32, %out: f32):
    %g = arith.mulf %acc, %gate : f32
    %s = arith.mulf %g, %res : f32
    linalg.yield %s : f32
  } -> tensor<20x48xf32>
  return %y : tensor<20x48xf32>
}

// Both sides are activations.
// CHECK: activations on edge: agrees
func.func @activations(%x: tensor<20x24xf32>, %probability: tensor<24x16xf32>) -> tensor<20x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<20x16xf32>) -> tensor<20x16xf32>
  %y = linalg.matmul ins(%x, %probability : tensor<20x24xf32>, tensor<24x16xf32>) outs(%f : tensor<20x16xf32>) -> tensor<20x16xf32>
  return %y : tensor<20x16xf32>
}

// CHECK: elementwise on edge: agrees
func.func @elementwise(%x: tensor<5x24xf32>, %y: tensor<5x24xf32>) -> tensor<5x24xf32> {
  %b = nm.param "vector" : tensor<24xf32>
  %e = tensor.empty() : tensor<5x24xf32>
  %z = linalg.generic {indexing_maps = [#id, #id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y, %b : tensor<5x24xf32>, tensor<5x24xf32>, tensor<24xf32>) outs(%e : tensor<5x24xf32>) {
  ^bb0(%l: f32, %r: f32, %v: f32, %out: f32):
    %half = arith.constant 0.5 : f32
    %p = arith.mulf %l, %r : f32
    %s = arith.subf %p, %v : f32
    %h = arith.mulf %r, %half : f32
    %m = arith.maximumf %s, %h : f32
    linalg.yield %m : f32
  } -> tensor<5x24xf32>
  return %z : tensor<5x24xf32>
}

// CHECK: relu on edge: agrees
func.func @relu(%x: tensor<3x2x24xf32>) -> tensor<3x2x24xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x2x24xf32>
  %z = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<3x2x24xf32>) outs(%e : tensor<3x2x24xf32>) {
  ^bb0(%l: f32, %out: f32):
    %c = arith.cmpf ugt, %l, %zero : f32
    %m = arith.select %c, %l, %zero : f32
    linalg.yield %m : f32
  } -> tensor<3x2x24xf32>
  return %z : tensor<3x2x24xf32>
}

// CHECK: gelu_tanh on edge: agrees
func.func @gelu_tanh(%x: tensor<5x24xf32>) -> tensor<5x24xf32> {
  %e = tensor.empty() : tensor<5x24xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<5x24xf32>) outs(%e : tensor<5x24xf32>) {
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
  } -> tensor<5x24xf32>
  return %z : tensor<5x24xf32>
}

// CHECK: silu on edge: agrees
func.func @silu(%x: tensor<5x24xf32>) -> tensor<5x24xf32> {
  %e = tensor.empty() : tensor<5x24xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<5x24xf32>) outs(%e : tensor<5x24xf32>) {
  ^bb0(%v: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %v : f32
    %exp = math.exp %n : f32
    %d = arith.addf %exp, %one : f32
    %s = arith.divf %one, %d : f32
    %r = arith.mulf %s, %v : f32
    linalg.yield %r : f32
  } -> tensor<5x24xf32>
  return %z : tensor<5x24xf32>
}

// E[(x - m)^2], 1 / sqrt.
// CHECK: norm_centred on edge: agrees
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

// E[x^2] - m^2, rsqrt, without shift, of a sum.
// CHECK: norm_moments on edge: agrees
func.func @norm_moments(%x: tensor<7x40xf32>, %r: tensor<7x40xf32>) -> tensor<7x40xf32> {
  %gamma = nm.param "gamma" : tensor<40xf32>
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 40.0 : f32
  %e = tensor.empty() : tensor<7x40xf32>
  %er = tensor.empty() : tensor<7xf32>
  %f = linalg.fill ins(%zero : f32) outs(%er : tensor<7xf32>) -> tensor<7xf32>
  %h = linalg.add ins(%x, %r : tensor<7x40xf32>, tensor<7x40xf32>) outs(%e : tensor<7x40xf32>) -> tensor<7x40xf32>
  %sum = linalg.generic {indexing_maps = [#id, #each], iterator_types = ["parallel", "reduction"]}
      ins(%h : tensor<7x40xf32>) outs(%f : tensor<7xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %a = arith.addf %v, %acc : f32
    linalg.yield %a : f32
  } -> tensor<7xf32>
  %squares = linalg.generic {indexing_maps = [#id, #each], iterator_types = ["parallel", "reduction"]}
      ins(%h : tensor<7x40xf32>) outs(%f : tensor<7xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %q = arith.mulf %v, %v : f32
    %a = arith.addf %q, %acc : f32
    linalg.yield %a : f32
  } -> tensor<7xf32>
  %y = linalg.generic {indexing_maps = [#id, #each, #each, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%h, %sum, %squares, %gamma : tensor<7x40xf32>, tensor<7xf32>, tensor<7xf32>, tensor<40xf32>)
      outs(%e : tensor<7x40xf32>) {
  ^bb0(%v: f32, %s: f32, %q: f32, %g: f32, %out: f32):
    %eps = arith.constant 1.0e-5 : f32
    %m = arith.divf %s, %n : f32
    %mm = arith.mulf %m, %m : f32
    %sq = arith.divf %q, %n : f32
    %var = arith.subf %sq, %mm : f32
    %vare = arith.addf %var, %eps : f32
    %root = math.rsqrt %vare : f32
    %c = arith.subf %v, %m : f32
    %k = arith.mulf %c, %root : f32
    %kg = arith.mulf %k, %g : f32
    linalg.yield %kg : f32
  } -> tensor<7x40xf32>
  return %y : tensor<7x40xf32>
}

// A root mean square norm: no mean, no shift.
// CHECK: norm_of_squares on edge: agrees
func.func @norm_of_squares(%x: tensor<7x40xf32>) -> tensor<7x40xf32> {
  %gamma = nm.param "gamma" : tensor<40xf32>
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 40.0 : f32
  %e = tensor.empty() : tensor<7x40xf32>
  %er = tensor.empty() : tensor<7xf32>
  %f = linalg.fill ins(%zero : f32) outs(%er : tensor<7xf32>) -> tensor<7xf32>
  %squares = linalg.generic {indexing_maps = [#id, #each], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<7x40xf32>) outs(%f : tensor<7xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %q = arith.mulf %v, %v : f32
    %a = arith.addf %q, %acc : f32
    linalg.yield %a : f32
  } -> tensor<7xf32>
  %y = linalg.generic {indexing_maps = [#id, #each, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %squares, %gamma : tensor<7x40xf32>, tensor<7xf32>, tensor<40xf32>) outs(%e : tensor<7x40xf32>) {
  ^bb0(%v: f32, %q: f32, %g: f32, %out: f32):
    %eps = arith.constant 1.0e-5 : f32
    %mean = arith.divf %q, %n : f32
    %me = arith.addf %mean, %eps : f32
    %root = math.rsqrt %me : f32
    %k = arith.mulf %v, %root : f32
    %kg = arith.mulf %k, %g : f32
    linalg.yield %kg : f32
  } -> tensor<7x40xf32>
  return %y : tensor<7x40xf32>
}

// A rotary embedding: halves of rows turned by angles that are computed.
// CHECK: rotary on edge: agrees
func.func @rotary(%x: tensor<6x40xf32>, %angles: tensor<6x20xf32>) -> tensor<6x40xf32> {
  %low = tensor.extract_slice %x[0, 0] [6, 20] [1, 1] : tensor<6x40xf32> to tensor<6x20xf32>
  %high = tensor.extract_slice %x[0, 20] [6, 20] [1, 1] : tensor<6x40xf32> to tensor<6x20xf32>
  %e = tensor.empty() : tensor<6x20xf32>
  %a = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%low, %high, %angles : tensor<6x20xf32>, tensor<6x20xf32>, tensor<6x20xf32>) outs(%e : tensor<6x20xf32>) {
  ^bb0(%l: f32, %h: f32, %t: f32, %out: f32):
    %c = math.cos %t : f32
    %s = math.sin %t : f32
    %lc = arith.mulf %l, %c : f32
    %hs = arith.mulf %h, %s : f32
    %r = arith.subf %lc, %hs : f32
    linalg.yield %r : f32
  } -> tensor<6x20xf32>
  %b = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%low, %high, %angles : tensor<6x20xf32>, tensor<6x20xf32>, tensor<6x20xf32>) outs(%e : tensor<6x20xf32>) {
  ^bb0(%l: f32, %h: f32, %t: f32, %out: f32):
    %c = math.cos %t : f32
    %s = math.sin %t : f32
    %hc = arith.mulf %h, %c : f32
    %ls = arith.mulf %l, %s : f32
    %r = arith.addf %hc, %ls : f32
    linalg.yield %r : f32
  } -> tensor<6x20xf32>
  %y = tensor.concat dim(1) %a, %b : (tensor<6x20xf32>, tensor<6x20xf32>) -> tensor<6x40xf32>
  return %y : tensor<6x40xf32>
}

// CHECK: softmax_named on edge: agrees
func.func @softmax_named(%x: tensor<2x3x40xf32>) -> tensor<2x3x40xf32> {
  %e = tensor.empty() : tensor<2x3x40xf32>
  %y = linalg.softmax dimension(2) ins(%x : tensor<2x3x40xf32>) outs(%e : tensor<2x3x40xf32>) -> tensor<2x3x40xf32>
  return %y : tensor<2x3x40xf32>
}

// CHECK: softmax_spelled on edge: agrees
func.func @softmax_spelled(%x: tensor<6x40xf32>) -> tensor<6x40xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<6x40xf32>
  %er = tensor.empty() : tensor<6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%er : tensor<6xf32>) -> tensor<6xf32>
  %fl = linalg.fill ins(%low : f32) outs(%er : tensor<6xf32>) -> tensor<6xf32>
  %max = linalg.generic {indexing_maps = [#id, #each], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<6x40xf32>) outs(%fl : tensor<6xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %a = arith.maximumf %v, %acc : f32
    linalg.yield %a : f32
  } -> tensor<6xf32>
  %exp = linalg.generic {indexing_maps = [#id, #each, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<6x40xf32>, tensor<6xf32>) outs(%e : tensor<6x40xf32>) {
  ^bb0(%v: f32, %m: f32, %out: f32):
    %d = arith.subf %v, %m : f32
    %p = math.exp %d : f32
    linalg.yield %p : f32
  } -> tensor<6x40xf32>
  %sum = linalg.generic {indexing_maps = [#id, #each], iterator_types = ["parallel", "reduction"]}
      ins(%exp : tensor<6x40xf32>) outs(%f : tensor<6xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %a = arith.addf %v, %acc : f32
    linalg.yield %a : f32
  } -> tensor<6xf32>
  %y = linalg.generic {indexing_maps = [#id, #each, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<6x40xf32>, tensor<6xf32>) outs(%e : tensor<6x40xf32>) {
  ^bb0(%v: f32, %s: f32, %out: f32):
    %p = arith.divf %v, %s : f32
    linalg.yield %p : f32
  } -> tensor<6x40xf32>
  return %y : tensor<6x40xf32>
}

// An argument, the same result twice, and one that is read again.
// CHECK: results on edge: agrees
func.func @results(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<2x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %s = linalg.add ins(%x, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %c = tensor.collapse_shape %s [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  %w = tensor.expand_shape %c [[0, 1]] output_shape [2, 16] : tensor<32xf32> into tensor<2x16xf32>
  %p = linalg.mul ins(%s, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %s, %w, %p, %x : tensor<4x8xf32>, tensor<2x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// Models in f16.
// CHECK: half_floats on edge: agrees
func.func @half_floats(%x: tensor<4x8xf16>, %y: tensor<4x8xf16>) -> tensor<4x8xf16> {
  %e = tensor.empty() : tensor<4x8xf16>
  %s = linalg.add ins(%x, %y : tensor<4x8xf16>, tensor<4x8xf16>) outs(%e : tensor<4x8xf16>) -> tensor<4x8xf16>
  return %s : tensor<4x8xf16>
}

// Heads within tokens and tokens within heads, and one of each.
// CHECK: attention on edge: agrees
func.func @attention(%q: tensor<2x13x3x16xf32>, %k: tensor<2x3x11x16xf32>, %v: tensor<2x11x3x8xf32>) -> tensor<2x13x3x8xf32> {
  %e = tensor.empty() : tensor<2x13x3x8xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<2x13x3x16xf32>, tensor<2x3x11x16xf32>, tensor<2x11x3x8xf32>) scale(0.25)
      outs(%e : tensor<2x13x3x8xf32>) orders(q = bnhd, k = bhnd, v = bnhd, o = bnhd) -> tensor<2x13x3x8xf32>
  return %r : tensor<2x13x3x8xf32>
}

// CHECK: heads_first on edge: agrees
func.func @heads_first(%q: tensor<2x3x13x16xf32>, %k: tensor<2x3x11x16xf32>, %v: tensor<2x3x11x16xf32>) -> tensor<2x3x13x16xf32> {
  %e = tensor.empty() : tensor<2x3x13x16xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<2x3x13x16xf32>, tensor<2x3x11x16xf32>, tensor<2x3x11x16xf32>) scale(0.25)
      outs(%e : tensor<2x3x13x16xf32>) -> tensor<2x3x13x16xf32>
  return %r : tensor<2x3x13x16xf32>
}

// Two query heads a key head; each query sees the keys up to its own.
// CHECK: causal on edge: agrees
func.func @causal(%q: tensor<1x17x6x16xf32>, %k: tensor<1x17x3x16xf32>, %v: tensor<1x17x3x16xf32>) -> tensor<1x17x6x16xf32> {
  %e = tensor.empty() : tensor<1x17x6x16xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<1x17x6x16xf32>, tensor<1x17x3x16xf32>, tensor<1x17x3x16xf32>) scale(0.25)
      outs(%e : tensor<1x17x6x16xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd)
      score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %low = arith.constant 0xFF800000 : f32
      %past = arith.cmpi sle, %j, %i : index
      %t = arith.select %past, %s, %low : f32
      flat.yield %t : f32
    } -> tensor<1x17x6x16xf32>
  return %r : tensor<1x17x6x16xf32>
}

// A decode step: one query behind 30 keys.
// CHECK: decode on edge: agrees
func.func @decode(%q: tensor<2x1x4x16xf32>, %k: tensor<2x30x2x16xf32>, %v: tensor<2x30x2x16xf32>) -> tensor<2x1x4x16xf32> {
  %e = tensor.empty() : tensor<2x1x4x16xf32>
  %offset = arith.constant 29 : index
  %r = flat.attention ins(%q, %k, %v : tensor<2x1x4x16xf32>, tensor<2x30x2x16xf32>, tensor<2x30x2x16xf32>) scale(0.25)
      offset(%offset) outs(%e : tensor<2x1x4x16xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd)
      score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %low = arith.constant 0xFF800000 : f32
      %past = arith.cmpi sle, %j, %i : index
      %t = arith.select %past, %s, %low : f32
      flat.yield %t : f32
    } -> tensor<2x1x4x16xf32>
  return %r : tensor<2x1x4x16xf32>
}

// The last five keys.
// CHECK: window on edge: agrees
func.func @window(%q: tensor<1x17x2x16xf32>, %k: tensor<1x17x2x16xf32>, %v: tensor<1x17x2x16xf32>) -> tensor<1x17x2x16xf32> {
  %e = tensor.empty() : tensor<1x17x2x16xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<1x17x2x16xf32>, tensor<1x17x2x16xf32>, tensor<1x17x2x16xf32>) scale(0.25)
      outs(%e : tensor<1x17x2x16xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd)
      score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %low = arith.constant 0xFF800000 : f32
      %five = arith.constant 5 : index
      %past = arith.cmpi sle, %j, %i : index
      %start = arith.subi %i, %five : index
      %near = arith.cmpi sgt, %j, %start : index
      %both = arith.andi %past, %near : i1
      %t = arith.select %both, %s, %low : f32
      flat.yield %t : f32
    } -> tensor<1x17x2x16xf32>
  return %r : tensor<1x17x2x16xf32>
}

// Padding of each sample, added to the logits.
// CHECK: masked on edge: agrees
func.func @masked(%q: tensor<2x13x3x16xf32>, %k: tensor<2x12x3x16xf32>, %v: tensor<2x12x3x16xf32>, %mask: tensor<2x1x1x12xf32>) -> tensor<2x13x3x16xf32> {
  %e = tensor.empty() : tensor<2x13x3x16xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<2x13x3x16xf32>, tensor<2x12x3x16xf32>, tensor<2x12x3x16xf32>)
      mask(%mask : tensor<2x1x1x12xf32>) map affine_map<(b, h, i, j) -> (b, 0, 0, j)> scale(0.25)
      outs(%e : tensor<2x13x3x16xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) -> tensor<2x13x3x16xf32>
  return %r : tensor<2x13x3x16xf32>
}

// Positions lie along columns: heads are moved into rows, and the result back.
// CHECK: turned_heads on edge: agrees
func.func @turned_heads(%q: tensor<2x3x16x13xf32>, %k: tensor<2x16x11x3xf32>, %v: tensor<3x8x2x11xf32>) -> tensor<2x3x8x13xf32> {
  %e = tensor.empty() : tensor<2x3x8x13xf32>
  %r = flat.attention ins(%q, %k, %v : tensor<2x3x16x13xf32>, tensor<2x16x11x3xf32>, tensor<3x8x2x11xf32>) scale(0.25)
      outs(%e : tensor<2x3x8x13xf32>) orders(q = bhdn, k = bdnh, v = hdbn, o = bhdn) -> tensor<2x3x8x13xf32>
  return %r : tensor<2x3x8x13xf32>
}

// A column that is computed, read as a row.
// CHECK: column on edge: agrees
func.func @column(%x: tensor<6x8xf32>, %y: tensor<6xf32>) -> tensor<6xf32> {
  %zero = arith.constant 0.0 : f32
  %er = tensor.empty() : tensor<6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%er : tensor<6xf32>) -> tensor<6xf32>
  %s = linalg.reduce { arith.addf } ins(%x : tensor<6x8xf32>) outs(%f : tensor<6xf32>) dimensions = [1]
  %m = linalg.map ins(%s : tensor<6xf32>) outs(%er : tensor<6xf32>) (%t: f32, %u: f32) {
    %n = arith.constant 8.0 : f32
    %r = arith.divf %t, %n : f32
    %a = math.absf %r : f32
    %b = arith.mulf %a, %r : f32
    linalg.yield %b : f32
  }
  %z = linalg.add ins(%m, %y : tensor<6xf32>, tensor<6xf32>) outs(%er : tensor<6xf32>) -> tensor<6xf32>
  return %z : tensor<6xf32>
}

// Choices by comparison among values that no expression has.
// CHECK: choices on edge: agrees
func.func @choices(%x: tensor<5x24xf32>, %y: tensor<5x24xf32>) -> tensor<5x24xf32> {
  %e = tensor.empty() : tensor<5x24xf32>
  %z = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<5x24xf32>, tensor<5x24xf32>) outs(%e : tensor<5x24xf32>) {
  ^bb0(%l: f32, %r: f32, %out: f32):
    %a = math.absf %l : f32
    %b = math.absf %r : f32
    %c = arith.cmpf ult, %a, %b : f32
    %most = arith.select %c, %b, %a : f32
    %d = arith.cmpf ogt, %a, %r : f32
    %least = arith.select %d, %r, %a : f32
    %m = arith.subf %most, %least : f32
    linalg.yield %m : f32
  } -> tensor<5x24xf32>
  return %z : tensor<5x24xf32>
}

// One tensor is filled by insertions, of which nobody reads what stands between.
// CHECK: inserted on edge: agrees
func.func @inserted(%x: tensor<5x24xf32>, %y: tensor<5x8xf32>) -> tensor<5x32xf32> {
  %e = tensor.empty() : tensor<5x32xf32>
  %a = tensor.insert_slice %x into %e[0, 0] [5, 24] [1, 1] : tensor<5x24xf32> into tensor<5x32xf32>
  %b = tensor.insert_slice %y into %a[0, 24] [5, 8] [1, 1] : tensor<5x8xf32> into tensor<5x32xf32>
  return %b : tensor<5x32xf32>
}

// Widths of a padding as values.
// CHECK: padded on edge: agrees
func.func @padded(%x: tensor<5x24xf32>) -> tensor<6x27xf32> {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %two = arith.constant 2 : index
  %value = arith.constant 0.5 : f32
  %y = tensor.pad %x low[%zero, %one] high[%one, %two] {
  ^bb0(%i: index, %j: index):
    tensor.yield %value : f32
  } : tensor<5x24xf32> to tensor<?x?xf32>
  %c = tensor.cast %y : tensor<?x?xf32> to tensor<6x27xf32>
  return %c : tensor<6x27xf32>
}

// Norms without a mean, with a scale and without, of an odd width.
// CHECK: root_mean_square on edge: agrees
func.func @root_mean_square(%x: tensor<2x9x65xf32>, %g: tensor<65xf32>) -> tensor<2x9x65xf32> {
  %e = tensor.empty() : tensor<2x9x65xf32>
  %y = layer.rms_norm axis(2) epsilon(1.0e-6) ins(%x : tensor<2x9x65xf32>) scale(%g : tensor<65xf32>)
      outs(%e : tensor<2x9x65xf32>) -> tensor<2x9x65xf32>
  return %y : tensor<2x9x65xf32>
}

// CHECK: root_mean_square_alone on edge: agrees
func.func @root_mean_square_alone(%x: tensor<40x128xf32>) -> tensor<40x128xf32> {
  %e = tensor.empty() : tensor<40x128xf32>
  %y = layer.rms_norm axis(1) epsilon(1.0e-5) ins(%x : tensor<40x128xf32>) outs(%e : tensor<40x128xf32>) -> tensor<40x128xf32>
  return %y : tensor<40x128xf32>
}

// Products of rows of an odd width, beginning with a number.
// CHECK: row_product on edge: agrees
func.func @row_product(%x: tensor<20x13xf32>) -> tensor<20xf32> {
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<20xf32>
  %f = linalg.fill ins(%two : f32) outs(%e : tensor<20xf32>) -> tensor<20xf32>
  %y = linalg.reduce { arith.mulf } ins(%x : tensor<20x13xf32>) outs(%f : tensor<20xf32>) dimensions = [1]
  return %y : tensor<20xf32>
}
