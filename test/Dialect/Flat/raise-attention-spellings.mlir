// RUN: nm-opt %s --flat-raise-attention --mlir-print-local-scope | FileCheck %s

// Spellings of a softmax that arithmetic knows to be one: the algebra of scalars brings them to one form.

#ij = affine_map<(i, j) -> (i, j)>
#i = affine_map<(i, j) -> (i)>

// The maximum is taken of logits that are scaled later.
// CHECK-LABEL: func.func @scaled_difference(
// CHECK: flat.attention {{.*}} scale(2.500000e-01
// CHECK-NOT: math.exp
// CHECK: return
func.func @scaled_difference(%q: tensor<4x8xf32>, %kt: tensor<8x6xf32>, %v: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : tensor<4x6xf32>
  %er = tensor.empty() : tensor<4xf32>
  %eo = tensor.empty() : tensor<4x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %mr = linalg.fill ins(%minf : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<4x8xf32>) -> tensor<4x8xf32>
  %l = linalg.matmul ins(%q, %kt : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zs : tensor<4x6xf32>) -> tensor<4x6xf32>
  %m = linalg.reduce { arith.maximumf } ins(%l : tensor<4x6xf32>) outs(%mr : tensor<4xf32>) dimensions = [1]
  %e = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%l, %m : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %c = arith.constant 0.25 : f32
    %d = arith.subf %x0, %x1 : f32
    %f = arith.mulf %d, %c : f32
    %y = math.exp %f : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %s = linalg.reduce { arith.addf } ins(%e : tensor<4x6xf32>) outs(%zr : tensor<4xf32>) dimensions = [1]
  %p = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%e, %s : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %y = arith.divf %x0, %x1 : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %r = linalg.matmul ins(%p, %v : tensor<4x6xf32>, tensor<6x8xf32>) outs(%zo : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// Powers of two of the logits: exp(x log 2).
// CHECK-LABEL: func.func @base_two(
// CHECK: flat.attention {{.*}} scale(0.693147
// CHECK-NOT: math.exp
// CHECK: return
func.func @base_two(%q: tensor<4x8xf32>, %kt: tensor<8x6xf32>, %v: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : tensor<4x6xf32>
  %er = tensor.empty() : tensor<4xf32>
  %eo = tensor.empty() : tensor<4x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %mr = linalg.fill ins(%minf : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<4x8xf32>) -> tensor<4x8xf32>
  %l = linalg.matmul ins(%q, %kt : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zs : tensor<4x6xf32>) -> tensor<4x6xf32>
  %m = linalg.reduce { arith.maximumf } ins(%l : tensor<4x6xf32>) outs(%mr : tensor<4xf32>) dimensions = [1]
  %e = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%l, %m : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %d = arith.subf %x0, %x1 : f32
    %y = math.exp2 %d : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %s = linalg.reduce { arith.addf } ins(%e : tensor<4x6xf32>) outs(%zr : tensor<4xf32>) dimensions = [1]
  %p = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%e, %s : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %y = arith.divf %x0, %x1 : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %r = linalg.matmul ins(%p, %v : tensor<4x6xf32>, tensor<6x8xf32>) outs(%zo : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// Times the sum to the power of -1.
// CHECK-LABEL: func.func @power(
// CHECK: flat.attention
// CHECK-NOT: math.exp
// CHECK: return
func.func @power(%q: tensor<4x8xf32>, %kt: tensor<8x6xf32>, %v: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : tensor<4x6xf32>
  %er = tensor.empty() : tensor<4xf32>
  %eo = tensor.empty() : tensor<4x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %mr = linalg.fill ins(%minf : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<4x8xf32>) -> tensor<4x8xf32>
  %l = linalg.matmul ins(%q, %kt : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zs : tensor<4x6xf32>) -> tensor<4x6xf32>
  %m = linalg.reduce { arith.maximumf } ins(%l : tensor<4x6xf32>) outs(%mr : tensor<4xf32>) dimensions = [1]
  %e = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%l, %m : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %d = arith.subf %x0, %x1 : f32
    %y = math.exp %d : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %s = linalg.reduce { arith.addf } ins(%e : tensor<4x6xf32>) outs(%zr : tensor<4xf32>) dimensions = [1]
  %p = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%e, %s : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %c = arith.constant -1.0 : f32
    %i = math.powf %x1, %c : f32
    %y = arith.mulf %x0, %i : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %r = linalg.matmul ins(%p, %v : tensor<4x6xf32>, tensor<6x8xf32>) outs(%zo : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// The difference the other way round, negated.
// CHECK-LABEL: func.func @negated(
// CHECK: flat.attention
// CHECK-NOT: math.exp
// CHECK: return
func.func @negated(%q: tensor<4x8xf32>, %kt: tensor<8x6xf32>, %v: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : tensor<4x6xf32>
  %er = tensor.empty() : tensor<4xf32>
  %eo = tensor.empty() : tensor<4x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %mr = linalg.fill ins(%minf : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<4x8xf32>) -> tensor<4x8xf32>
  %l = linalg.matmul ins(%q, %kt : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zs : tensor<4x6xf32>) -> tensor<4x6xf32>
  %m = linalg.reduce { arith.maximumf } ins(%l : tensor<4x6xf32>) outs(%mr : tensor<4xf32>) dimensions = [1]
  %e = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%l, %m : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %d = arith.subf %x1, %x0 : f32
    %n = arith.negf %d : f32
    %y = math.exp %n : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %s = linalg.reduce { arith.addf } ins(%e : tensor<4x6xf32>) outs(%zr : tensor<4xf32>) dimensions = [1]
  %p = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%e, %s : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %y = arith.divf %x0, %x1 : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %r = linalg.matmul ins(%p, %v : tensor<4x6xf32>, tensor<6x8xf32>) outs(%zo : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// A logarithm of weights, and its exponential.
// CHECK-LABEL: func.func @log_softmax(
// CHECK: flat.attention
// CHECK-NOT: math.exp
// CHECK: return
func.func @log_softmax(%q: tensor<4x8xf32>, %kt: tensor<8x6xf32>, %v: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : tensor<4x6xf32>
  %er = tensor.empty() : tensor<4xf32>
  %eo = tensor.empty() : tensor<4x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %mr = linalg.fill ins(%minf : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<4x8xf32>) -> tensor<4x8xf32>
  %l = linalg.matmul ins(%q, %kt : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zs : tensor<4x6xf32>) -> tensor<4x6xf32>
  %m = linalg.reduce { arith.maximumf } ins(%l : tensor<4x6xf32>) outs(%mr : tensor<4xf32>) dimensions = [1]
  %e = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%l, %m : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %d = arith.subf %x0, %x1 : f32
    %y = math.exp %d : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %s = linalg.reduce { arith.addf } ins(%e : tensor<4x6xf32>) outs(%zr : tensor<4xf32>) dimensions = [1]
  %p = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%e, %s : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %w = arith.divf %x0, %x1 : f32
    %g = math.log %w : f32
    %y = math.exp %g : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %r = linalg.matmul ins(%p, %v : tensor<4x6xf32>, tensor<6x8xf32>) outs(%zo : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// A causal mask that is added before the scale: a window, and a scale.
// CHECK-LABEL: func.func @scaled_mask(
// CHECK: flat.attention {{.*}} scale(5.000000e-01
// CHECK: arith.cmpi sle
// CHECK-NOT: arith.mulf
// CHECK: return
func.func @scaled_mask(%q: tensor<4x8xf32>, %kt: tensor<8x6xf32>, %v: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : tensor<4x6xf32>
  %er = tensor.empty() : tensor<4xf32>
  %eo = tensor.empty() : tensor<4x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %mr = linalg.fill ins(%minf : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<4x8xf32>) -> tensor<4x8xf32>
  %l = linalg.matmul ins(%q, %kt : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zs : tensor<4x6xf32>) -> tensor<4x6xf32>
  %mask = arith.constant dense<[[0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000, 0xFF800000]]> : tensor<4x6xf32>
  %masked = linalg.generic {indexing_maps = [#ij, #ij, #ij], iterator_types = ["parallel", "parallel"]} ins(%l, %mask : tensor<4x6xf32>, tensor<4x6xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %a = arith.addf %x0, %x1 : f32
    %c = arith.constant 0.5 : f32
    %y = arith.mulf %a, %c : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %p = linalg.softmax dimension(1) ins(%masked : tensor<4x6xf32>) outs(%es : tensor<4x6xf32>) -> tensor<4x6xf32>
  %r = linalg.matmul ins(%p, %v : tensor<4x6xf32>, tensor<6x8xf32>) outs(%zo : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// A negative factor makes the maximum a minimum: no softmax of these scores.
// CHECK-LABEL: func.func @minimum(
// CHECK-NOT: flat.attention
// CHECK: return
func.func @minimum(%q: tensor<4x8xf32>, %kt: tensor<8x6xf32>, %v: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : tensor<4x6xf32>
  %er = tensor.empty() : tensor<4xf32>
  %eo = tensor.empty() : tensor<4x8xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%es : tensor<4x6xf32>) -> tensor<4x6xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %mr = linalg.fill ins(%minf : f32) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<4x8xf32>) -> tensor<4x8xf32>
  %l = linalg.matmul ins(%q, %kt : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zs : tensor<4x6xf32>) -> tensor<4x6xf32>
  %m = linalg.reduce { arith.maximumf } ins(%l : tensor<4x6xf32>) outs(%mr : tensor<4xf32>) dimensions = [1]
  %e = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%l, %m : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %c = arith.constant -0.25 : f32
    %d = arith.subf %x0, %x1 : f32
    %f = arith.mulf %d, %c : f32
    %y = math.exp %f : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %s = linalg.reduce { arith.addf } ins(%e : tensor<4x6xf32>) outs(%zr : tensor<4xf32>) dimensions = [1]
  %p = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]} ins(%e, %s : tensor<4x6xf32>, tensor<4xf32>) outs(%es : tensor<4x6xf32>) {
  ^bb0(%x0: f32, %x1: f32, %o: f32):
    %y = arith.divf %x0, %x1 : f32
    linalg.yield %y : f32
  } -> tensor<4x6xf32>
  %r = linalg.matmul ins(%p, %v : tensor<4x6xf32>, tensor<6x8xf32>) outs(%zo : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}
