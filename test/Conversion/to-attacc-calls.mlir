// RUN: nm-opt %s --split-input-file --nm-to-attacc --verify-diagnostics | FileCheck %s

// A layer is called twice: its parameters are in the table once.

// CHECK-LABEL: attacc.program @model
// CHECK-COUNT-1: attacc.tensor "w" param
// CHECK-NOT: attacc.tensor "w"
// CHECK-COUNT-2: attacc.layernorm
// CHECK-NOT: attacc.layernorm
func.func private @layer(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %g = nm.param "w" : tensor<16xf32>
  %b = nm.param "b" : tensor<16xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %r = tensor.empty() : tensor<8xf32>
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%r : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x16xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  %squares = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x16xf32>) outs(%z : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %q = arith.mulf %a, %a : f32
    %s = arith.addf %q, %o : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  // The variance as the mean of squares less the square of the mean.
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>,
                                        affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %squares, %g, %b : tensor<8x16xf32>, tensor<8xf32>, tensor<8xf32>, tensor<16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: f32, %s: f32, %q: f32, %gamma: f32, %beta: f32, %o: f32):
    %n = arith.constant 16.0 : f32
    %epsilon = arith.constant 1.0e-5 : f32
    %m = arith.divf %s, %n : f32
    %qm = arith.divf %q, %n : f32
    %mm = arith.mulf %m, %m : f32
    %v = arith.subf %qm, %mm : f32
    %ve = arith.addf %v, %epsilon : f32
    %root = math.sqrt %ve : f32
    %d = arith.subf %a, %m : f32
    %t = arith.divf %d, %root : f32
    %u = arith.mulf %gamma, %t : f32
    %w = arith.addf %beta, %u : f32
    linalg.yield %w : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
func.func @model(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = call @layer(%x) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %z = call @layer(%y) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// -----

func.func private @a(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = call @b(%x) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
func.func private @b(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %g = nm.param "w" : tensor<16xf32>
  // expected-error @below {{is one of more than 4096 calls or recursive, expected neither}}
  %y = call @a(%x) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
func.func @endless(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %g = nm.param "w" : tensor<16xf32>
  %y = call @a(%x) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

func.func private @elsewhere(tensor<8x16xf32>) -> tensor<8x16xf32>
func.func @external(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-error @below {{calls '@elsewhere', expected a function with one block in this module}}
  %y = call @elsewhere(%x) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
