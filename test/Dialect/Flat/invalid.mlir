// RUN: nm-opt %s --split-input-file --verify-diagnostics

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: memref<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c1: shaped operands must all be memrefs like the destination, got 'tensor<1x4x8x16xf32>'}}
  flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : memref<1x4x8x12xf32>) 
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c1: expected a result on tensors}}
  flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) 
  return
}

// -----

func.func @f(%q: memref<1x4x8x16xf32>, %k: memref<1x2x10x16xf32>, %v: memref<1x2x10x12xf32>, %o: memref<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c1: expected no result on memrefs}}
  %r = flat.attention ins(%q, %k, %v : memref<1x4x8x16xf32>, memref<1x2x10x16xf32>, memref<1x2x10x12xf32>) outs(%o : memref<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c1: result type 'tensor<1x4x8x12xbf16>' must equal the destination type 'tensor<1x4x8x12xf32>'}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xbf16>
  return
}

// -----

func.func @f(%q: tensor<2x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<2x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c2: batch of q and k must agree, got 2 and 1}}
  %r = flat.attention ins(%q, %k, %v : tensor<2x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<2x4x8x12xf32>)  -> tensor<2x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4x8x16xf32>, %k: tensor<3x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<?x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c2: batch of k and v must agree, got 3 and 1}}
  %r = flat.attention ins(%q, %k, %v : tensor<?x4x8x16xf32>, tensor<3x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<?x4x8x12xf32>)  -> tensor<?x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x15xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c2: width of q and k must agree, got 16 and 15}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x15xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x11x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c2: keys of k and v must agree, got 10 and 11}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x11x12xf32>) outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x9x12xf32>) {
  // expected-error @below {{flat_attention_c2: queries of q and out must agree, got 8 and 9}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x9x12xf32>)  -> tensor<1x4x9x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x16xf32>) {
  // expected-error @below {{flat_attention_c2: width of v and out must agree, got 12 and 16}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x16xf32>)  -> tensor<1x4x8x16xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x4x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c2: key heads of k and v must agree, got 2 and 4}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x4x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x3x10x16xf32>, %v: tensor<1x3x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c3: query heads must be a multiple of key heads, got 4 and 3}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x3x10x16xf32>, tensor<1x3x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x0x10x16xf32>, %v: tensor<1x?x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c3: query heads must be a multiple of key heads, got 4 and 0}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x0x10x16xf32>, tensor<1x?x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %m: tensor<8x10xi8>) {
  // expected-error @below {{flat_attention_c4: mask elements must be i1, f32, bf16 or f16, got 'i8'}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) mask(%m : tensor<8x10xi8>) map affine_map<(b, h, i, j) -> (i, j)> outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %m: tensor<8x10xf32>) {
  // expected-error @below {{flat_attention_c4: mask map must map (b, h, i, j), got affine_map<(d0, d1) -> (d0, d1)>}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) mask(%m : tensor<8x10xf32>) map affine_map<(i, j) -> (i, j)> outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %m: tensor<8x10xf32>) {
  // expected-error @below {{flat_attention_c4: mask map has 1 results for an operand of rank 2}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) mask(%m : tensor<8x10xf32>) map affine_map<(b, h, i, j) -> (j)> outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %m: tensor<8x9xf32>) {
  // expected-error @below {{flat_attention_c4: mask map: dimension 1 has size 9, expected 10}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) mask(%m : tensor<8x9xf32>) map affine_map<(b, h, i, j) -> (i, j)> outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %m: tensor<8x10xf32>) {
  // expected-error @below {{flat_attention_c4: mask map may be constant only as 0 over size 1, got 0 over size 8}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) mask(%m : tensor<8x10xf32>) map affine_map<(b, h, i, j) -> (0, j)> outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %m: tensor<1x10xf32>) {
  // expected-error @below {{flat_attention_c4: mask map may be constant only as 0 over size 1, got 1 over size 1}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) mask(%m : tensor<1x10xf32>) map affine_map<(b, h, i, j) -> (1, j)> outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %m: tensor<10x10xf32>) {
  // expected-error @below {{flat_attention_c4: mask map must name each of b, h, i, j at most once and nothing else}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) mask(%m : tensor<10x10xf32>) map affine_map<(b, h, i, j) -> (j, j)> outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %m: tensor<18xf32>) {
  // expected-error @below {{flat_attention_c4: mask map must name each of b, h, i, j at most once and nothing else}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) mask(%m : tensor<18xf32>) map affine_map<(b, h, i, j) -> (i + j)> outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %e: tensor<4xf32>) {
  // expected-error @below {{flat_attention_c5: 1 score operands need as many maps, got 0}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) score operands(%e : tensor<4xf32>) maps [] {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %x: f32):
    flat.yield %s : f32
  } -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %e: tensor<4xf32>) {
  // expected-error @below {{flat_attention_c5: map of score operand 0: dimension 0 has size 4, expected 1}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) score operands(%e : tensor<4xf32>) maps [affine_map<(b, h, i, j) -> (b)>] {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %x: f32):
    flat.yield %s : f32
  } -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %c: f32) {
  // expected-error @below {{flat_attention_c6: scale given as an operand and as an attribute}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) scale(%c) outs(%o : tensor<1x4x8x12xf32>) attributes {scale_value = 1.0 : f32}  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c6: scale must be finite, got 0x7F800000 : f32}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) scale(0x7F800000) outs(%o : tensor<1x4x8x12xf32>)  -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c7: score region takes ('f32', 'index'), expected ('f32', 'index', 'index', 'index', 'index')}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) score {
  ^bb0(%s: f32, %b: index):
    flat.yield %s : f32
  } -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>, %e: tensor<4xbf16>) {
  // expected-error @below {{flat_attention_c7: score region takes ('f32', 'index', 'index', 'index', 'index'), expected ('f32', 'index', 'index', 'index', 'index', 'bf16')}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) score operands(%e : tensor<4xbf16>) maps [affine_map<(b, h, i, j) -> (h)>] {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    flat.yield %s : f32
  } -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c8: score region may hold only side-effect free scalar operations, found 'tensor.empty'}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    // expected-note @below {{operation is here}}
    %t = tensor.empty() : tensor<4xf32>
    flat.yield %s : f32
  } -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_attention_c8: score region may hold only side-effect free scalar operations, found 'func.call'}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    // expected-note @below {{operation is here}}
    func.call @f(%s) : (f32) -> ()
    flat.yield %s : f32
  } -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{expected 3 operands in 'ins', got 1}}
  %r = flat.attention ins(%q : tensor<1x4x8x16xf32>) outs(%o : tensor<1x4x8x12xf32>) -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{flat_order_c1: expected each of the letters b, h, n, d once, got 'bhnn'}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) orders(q = bhnn) -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{order of 'q' given twice}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) orders(q = bhnd, q = bhnd) -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{expected q, k, v or o, got 'x'}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) orders(x = bhnd) -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<4x8x16xf32>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{operand #0 must be tensor or memref of rank 4}}
  %r = flat.attention ins(%q, %k, %v : tensor<4x8x16xf32>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) -> tensor<1x4x8x12xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x8x16xf64>, %k: tensor<1x2x10x16xf32>, %v: tensor<1x2x10x12xf32>, %o: tensor<1x4x8x12xf32>) {
  // expected-error @below {{operand #0 must be tensor or memref of rank 4 with elements f32, bf16 or f16}}
  %r = flat.attention ins(%q, %k, %v : tensor<1x4x8x16xf64>, tensor<1x2x10x16xf32>, tensor<1x2x10x12xf32>) outs(%o : tensor<1x4x8x12xf32>) -> tensor<1x4x8x12xf32>
  return
}

// -----

// expected-error @below {{flat_order_c1: expected each of the letters b, h, n, d once, got 'bhn'}}
func.func private @f() attributes {test = #flat.order<bhn>}

// -----

// expected-error @below {{flat_dataflow_c1: rows must be positive at row granularity, got 0}}
func.func private @f() attributes {test = #flat.dataflow<row>}

// -----

// expected-error @below {{flat_dataflow_c1: rows must be absent at head granularity, got 4}}
func.func private @f() attributes {test = #flat.dataflow<head, rows = 4>}

// -----

// expected-error @below {{flat_dataflow_c2: key_tile must be positive, got -8}}
func.func private @f() attributes {test = #flat.dataflow<row, rows = 4, key_tile = -8>}

// -----

// expected-error @below {{flat_dataflow_c2: key_tile needs the logits staged}}
func.func private @f() attributes {test = #flat.dataflow<row, rows = 4, key_tile = 8>}

// -----

// expected-error @below {{flat_dataflow_c3: loops must be a permutation of the letters b, h, r, k, got 'bhhr'}}
func.func private @f() attributes {test = #flat.dataflow<head, loops = bhhr>}

// -----

// expected-error @below {{expected batch, sample, head or row, got 'rows'}}
func.func private @f() attributes {test = #flat.dataflow<rows>}

// -----

// expected-error @below {{expected q, k, v, logits or o, got 'p'}}
func.func private @f() attributes {test = #flat.dataflow<head, staged = [p]>}

// -----

// expected-error @below {{'q' named twice}}
func.func private @f() attributes {test = #flat.dataflow<head, staged = [q, q]>}

// -----

// expected-error @below {{'loops' given twice}}
func.func private @f() attributes {test = #flat.dataflow<head, loops = bhrk, loops = bhrk>}

// -----

// expected-error @below {{expected output, weight or input, got 'row'}}
func.func private @f() attributes {test = #flat.dataflow<head, logit = row>}

// -----

// expected-error @below {{expected interleaved, pipelined or sequential, got 'no'}}
func.func private @f() attributes {test = #flat.dataflow<head, interleave = no>}

// -----

// expected-error @below {{expected rows, key_tile, staged, logit, attend, loops, interleave, heads or packed, got 'tile'}}
func.func private @f() attributes {test = #flat.dataflow<head, tile = 4>}

// -----

// expected-error @below {{flat_dataflow_c4: heads must be a positive multiple of packed, got 3 and 2}}
func.func private @f() attributes {test = #flat.dataflow<head, heads = 3, packed = 2>}
