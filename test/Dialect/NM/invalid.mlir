// RUN: nm-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// #nm.sparsity
//===----------------------------------------------------------------------===//

// expected-error @below {{nm_sparsity_c1: group size M must be in 1..64, got 65}}
func.func private @m_too_large(tensor<65xf32, #nm.sparsity<1:65, axis = 0>>)

// -----

// expected-error @below {{nm_sparsity_c1: group size M must be in 1..64, got 0}}
func.func private @m_zero(tensor<4xf32, #nm.sparsity<0:0, axis = 0>>)

// -----

// expected-error @below {{nm_sparsity_c1: N must be in 1..M, got 5:4}}
func.func private @n_above_m(tensor<4xf32, #nm.sparsity<5:4, axis = 0>>)

// -----

// expected-error @below {{nm_sparsity_c1: N must be in 1..M, got 0:4}}
func.func private @n_zero(tensor<4xf32, #nm.sparsity<0:4, axis = 0>>)

// -----

// expected-error @below {{nm_sparsity_c2: axis must not be negative, got -1}}
func.func private @axis_negative(tensor<4xf32, #nm.sparsity<2:4, axis = -1>>)

// -----

// expected-error @below {{nm_sparsity_c2: axis 1 is out of range for a tensor of rank 1}}
func.func private @axis_out_of_range(tensor<4xf32, #nm.sparsity<2:4, axis = 1>>)

// -----

// expected-error @below {{nm_sparsity_c3: dimension 0, the sparse axis, must be static}}
func.func private @axis_dynamic(tensor<?xf32, #nm.sparsity<2:4, axis = 0>>)

// -----

// expected-error @below {{nm_sparsity_c3: dimension 1 has size 10, which 4 (M of 2:4) does not divide}}
func.func private @not_divided(tensor<4x10xf32, #nm.sparsity<2:4, axis = 1>>)

// -----

// expected-error @below {{nm_sparsity_c4: element type must be f32, bf16, f16 or i8, got 'f64'}}
func.func private @element_type(tensor<4xf64, #nm.sparsity<2:4, axis = 0>>)

// -----

// expected-error @below {{nm_sparsity_c4: element type must be f32, bf16, f16 or i8, got 'ui8'}}
func.func private @element_type_unsigned(tensor<4xui8, #nm.sparsity<2:4, axis = 0>>)

// -----

// expected-error @below {{nm_sparsity_c5: expected 4 or 8 bits in groups of 32, 64 or 128, got 4 bits in groups of 48}}
func.func private @group_size(tensor<96xf32, #nm.sparsity<2:4, axis = 0, bits = 4, group = 48>>)

// -----

// expected-error @below {{nm_sparsity_c5: expected 4 or 8 bits in groups of 32, 64 or 128, got 4 bits in groups of 0}}
func.func private @bits_alone(tensor<96xf32, #nm.sparsity<2:4, axis = 0, bits = 4>>)

// -----

// expected-error @below {{nm_sparsity_c5: expected 4 or 8 bits in groups of 32, 64 or 128, got 3 bits in groups of 32}}
func.func private @bits_of_three(tensor<96xf32, #nm.sparsity<2:4, axis = 0, bits = 3, group = 32>>)

// -----

// expected-error @below {{nm_sparsity_c5: dimension 1 has size 96, which groups of 64 do not divide}}
func.func private @group_not_divided(tensor<8x96xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>)

// -----

// expected-error @below {{nm_sparsity_c5: element type must be f32 where a scale and integers make the values, got 'f16'}}
func.func private @group_element_type(tensor<8x64xf16, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>)

// -----

// expected-error @below {{nm_sparsity_c5: scale and zeros need bits and group}}
func.func private @zeros_alone(tensor<96xf32, #nm.sparsity<2:4, axis = 0, zeros>>)

// -----

// expected-error @below {{nm_sparsity_c5: scale must be f16, bf16 or f32, got 'f64'}}
func.func private @scale_type(tensor<96xf32, #nm.sparsity<2:4, axis = 0, bits = 4, group = 32, scale = f64>>)

// -----

// expected-error @below {{unknown field 'zero', expected bits, group, scale or zeros}}
func.func private @unknown_field(tensor<96xf32, #nm.sparsity<2:4, axis = 0, bits = 4, group = 32, zero>>)

// -----

// expected-error @below {{'zeros' is given twice}}
func.func private @zeros_twice(tensor<96xf32, #nm.sparsity<2:4, axis = 0, bits = 4, zeros, group = 32, zeros>>)

// -----

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

// expected-error @below {{unknown attribute `csr` in dialect `nm`}}
func.func @layout_unknown() attributes {a = #nm.csr} { return }

// -----

// expected-error @below {{duplicate or unknown struct parameter name: height}}
func.func @layout_parameter() attributes {a = #nm.panel<height = 3>} { return }

// -----

// expected-error @below {{layout canonical takes no parameters}}
func.func @layout_extra() attributes {a = #nm.canonical<rows = 3>} { return }

// -----

// expected-error @below {{expected ','}}
func.func @layout_missing() attributes {a = #nm.panel<rows = 3, cols = 32>} { return }

// -----

// expected-error @below {{nm_panel_c1: layout panel<rows = 3, cols = 32, depth = 0>: expected positive parameters}}
func.func @layout_zero() attributes {a = #nm.panel<rows = 3, cols = 32, depth = 0>} { return }

// -----

// expected-error @below {{nm_shared_c1: layout shared<rows = -1, cols = 32, depth = 4>: expected positive parameters}}
func.func @layout_negative() attributes {a = #nm.shared<rows = -1, cols = 32, depth = 4>} { return }

// -----

// expected-error @below {{nm_whole_c1: layout whole<rows = 6, cols = 64, depth = 1028>: depth * cols exceeds 65536, the reach of a 16-bit offset}}
func.func @layout_whole() attributes {a = #nm.whole<rows = 6, cols = 64, depth = 1028>} { return }

// -----

// expected-error @below {{nm_paired_c1: layout paired<cols = 32, depth = 4, window = 386>: expected an even window from 2 to 384}}
func.func @layout_window() attributes {a = #nm.paired<cols = 32, depth = 4, window = 386>} { return }

// -----

// expected-error @below {{nm_paired_c1: layout paired<cols = 32, depth = 1028, window = 2>: expected a depth of at most 1024}}
func.func @layout_paired_depth() attributes {a = #nm.paired<cols = 32, depth = 1028, window = 2>} { return }

// -----

// expected-error @below {{expected '>'}}
func.func @layout_panel_lanes() attributes {a = #nm.panel<rows = 3, cols = 32, depth = 4, lanes = 8>} { return }

// -----

// expected-error @below {{nm_cpu_c1: vector must be a power of two from 128 to 2048 bits, got 96}}
func.func @cpu_vector() attributes {a = #nm.cpu<arch = "", features = "", vector = 96, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1>} { return }

// -----

// expected-error @below {{nm_cpu_c1: registers must be in 8..64, got 4}}
func.func @cpu_registers() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 4, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1>} { return }

// -----

// expected-error @below {{nm_cpu_c2: l1 must be at least 4096 bytes, got 0}}
func.func @cpu_l1() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 0, l2 = 0, l3 = 0, line = 64, cores = 1>} { return }

// -----

// expected-error @below {{nm_cpu_c2: l2 and l3 must not be negative, got -1 and 0}}
func.func @cpu_l2() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 32768, l2 = -1, l3 = 0, line = 64, cores = 1>} { return }

// -----

// expected-error @below {{nm_cpu_c2: line must be a power of two from 16 to 1024 bytes, got 48}}
func.func @cpu_line() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 48, cores = 1>} { return }

// -----

// expected-error @below {{nm_cpu_c2: cores must be positive, got 0}}
func.func @cpu_cores() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 0>} { return }

// -----

// expected-error @below {{nm_cpu_c3: unknown feature 'sse9', expected one of avx2}}
func.func @cpu_feature() attributes {a = #nm.cpu<arch = "", features = "fma,sse9", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1>} { return }

// -----

// expected-error @below {{nm_cpu_c3: feature 'fma' is given twice}}
func.func @cpu_twice() attributes {a = #nm.cpu<arch = "", features = "fma,fma", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1>} { return }

// -----

// expected-error @below {{nm_cpu_c4: fmas must be in 1..1024, got 0}}
func.func @cpu_fmas() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1, fmas = 0>} { return }

// -----

// expected-error @below {{nm_cpu_c4: latency must be in 1..1024, got 1025}}
func.func @cpu_latency() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1, latency = 1025>} { return }

// -----

// expected-error @below {{nm_cpu_c4: loads must be in 1..1024, got -1}}
func.func @cpu_loads() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1, loads = -1>} { return }

// -----

// expected-error @below {{nm_cpu_c4: exposed must be in 0..100 percent, got 101}}
func.func @cpu_exposed() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1, exposed = 101>} { return }

// -----

// expected-error @below {{nm_cpu_c4: parallel must not be negative, got -1}}
func.func @cpu_parallel() attributes {a = #nm.cpu<arch = "", features = "", vector = 128, registers = 16, l1 = 32768, l2 = 0, l3 = 0, line = 64, cores = 1, parallel = -1>} { return }

// -----

// expected-error @below {{nm_lane_c1: layout lane<lanes = 6>: expected a power of two of lanes from 4 to 64}}
func.func @layout_lanes() attributes {a = #nm.lane<lanes = 6>} { return }

// -----

// expected-error @below {{nm_lane_c1: layout lane<lanes = 8, interleave = 3>: expected an interleave of 1, 2 or 4}}
func.func @layout_interleave() attributes {a = #nm.lane<lanes = 8, interleave = 3>} { return }

// -----

// expected-error @below {{nm_grouped_c1: layout grouped<rows = 8, depth = 64>: expected 16 or 32 rows}}
func.func @layout_grouped_rows() attributes {a = #nm.grouped<rows = 8, depth = 64>} { return }

// -----

// expected-error @below {{nm_grouped_c1: layout grouped<rows = 16, depth = 96>: expected a depth of 32, 64 or 128}}
func.func @layout_grouped_depth() attributes {a = #nm.grouped<rows = 16, depth = 96>} { return }

// -----

// expected-error @below {{expected '>'}}
func.func @layout_grouped_lanes() attributes {a = #nm.grouped<rows = 16, depth = 64, lanes = 8>} { return }

// -----

// expected-error @below {{nm_panel_c1: layout panel<rows = 3, cols = 32, depth = 2049>: depth * cols exceeds 65536, the reach of a 16-bit offset}}
func.func @layout_reach() attributes {a = #nm.panel<rows = 3, cols = 32, depth = 2049>} { return }

// -----

// expected-error @below {{nm_lane_panel_c1: layout lane_panel<lanes = 6, rows = 3, cols = 32, depth = 4>: expected a power of two of lanes from 4 to 64}}
func.func @layout_both_lanes() attributes {a = #nm.lane_panel<lanes = 6, rows = 3, cols = 32, depth = 4>} { return }

// -----

// expected-error @below {{nm_lane_panel_c1: layout lane_panel<lanes = 8, rows = 3, cols = 32, depth = 2049>: depth * cols exceeds 65536}}
func.func @layout_both_reach() attributes {a = #nm.lane_panel<lanes = 8, rows = 3, cols = 32, depth = 2049>} { return }

// -----

//===----------------------------------------------------------------------===//
// nm.prune, nm.compress, nm.decompress, nm.param
//===----------------------------------------------------------------------===//

func.func @prune_c1_divide(%w: tensor<8x10xf32>) {
  // expected-error @below {{nm_prune_c1: nm_sparsity_c3: dimension 1 has size 10, which 4 (M of 2:4) does not divide}}
  %p = nm.prune %w to <2:4, axis = 1> : tensor<8x10xf32>
  return
}

// -----

func.func @prune_c1_rank(%w: tensor<8xf32>) {
  // expected-error @below {{nm_prune_c1: nm_sparsity_c2: axis 1 is out of range for a tensor of rank 1}}
  %p = nm.prune %w to <2:4, axis = 1> : tensor<8xf32>
  return
}

// -----

func.func @prune_c1_type(%w: tensor<8xi32>) {
  // expected-error @below {{nm_prune_c1: nm_sparsity_c4: element type must be f32, bf16, f16 or i8, got 'i32'}}
  %p = nm.prune %w to <2:4, axis = 0> : tensor<8xi32>
  return
}

// -----

func.func @prune_c1_bits(%w: tensor<8x64xf32>) {
  // expected-error @below {{nm_prune_c1: drops elements and rounds none, expected a pattern without bits}}
  %p = nm.prune %w to <2:4, axis = 1, bits = 4, group = 64> : tensor<8x64xf32>
  return
}

// -----

func.func @packed_param_c2_grouped() {
  // expected-error @below {{layout grouped<rows = 16, depth = 64>: pattern 2:8, expected 1:4, 2:4 or a dense weight}}
  %v = nm.packed_param "w" of tensor<8x64xf32, #nm.sparsity<2:8, axis = 1, bits = 4, group = 64>> layout grouped<rows = 16, depth = 64> : tensor<384xi8>
  return
}

// -----

func.func @prune_encoded(%w: tensor<8xf32, #nm.sparsity<2:4, axis = 0>>) {
  // expected-error @below {{operand #0 must be ranked tensor without encoding}}
  %p = nm.prune %w to <2:4, axis = 0> : tensor<8xf32, #nm.sparsity<2:4, axis = 0>>
  return
}

// -----

func.func @compress_c1_shape(%w: tensor<8xf32>) {
  // expected-error @below {{nm_compress_c1: source and result must agree in shape and element type, got 'tensor<8xf32>' and 'tensor<4xf32, #nm.sparsity<2:4, axis = 0>>'}}
  %p = nm.compress %w : tensor<8xf32> to tensor<4xf32, #nm.sparsity<2:4, axis = 0>>
  return
}

// -----

func.func @compress_c1_type(%w: tensor<8xf32>) {
  // expected-error @below {{nm_compress_c1: source and result must agree in shape and element type}}
  %p = nm.compress %w : tensor<8xf32> to tensor<8xf16, #nm.sparsity<2:4, axis = 0>>
  return
}

// -----

func.func @compress_to_dense(%w: tensor<8xf32>) {
  // expected-error @below {{result #0 must be ranked tensor with an #nm.sparsity encoding}}
  %p = nm.compress %w : tensor<8xf32> to tensor<8xf32>
  return
}

// -----

func.func @decompress_c1(%w: tensor<8xf32, #nm.sparsity<2:4, axis = 0>>) {
  // expected-error @below {{nm_decompress_c1: source and result must agree in shape and element type}}
  %p = nm.decompress %w : tensor<8xf32, #nm.sparsity<2:4, axis = 0>> to tensor<2x4xf32>
  return
}

// -----

func.func @param_c1() {
  // expected-error @below {{nm_param_c1: key must not be empty}}
  %p = nm.param "" : tensor<8xf32>
  return
}

// -----

func.func @param_c2() {
  // expected-error @below {{nm_param_c2: shape must be static, got 'tensor<?xf32>'}}
  %p = nm.param "w" : tensor<?xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// nm.matmul
//===----------------------------------------------------------------------===//

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c1_destination(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c1: destination type 'tensor<4x2xf32>' must equal the result type 'tensor<?x2xf32>'}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>) outs(%c : tensor<4x2xf32>) -> tensor<?x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c1_rank(%x: tensor<8xf32>, %w: tensor<8x2xf32, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c1: lhs must have rank 2 or more, got 'tensor<8xf32>'}}
  %r = nm.matmul ins(%x, %w : tensor<8xf32>, tensor<8x2xf32, #w>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c1_batch(%x: tensor<3x4x8xf32>, %w: tensor<8x2xf32, #w>, %c: tensor<5x4x2xf32>) {
  // expected-error @below {{nm_matmul_c1: batch dimensions of lhs must be absent or equal the result's (5), got (3)}}
  %r = nm.matmul ins(%x, %w : tensor<3x4x8xf32>, tensor<8x2xf32, #w>) outs(%c : tensor<5x4x2xf32>) -> tensor<5x4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 1>
func.func @matmul_c1_batch_rank(%x: tensor<4x8xf32>, %w: tensor<3x8x2xf32, #w>, %c: tensor<5x3x4x2xf32>) {
  // expected-error @below {{nm_matmul_c1: batch dimensions of rhs must be absent or equal the result's (5, 3), got (3)}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<3x8x2xf32, #w>) outs(%c : tensor<5x3x4x2xf32>) -> tensor<5x3x4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c2_i(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %c: tensor<5x2xf32>) {
  // expected-error @below {{nm_matmul_c2: sizes along i (rows of lhs and result) must agree, got 4 and 5}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>) outs(%c : tensor<5x2xf32>) -> tensor<5x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 1>
func.func @matmul_c2_j(%x: tensor<4x8xf32>, %w: tensor<3x8xf32, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c2: sizes along j (columns of rhs and result) must agree, got 3 and 2}}
  %r = nm.matmul transpose_rhs ins(%x, %w : tensor<4x8xf32>, tensor<3x8xf32, #w>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c2_k(%x: tensor<4x7xf32>, %w: tensor<8x2xf32, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c2: sizes along k (contraction of lhs and rhs) must agree, got 7 and 8}}
  %r = nm.matmul ins(%x, %w : tensor<4x7xf32>, tensor<8x2xf32, #w>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#l = #nm.sparsity<2:4, axis = 1>
#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c3_both(%x: tensor<4x8xf32, #l>, %w: tensor<8x2xf32, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c3: at most one operand may be encoded}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32, #l>, tensor<8x2xf32, #w>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#l = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c3_lhs(%x: tensor<4x8xf32, #l>, %w: tensor<8x2xf32>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c3: sparse axis of lhs must be the contraction, dimension 1, got 0}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32, #l>, tensor<8x2xf32>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c3_rhs(%x: tensor<4x8xf32>, %w: tensor<4x8xf32, #w>, %c: tensor<4x4xf32>) {
  // expected-error @below {{nm_matmul_c3: sparse axis of rhs must be the contraction, dimension 1, got 0}}
  %r = nm.matmul transpose_rhs ins(%x, %w : tensor<4x8xf32>, tensor<4x8xf32, #w>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c4_type(%x: tensor<4x8xf64>, %w: tensor<8x2xf32, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c4: element types must be f32, bf16, f16 or i8, got 'f64'}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf64>, tensor<8x2xf32, #w>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c4_i8(%x: tensor<4x8xi8>, %w: tensor<8x2xf32, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c4: an i8 dense operand needs an i8 weight, got 'f32'}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xi8>, tensor<8x2xf32, #w>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c5_count(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %b: tensor<2xf32>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c5: 1 epilogue operands need as many maps, got 0}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>)
      epilogue(%b : tensor<2xf32>) maps [] outs(%c : tensor<4x2xf32>) {
  ^bb0(%acc: f32, %e: f32):
    nm.yield %acc : f32
  } -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c5_permutation(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %b: tensor<2xf32>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c5: map 0 must be a projected permutation of the result's 2 dimensions, got affine_map<(d0, d1) -> (d0 + d1)>}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>)
      epilogue(%b : tensor<2xf32>) maps [affine_map<(i, j) -> (i + j)>] outs(%c : tensor<4x2xf32>) {
  ^bb0(%acc: f32, %e: f32):
    nm.yield %acc : f32
  } -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c5_rank(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %b: tensor<2xf32>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c5: map 0 has 2 results for an operand of rank 1}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>)
      epilogue(%b : tensor<2xf32>) maps [affine_map<(i, j) -> (i, j)>] outs(%c : tensor<4x2xf32>) {
  ^bb0(%acc: f32, %e: f32):
    nm.yield %acc : f32
  } -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c5_size(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %b: tensor<3xf32>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c5: dimension 0 of epilogue operand 0 has size 3, expected 2}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>)
      epilogue(%b : tensor<3xf32>) maps [affine_map<(i, j) -> (j)>] outs(%c : tensor<4x2xf32>) {
  ^bb0(%acc: f32, %e: f32):
    nm.yield %acc : f32
  } -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c6_no_region(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %b: tensor<2xf32>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c6: epilogue operands need an epilogue region}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>)
      epilogue(%b : tensor<2xf32>) maps [affine_map<(i, j) -> (j)>] outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c6_arguments(%x: tensor<4x8xf16>, %w: tensor<8x2xf16, #w>, %c: tensor<4x2xf16>) {
  // expected-error @below {{nm_matmul_c6: epilogue takes ('f16'), expected ('f32')}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf16>, tensor<8x2xf16, #w>) outs(%c : tensor<4x2xf16>) {
  ^bb0(%acc: f16):
    nm.yield %acc : f16
  } -> tensor<4x2xf16>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c6_yield(%x: tensor<4x8xf16>, %w: tensor<8x2xf16, #w>, %c: tensor<4x2xf16>) {
  // expected-error @below {{nm_matmul_c6: epilogue yields ('f32'), expected ('f16')}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf16>, tensor<8x2xf16, #w>) outs(%c : tensor<4x2xf16>) {
  ^bb0(%acc: f32):
    // expected-note @below {{yielded here}}
    nm.yield %acc : f32
  } -> tensor<4x2xf16>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c6_i8(%x: tensor<4x8xi8>, %w: tensor<8x2xi8, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c6: without an epilogue the result of an i8 product must be i32, got 'f32'}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xi8>, tensor<8x2xi8, #w>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c6_float(%x: tensor<4x8xf32>, %w: tensor<8x2xi8, #w>, %c: tensor<4x2xi32>) {
  // expected-error @below {{nm_matmul_c6: without an epilogue the result of a floating-point product must be a float, got 'i32'}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xi8, #w>) outs(%c : tensor<4x2xi32>) -> tensor<4x2xi32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c7_effects(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %c: tensor<4x2xf32>, %m: memref<f32>) {
  // expected-error @below {{nm_matmul_c7: epilogue may hold only side-effect free scalar operations, found 'memref.store'}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>) outs(%c : tensor<4x2xf32>) {
  ^bb0(%acc: f32):
    // expected-note @below {{operation is here}}
    memref.store %acc, %m[] : memref<f32>
    nm.yield %acc : f32
  } -> tensor<4x2xf32>
  return
}

// -----

#w = #nm.sparsity<2:4, axis = 0>
func.func @matmul_c7_scalar(%x: tensor<4x8xf32>, %w: tensor<8x2xf32, #w>, %c: tensor<4x2xf32>) {
  // expected-error @below {{nm_matmul_c7: epilogue may hold only side-effect free scalar operations, found 'vector.broadcast'}}
  %r = nm.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32, #w>) outs(%c : tensor<4x2xf32>) {
  ^bb0(%acc: f32):
    // expected-note @below {{operation is here}}
    %v = vector.broadcast %acc : f32 to vector<4xf32>
    nm.yield %acc : f32
  } -> tensor<4x2xf32>
  return
}

// -----

func.func @matmul_syntax(%x: tensor<4x8xf32>, %c: tensor<4x2xf32>) {
  // expected-error @below {{expected two operands in 'ins', got 1}}
  %r = nm.matmul ins(%x : tensor<4x8xf32>) outs(%c : tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

func.func @yield_parent(%x: f32) {
  // expected-error @below {{'nm.yield' op expects parent op to be one of 'nm.matmul, nm.packed_matmul'}}
  nm.yield %x : f32
}

// -----

//===----------------------------------------------------------------------===//
// Storage level
//===----------------------------------------------------------------------===//

func.func @assemble_c1_shape(%v: tensor<8x8xf32>, %m: tensor<8x3xi8>) {
  // expected-error @below {{nm_assemble_c1: storage of 'tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>' in layout #nm.canonical must be ('tensor<8x8xf32>', 'tensor<8x2xi8>'), got ('tensor<8x8xf32>', 'tensor<8x3xi8>')}}
  %s = nm.assemble %v, %m layout canonical
      : tensor<8x8xf32>, tensor<8x3xi8> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  return
}

// -----

func.func @assemble_c1_count(%v: tensor<8x8xf32>) {
  // expected-error @below {{nm_assemble_c1: storage of}}
  %s = nm.assemble %v layout canonical : tensor<8x8xf32> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  return
}

// -----

func.func @assemble_c1_dynamic(%v: tensor<?x8xf32>, %m: tensor<?x2xi8>) {
  // expected-error @below {{nm_assemble_c1: layout #nm.canonical holds static tensors with an #nm.sparsity encoding}}
  %s = nm.assemble %v, %m layout canonical
      : tensor<?x8xf32>, tensor<?x2xi8> to tensor<?x16xf32, #nm.sparsity<2:4, axis = 1>>
  return
}

// -----

func.func @assemble_c1_panel(%v: tensor<1xf32>, %m: tensor<1xi16>) {
  // expected-error @below {{nm_assemble_c1: layout panel<rows = 3, cols = 8, depth = 6>: depth is not a multiple of M = 4}}
  %s = nm.assemble %v, %m layout panel<rows = 3, cols = 8, depth = 6>
      : tensor<1xf32>, tensor<1xi16> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
  return
}

// -----

func.func @disassemble_c1(%s: tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>) {
  // expected-error @below {{nm_disassemble_c1: storage of 'tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>' in layout #nm.dense must be ('tensor<8x16xf32>'), got ('tensor<8x8xf32>')}}
  %v = nm.disassemble %s layout dense : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<8x8xf32>
  return
}

// -----

func.func @packed_param_c1() {
  // expected-error @below {{nm_packed_param_c1: key must not be empty}}
  %v = nm.packed_param "" of tensor<8xf32> layout dense : tensor<8xf32>
  return
}

// -----

func.func @packed_param_c2_type() {
  // expected-error @below {{nm_packed_param_c2: type must be a ranked tensor, got 'f32'}}
  %v = nm.packed_param "w" of f32 layout dense : tensor<8xf32>
  return
}

// -----

func.func @packed_param_c2_storage() {
  // expected-error @below {{nm_packed_param_c2: storage of}}
  %v = nm.packed_param "w" of tensor<8xf32> layout dense : tensor<4xf32>
  return
}

// -----

func.func @packed_param_c2_dense() {
  // expected-error @below {{nm_packed_param_c2: layout #nm.canonical holds static tensors with an #nm.sparsity encoding, got 'tensor<8xf32>'}}
  %v = nm.packed_param "w" of tensor<8xf32> layout canonical : tensor<4xf32>
  return
}

// -----

func.func @packed_matmul_c1_type(%w: tensor<8x16xf32>, %x: tensor<16x5xf32>, %c: tensor<8x5xf32>) {
  // expected-error @below {{nm_packed_matmul_c1: weight type must be a static rank-2 tensor with an #nm.sparsity encoding, got 'tensor<8x16xf32>'}}
  %r = nm.packed_matmul weight(%w : tensor<8x16xf32>) of tensor<8x16xf32> layout dense
      ins(%x : tensor<16x5xf32>) outs(%c : tensor<8x5xf32>) -> tensor<8x5xf32>
  return
}

// -----

func.func @packed_matmul_c1_storage(%w: tensor<8x15xf32>, %x: tensor<16x5xf32>, %c: tensor<8x5xf32>) {
  // expected-error @below {{nm_packed_matmul_c1: storage of 'tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>' in layout #nm.dense must be ('tensor<8x16xf32>'), got ('tensor<8x15xf32>')}}
  %r = nm.packed_matmul weight(%w : tensor<8x15xf32>)
      of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout dense
      ins(%x : tensor<16x5xf32>) outs(%c : tensor<8x5xf32>) -> tensor<8x5xf32>
  return
}

// -----

func.func @packed_matmul_c2_sizes(%w: tensor<8x16xf32>, %x: tensor<15x5xf32>, %c: tensor<8x5xf32>) {
  // expected-error @below {{nm_packed_matmul_c2: a weight of 8 x 16 does not multiply x 'tensor<15x5xf32>' into c 'tensor<8x5xf32>'}}
  %r = nm.packed_matmul weight(%w : tensor<8x16xf32>)
      of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout dense
      ins(%x : tensor<15x5xf32>) outs(%c : tensor<8x5xf32>) -> tensor<8x5xf32>
  return
}

// -----

func.func @packed_matmul_c2_rank(%w: tensor<8x16xf32>, %x: tensor<1x16x5xf32>, %c: tensor<8x5xf32>) {
  // expected-error @below {{nm_packed_matmul_c2: x and c must have rank 2}}
  %r = nm.packed_matmul weight(%w : tensor<8x16xf32>)
      of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout dense
      ins(%x : tensor<1x16x5xf32>) outs(%c : tensor<8x5xf32>) -> tensor<8x5xf32>
  return
}

// -----

func.func @packed_matmul_c2_result(%w: tensor<8x16xf32>, %x: tensor<16x5xf32>, %c: tensor<8x5xf32>) {
  // expected-error @below {{nm_packed_matmul_c2: result type 'tensor<8x?xf32>' must equal the destination type 'tensor<8x5xf32>'}}
  %r = nm.packed_matmul weight(%w : tensor<8x16xf32>)
      of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout dense
      ins(%x : tensor<16x5xf32>) outs(%c : tensor<8x5xf32>) -> tensor<8x?xf32>
  return
}

// -----

func.func @packed_matmul_c3_maps(%w: tensor<8x16xf32>, %x: tensor<16x5xf32>, %b: tensor<8xf32>, %c: tensor<8x5xf32>) {
  // expected-error @below {{nm_packed_matmul_c3: dimension 0 of epilogue operand 0 has size 8, expected 5}}
  %r = nm.packed_matmul weight(%w : tensor<8x16xf32>)
      of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout dense ins(%x : tensor<16x5xf32>)
      epilogue(%b : tensor<8xf32>) maps [affine_map<(i, j) -> (j)>] outs(%c : tensor<8x5xf32>) {
  ^bb0(%acc: f32, %e: f32):
    nm.yield %acc : f32
  } -> tensor<8x5xf32>
  return
}

// -----

func.func @packed_matmul_c3_region(%w: tensor<8x16xf32>, %x: tensor<16x5xf32>, %c: tensor<8x5xf32>) {
  // expected-error @below {{nm_packed_matmul_c3: epilogue takes ('f32', 'f32'), expected ('f32')}}
  %r = nm.packed_matmul weight(%w : tensor<8x16xf32>)
      of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout dense ins(%x : tensor<16x5xf32>)
      outs(%c : tensor<8x5xf32>) {
  ^bb0(%acc: f32, %e: f32):
    nm.yield %acc : f32
  } -> tensor<8x5xf32>
  return
}
