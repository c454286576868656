// RUN: nm-opt %s --nm-to-attacc --split-input-file --verify-diagnostics
// RUN: not nm-opt %s --nm-to-attacc=device=generic-host 2>&1 | FileCheck %s --check-prefix=HOST
// RUN: not nm-opt %s --nm-to-attacc=device=moon 2>&1 | FileCheck %s --check-prefix=MOON
// RUN: not nm-opt %s --nm-to-attacc=element-type=f64 2>&1 | FileCheck %s --check-prefix=F64
// HOST: error: convert-to-attacc: 'generic-host' describes the processor generic-host, expected an accelerator
// MOON: error: convert-to-attacc: {{.*}}moon
// F64: error: convert-to-attacc: element-type is 'f64', expected f16, bf16 or f32

// expected-error @below {{has the argument 'tensor<?x8xf32>', expected a tensor of static sizes; programs have no others}}
func.func @dynamic(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}

// -----

// expected-error @below {{has elements of type 'i32', expected f32, f16 or bf16}}
func.func @integers(%x: tensor<4x8xi32>) -> tensor<4x8xi32> {
  return %x : tensor<4x8xi32>
}

// -----

func.func @transposed(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-error @below {{expected all elements in order, a vector along the rows or a value for each row; transpose before}}
  %t = linalg.transpose ins(%x : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0]
  return %t : tensor<8x4xf32>
}

// -----

func.func @unknown(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{has no instructions on edge}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%v: f32, %out: f32):
    // expected-note @below {{'math.sin' is not among what expressions are made of}}
    %s = math.sin %v : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// A root of activations is known to layer norms only.
func.func @root(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{it is no layer norm, softmax, activation, sum or product of tensors that the compiler knows}}
  %y = linalg.sqrt ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

func.func @columns(%x: tensor<4x8xf32>) -> tensor<8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  // expected-error @below {{reduces another dimension than the last, expected elementwise code or a row reduction}}
  %y = linalg.reduce ins(%x : tensor<4x8xf32>) outs(%f : tensor<8xf32>) dimensions = [0]
    (%v: f32, %acc: f32) {
      %a = arith.addf %v, %acc : f32
      linalg.yield %a : f32
    }
  return %y : tensor<8xf32>
}

// -----

func.func @batch(%x: tensor<3x4x8xf32>, %y: tensor<3x8x5xf32>) -> tensor<3x4x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x4x5xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4x5xf32>) -> tensor<3x4x5xf32>
  // expected-error @below {{is a batch of products of activations, expected one product, or attention as --flat-raise-attention finds it}}
  %z = linalg.batch_matmul ins(%x, %y : tensor<3x4x8xf32>, tensor<3x8x5xf32>) outs(%f : tensor<3x4x5xf32>) -> tensor<3x4x5xf32>
  return %z : tensor<3x4x5xf32>
}

// -----

func.func @bias(%q: tensor<1x2x8x16xf32>, %alibi: tensor<2x8x8xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{expected floats for each key, or for each sample and key}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      mask(%alibi : tensor<2x8x8xf32>) map affine_map<(b, h, i, j) -> (h, i, j)>
      outs(%e : tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @loops(%q: tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{which programs do not express: expected loops bhrk or bhkr, interleaved if fused; leave it out to have one searched}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      outs(%e : tensor<1x2x8x16xf32>) dataflow #flat.dataflow<row, rows = 4, staged = [logits], loops = hbrk> -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

// expected-error @below {{has control flow, expected one block}}
func.func @branches(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  cf.br ^next(%x : tensor<4x8xf32>)
^next(%y: tensor<4x8xf32>):
  cf.br ^next(%y : tensor<4x8xf32>)
}

// -----

func.func @slice(%x: tensor<4x8xf32>) -> tensor<2x8xf32> {
  // expected-error @below {{has no instructions on edge, expected nm.matmul, flat.attention, elementwise operations and row reductions of linalg, and reshapes}}
  %y = tensor.extract_slice %x[0, 0] [2, 8] [1, 1] : tensor<4x8xf32> to tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

// Squares of squares have more terms than anybody waits for.
func.func @squares(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{computes a longer expression than any that has instructions}}
  %z = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    %1 = arith.mulf %0, %0 : f32
    %2 = arith.mulf %1, %1 : f32
    %3 = arith.mulf %2, %2 : f32
    %4 = arith.mulf %3, %3 : f32
    // expected-note @below {{it grew too long here}}
    %5 = arith.mulf %4, %4 : f32
    %6 = arith.mulf %5, %5 : f32
    linalg.yield %6 : f32
  } -> tensor<4x8xf32>
  return %z : tensor<4x8xf32>
}

// -----

func.func @empty() -> tensor<0x1xf32> {
  // expected-error @+1 {{'nm.param' op has an empty 'tensor<0x1xf32>', expected sizes of 1 or more}}
  %0 = nm.param "w" : tensor<0x1xf32>
  return %0 : tensor<0x1xf32>
}
