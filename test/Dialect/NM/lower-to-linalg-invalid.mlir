// RUN: nm-opt %s --nm-lower-to-linalg --verify-diagnostics

func.func @lane(%s: tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>) -> (tensor<64xf32>, tensor<32xi32>) {
  // expected-error @below {{'nm.disassemble' op has no reference lowering for layout #nm.layout<lane, lanes = 8>; use dense, canonical or panel}}
  %v, %w = nm.disassemble %s layout <lane, lanes = 8>
      : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<64xf32>, tensor<32xi32>
  return %v, %w : tensor<64xf32>, tensor<32xi32>
}
