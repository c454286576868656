// Each form that docs/attacc-operators.md lists as refused says what was found and what is expected.
// RUN: nm-opt %s --nm-to-attacc --split-input-file --verify-diagnostics

// expected-error @below {{has the argument 'tensor<f32>', expected a tensor of static sizes; programs have no others}}
func.func @scalar_argument(%x: tensor<f32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  return %y : tensor<4xf32>
}

// -----

// expected-error @below {{has the argument 'f32', expected a tensor of static sizes; programs have no others}}
func.func @number_argument(%x: f32, %y: tensor<4xf32>) -> tensor<4xf32> {
  return %y : tensor<4xf32>
}

// -----

// expected-error @below {{has the result 'tensor<f32>', expected a tensor of static sizes}}
func.func @scalar_result(%x: tensor<4xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %y = linalg.reduce { arith.addf } ins(%x : tensor<4xf32>) outs(%f : tensor<f32>) dimensions = [0]
  return %y : tensor<f32>
}

// -----

// expected-error @below {{has elements of type 'f64', expected f32, f16 or bf16}}
func.func @doubles(%x: tensor<4xf64>) -> tensor<4xf64> {
  return %x : tensor<4xf64>
}

// -----

func.func @index(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{has no instructions on edge: it computes 'arith.sitofp', which its special function unit does not; run it on a processor (--target=host)}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%v: f32, %out: f32):
    %i = linalg.index 1 : index
    %n = arith.index_cast %i : index to i32
    // expected-note @below {{'arith.sitofp' is here}}
    %f = arith.sitofp %n : i32 to f32
    %s = arith.addf %v, %f : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

func.func @power(%x: tensor<4x8xf32>, %p: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{has no instructions on edge: it computes 'math.powf'}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %p : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%v: f32, %w: f32, %out: f32):
    // expected-note @below {{'math.powf' is here}}
    %s = math.powf %v, %w : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

func.func @select(%x: tensor<4x8xf32>, %p: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{has no instructions on edge: it computes 'arith.select'}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %p : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%v: f32, %w: f32, %out: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf ogt, %v, %zero : f32
    // expected-note @below {{'arith.select' is here}}
    %s = arith.select %c, %w, %v : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

func.func @gather(%x: tensor<4x8xf32>) -> tensor<4x4xf32> {
  %e = tensor.empty() : tensor<4x4xf32>
  // expected-error @below {{expected loops and constants as its results; edge has no gathers and no windows}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j * 2)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%v: f32, %out: f32):
    %s = arith.mulf %v, %v : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// -----

func.func @slice(%x: tensor<4x8xf32>) -> tensor<4x4xf32> {
  %empty = tensor.empty() : tensor<2x3xf32>
  // expected-error @below {{reads a value that no instruction computes}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j, k, l) -> (k, l)>, affine_map<(i, j, k, l) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%empty : tensor<2x3xf32>) outs(%x : tensor<4x8xf32>) {
  ^bb0(%v: f32, %out: f32):
    %s = arith.addf %v, %out : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %z = tensor.extract_slice %y[0, 0] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
  return %z : tensor<4x4xf32>
}

// -----

func.func @pad(%x: tensor<4x8xf32>) -> tensor<6x8xf32> {
  // expected-error @below {{pads 'tensor<4x8xf32>' to 'tensor<6x8xf32>', expected static sizes and one constant around it}}
  %y = tensor.pad %x low[1, 0] high[1, 0] {
  ^bb0(%i: index, %j: index):
    %n = arith.index_cast %i : index to i32
    %f = arith.sitofp %n : i32 to f32
    tensor.yield %f : f32
  } : tensor<4x8xf32> to tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}

// -----

func.func @batches(%x: tensor<5000x1x2xf32>, %y: tensor<5000x2x1xf32>) -> tensor<5000x1x1xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5000x1x1xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<5000x1x1xf32>) -> tensor<5000x1x1xf32>
  // expected-error @below {{has 5000 products in a batch, expected at most 4096 in a program}}
  %z = linalg.batch_matmul ins(%x, %y : tensor<5000x1x2xf32>, tensor<5000x2x1xf32>) outs(%f : tensor<5000x1x1xf32>) -> tensor<5000x1x1xf32>
  return %z : tensor<5000x1x1xf32>
}

// -----

func.func @wide(%x: tensor<2x200000xf32>) -> tensor<2x200000xf32> {
  %e = tensor.empty() : tensor<2x200000xf32>
  // expected-error @below {{cannot be lowered to edge: found rows of 200000 elements in a softmax, whose buffers need 1600000 bytes, expected at most the}}
  %y = linalg.softmax dimension(1) ins(%x : tensor<2x200000xf32>) outs(%e : tensor<2x200000xf32>) -> tensor<2x200000xf32>
  return %y : tensor<2x200000xf32>
}

// -----

func.func @transfers(%x: tensor<8827x97xf32>, %y: tensor<9409x91xf32>) -> tensor<9409x91xf32> {
  %c = tensor.collapse_shape %x [[0, 1]] : tensor<8827x97xf32> into tensor<856219xf32>
  %r = tensor.expand_shape %c [[0, 1]] output_shape [9409, 91] : tensor<856219xf32> into tensor<9409x91xf32>
  %e = tensor.empty() : tensor<9409x91xf32>
  // expected-error @below {{which takes more than 4096 transfers that no loop joins, expected fewer; make one a multiple of the other}}
  %z = linalg.add ins(%r, %y : tensor<9409x91xf32>, tensor<9409x91xf32>) outs(%e : tensor<9409x91xf32>) -> tensor<9409x91xf32>
  return %z : tensor<9409x91xf32>
}

// -----

// A program runs all of its instructions: what branches compute would need a condition, which no argument is.
// expected-error @below {{has elements of type 'i1', expected f32, f16 or bf16}}
func.func @branches(%yes: tensor<1xi1>, %x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %c0 = arith.constant 0 : index
  %c = tensor.extract %yes[%c0] : tensor<1xi1>
  %r = scf.if %c -> tensor<64x64xf32> {
    %e = tensor.empty() : tensor<64x64xf32>
    %s = linalg.exp ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
    scf.yield %s : tensor<64x64xf32>
  } else {
    %e = tensor.empty() : tensor<64x64xf32>
    %s = linalg.tanh ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
    scf.yield %s : tensor<64x64xf32>
  }
  return %r : tensor<64x64xf32>
}
