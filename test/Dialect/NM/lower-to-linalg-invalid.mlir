// RUN: nm-opt %s --split-input-file --nm-lower-to-linalg --verify-diagnostics

func.func @lane(%s: tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>) -> (tensor<64xf32>, tensor<32xi32>) {
  // expected-error @below {{'nm.disassemble' op has no reference lowering for layout #nm.lane<lanes = 8>; use dense, canonical or panel}}
  %v, %w = nm.disassemble %s layout lane<lanes = 8>
      : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<64xf32>, tensor<32xi32>
  return %v, %w : tensor<64xf32>, tensor<32xi32>
}

// -----

func.func @paired(%s: tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>) -> (tensor<64xf32>, tensor<80xi16>) {
  // expected-error @below {{'nm.disassemble' op has no reference lowering for layout #nm.paired<cols = 32, depth = 16, window = 8>; use dense, canonical or panel}}
  %v, %w = nm.disassemble %s layout paired<cols = 32, depth = 16, window = 8>
      : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<64xf32>, tensor<80xi16>
  return %v, %w : tensor<64xf32>, tensor<80xi16>
}

// -----

func.func @bits(%d: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // expected-error @below {{claims 1:1 i4:32 of a value that is not known to be so, expected a constant or a parameter}}
  %w = nm.compress %d : tensor<8x64xf32> to tensor<8x64xf32, #nm.sparsity<1:1, axis = 1, bits = 4, group = 32>>
  %r = nm.decompress %w : tensor<8x64xf32, #nm.sparsity<1:1, axis = 1, bits = 4, group = 32>> to tensor<8x64xf32>
  return %r : tensor<8x64xf32>
}

// -----

func.func @no_scale() -> tensor<64xf32> {
  %d = arith.constant dense<0.3> : tensor<64xf32>
  // expected-error @below {{claims 1:1 i4:64 of a value that is not known to be so}}
  %w = nm.compress %d : tensor<64xf32> to tensor<64xf32, #nm.sparsity<1:1, axis = 0, bits = 4, group = 64>>
  %r = nm.decompress %w : tensor<64xf32, #nm.sparsity<1:1, axis = 0, bits = 4, group = 64>> to tensor<64xf32>
  return %r : tensor<64xf32>
}
