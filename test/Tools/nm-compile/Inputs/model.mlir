// What the tests of compiled models run: a sparse and a dense product of any number of rows with its bias, two
// functions that share a weight, scalars, and an argument that is a result.
func.func @linear(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w = nm.param "weight" : tensor<4x8xf32>
  %t = tensor.empty() : tensor<8x4xf32>
  %wt = linalg.transpose ins(%w : tensor<4x8xf32>) outs(%t : tensor<8x4xf32>) permutation = [1, 0]
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%d) : tensor<?x4xf32>
  %z = arith.constant 0.0 : f32
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %0 = linalg.matmul ins(%x, %wt : tensor<?x8xf32>, tensor<8x4xf32>) outs(%i : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

func.func @twice(%x: tensor<?x8xf32>) -> (tensor<?x4xf32> {nm.name = "y"}, tensor<?x8xf32> {nm.name = "same"}) {
  %w = nm.param "weight" : tensor<4x8xf32>
  %t = tensor.empty() : tensor<8x4xf32>
  %wt = linalg.transpose ins(%w : tensor<4x8xf32>) outs(%t : tensor<8x4xf32>) permutation = [1, 0]
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%d) : tensor<?x8xf32>
  %two = linalg.add ins(%x, %x : tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %f = tensor.empty(%d) : tensor<?x4xf32>
  %z = arith.constant 0.0 : f32
  %i = linalg.fill ins(%z : f32) outs(%f : tensor<?x4xf32>) -> tensor<?x4xf32>
  %0 = linalg.matmul ins(%two, %wt : tensor<?x8xf32>, tensor<8x4xf32>) outs(%i : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0, %x : tensor<?x4xf32>, tensor<?x8xf32>
}

func.func @scalars(%s: f32, %n: i64, %flag: i1) -> (f32, i64, i1) {
  %0 = arith.addf %s, %s : f32
  %c1 = arith.constant 1 : i64
  %1 = arith.addi %n, %c1 : i64
  %true = arith.constant true
  %2 = arith.xori %flag, %true : i1
  return %0, %1, %2 : f32, i64, i1
}
