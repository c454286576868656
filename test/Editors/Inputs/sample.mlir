// A comment with nm.param in it.
func.func @f(%x: tensor<3x8xf32>) -> tensor<4x8xf32, #nm.sparsity<2:4, axis = 1>> {
  %w = nm.param "nm.prune" : tensor<4x8xf32>
  %p = nm.prune %w pattern 2:4 : tensor<4x8xf32>
  %a = pifo.mesh.leaf_number %x : !attacc.semaphore
  %b = nm.parameter %x : i32
  return %p : tensor<4x8xf32>
}
