// RUN: nm-opt %s --nm-raise --split-input-file --verify-diagnostics

// A promise that no tensor of this shape can keep.
func.func @indivisible(%x: tensor<20x63xf32>,
    // expected-error@below {{attribute 'nm.sparsity': nm_sparsity_c3: dimension 0 has size 63, which 4 (M of 2:4) does not divide}}
    %w: tensor<63x32xf32> {nm.sparsity = #nm.sparsity<2:4, axis = 0>}) -> tensor<20x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<20x63xf32>, tensor<63x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

func.func @no_pattern(%x: tensor<20x64xf32>) -> tensor<20x32xf32> {
  // expected-error@below {{attribute 'nm.sparsity': expected #nm.sparsity<n:m, axis = a>, got "2:4"}}
  %w = nm.param "w" {nm.sparsity = "2:4"} : tensor<64x32xf32>
  %zero = arith.constant dense<0.0> : tensor<20x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<20x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<20x32xf32>) -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}
