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
  // expected-error @below {{has no instructions on edge: it computes 'math.atan', which its special function unit does not; run it on a processor (--target=host)}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%v: f32, %out: f32):
    // expected-note @below {{'math.atan' is here}}
    %s = math.atan %v : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

func.func @booleans(%q: tensor<1x2x8x16xf32>, %x: tensor<8x8xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  %em = tensor.empty() : tensor<8x8xi1>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x8xf32>) outs(%em : tensor<8x8xi1>) {
  ^bb0(%v: f32, %o: i1):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf ogt, %v, %zero : f32
    linalg.yield %c : i1
  } -> tensor<8x8xi1>
  // expected-error @below {{has the mask 'tensor<8x8xi1>' that is no constant, expected floats; an accelerator has no booleans}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      mask(%m : tensor<8x8xi1>) map affine_map<(b, h, i, j) -> (i, j)> outs(%e : tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @undefined(%q: tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{gives zeros for rows of undefined scores, expected guard(none) or guard(unseen); no instruction drops NaN}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      outs(%e : tensor<1x2x8x16xf32>) guard(undefined) -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @length(%q: tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32> {
  %n = arith.constant 0 : index
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{has a length that is no constant of 1 or more, expected one}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      length(%n) outs(%e : tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @offset(%q: tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32> {
  %n = arith.constant -1 : index
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{has an offset that is no constant of 0 or more, expected one}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      offset(%n) outs(%e : tensor<1x2x8x16xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %minf = arith.constant 0xFF800000 : f32
    %c = arith.cmpi sle, %j, %i : index
    %r = arith.select %c, %s, %minf : f32
    flat.yield %r : f32
  } -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @squared(%q: tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{has a score function that no instruction computes, expected logits with a soft cap, biases added to them, keys hidden by position}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      outs(%e : tensor<1x2x8x16xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    // expected-note @below {{'arith.mulf' is here}}
    %r = arith.mulf %s, %s : f32
    flat.yield %r : f32
  } -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @biased_cap(%q: tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{has a score function that no instruction computes}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      outs(%e : tensor<1x2x8x16xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %c = arith.constant 3.0 : f32
    %t = arith.addf %s, %c : f32
    %d = arith.divf %t, %c : f32
    %h0 = math.tanh %d : f32
    // expected-note @below {{'arith.mulf' is here}}
    %r = arith.mulf %h0, %c : f32
    flat.yield %r : f32
  } -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @chosen_by_logit(%q: tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{has a score function that no instruction computes}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      outs(%e : tensor<1x2x8x16xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %minf = arith.constant 0xFF800000 : f32
    %c = arith.constant 3.0 : f32
    %t = arith.cmpf olt, %s, %c : f32
    // expected-note @below {{'arith.select' is here}}
    %r = arith.select %t, %s, %minf : f32
    flat.yield %r : f32
  } -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @scaled(%q: tensor<1x2x8x16xf32>, %x: tensor<1xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  %z = arith.constant 0 : index
  // expected-error @below {{reads an element as a number, which only a scale of attention is on edge, expected tensors}}
  %s0 = tensor.extract %x[%z] : tensor<1xf32>
  %s = arith.addf %s0, %s0 : f32
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      scale(%s) outs(%e : tensor<1x2x8x16xf32>) -> tensor<1x2x8x16xf32>
  return %r : tensor<1x2x8x16xf32>
}

// -----

func.func @unfused(%q: tensor<1x2x8x16xf32>, %m: tensor<8x8xf32>) -> tensor<1x2x8x16xf32> {
  %e = tensor.empty() : tensor<1x2x8x16xf32>
  // expected-error @below {{expected a fused one: the instruction 'softmax' makes such rows zeros}}
  %r = flat.attention ins(%q, %q, %q : tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
      mask(%m : tensor<8x8xf32>) map affine_map<(b, h, i, j) -> (i, j)> outs(%e : tensor<1x2x8x16xf32>) guard(none) dataflow #flat.dataflow<head> -> tensor<1x2x8x16xf32>
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

func.func @quotient(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{reduces by something else than a sum, a product, a maximum or a minimum, expected one of them; edge has no instruction for others}}
  %y = linalg.reduce { arith.divf } ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
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
