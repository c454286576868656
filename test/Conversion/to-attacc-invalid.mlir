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

func.func @unknown(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{has no instructions on edge: it computes 'math.sin', which its special function unit does not; run it on a processor (--target=host)}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%v: f32, %out: f32):
    // expected-note @below {{'math.sin' is here}}
    %s = math.sin %v : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
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

func.func @product(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{reduces by something else than a sum, a maximum or a minimum, expected one of them; edge has no instruction for others}}
  %y = linalg.reduce { arith.mulf } ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
  return %y : tensor<4xf32>
}

// -----

func.func @window(%x: tensor<4x9xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{expected loops and constants as its results; edge has no gathers and no windows}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j + 1)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x9xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%v: f32, %out: f32):
    %s = arith.addf %v, %v : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

func.func @scalar() -> tensor<4xf32> {
  // expected-error @below {{is a parameter of type 'tensor<f32>', expected at least one dimension and one element}}
  %s = nm.param "s" : tensor<f32>
  %e = tensor.empty() : tensor<4xf32>
  %y = linalg.broadcast ins(%s : tensor<f32>) outs(%e : tensor<4xf32>) dimensions = [0]
  return %y : tensor<4xf32>
}

// -----

func.func @empty() -> tensor<0x1xf32> {
  // expected-error @+1 {{'nm.param' op has an empty 'tensor<0x1xf32>', expected sizes of 1 or more}}
  %0 = nm.param "w" : tensor<0x1xf32>
  return %0 : tensor<0x1xf32>
}
