// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt | FileCheck %s

// CHECK-LABEL: func @sparsity()
// CHECK-SAME: most = #nm.sparsity<64:64, axis = 3>
// CHECK-SAME: odd = #nm.sparsity<3:7, axis = 1>
// CHECK-SAME: one = #nm.sparsity<1:1, axis = 0>
// CHECK-SAME: usual = #nm.sparsity<2:4, axis = 1>
func.func @sparsity() attributes {
  most = #nm.sparsity<64:64, axis = 3>, odd = #nm.sparsity<3:7, axis = 1>,
  one = #nm.sparsity<1:1, axis = 0>, usual = #nm.sparsity<2:4, axis = 1>
} { return }

// CHECK-LABEL: func @layout()
// CHECK-SAME: canonical = #nm.canonical
// CHECK-SAME: dense = #nm.dense
// CHECK-SAME: grouped = #nm.grouped<rows = 16, depth = 64>
// CHECK-SAME: lane = #nm.lane<lanes = 8>
// CHECK-SAME: lane4 = #nm.lane<lanes = 8, interleave = 4>
// CHECK-SAME: lane_panel = #nm.lane_panel<lanes = 8, rows = 3, cols = 32, depth = 192>
// CHECK-SAME: paired = #nm.paired<cols = 128, depth = 64, window = 32>
// CHECK-SAME: panel = #nm.panel<rows = 3, cols = 32, depth = 192>
// CHECK-SAME: reach = #nm.panel<rows = 1, cols = 1, depth = 65536>
// CHECK-SAME: shared = #nm.shared<rows = 4, cols = 24, depth = 256>
// CHECK-SAME: whole = #nm.whole<rows = 6, cols = 64, depth = 144>
func.func @layout() attributes {
  canonical = #nm.canonical, dense = #nm.dense,
  grouped = #nm.grouped<rows = 16, depth = 64>,
  lane = #nm.lane<lanes = 8>,
  lane4 = #nm.lane<lanes = 8, interleave = 4>,
  lane_panel = #nm.lane_panel<lanes = 8, interleave = 1, rows = 3, cols = 32, depth = 192>,
  paired = #nm.paired<window = 32, cols = 128, depth = 64>,
  panel = #nm.panel<depth = 192, rows = 3, cols = 32>,
  reach = #nm.panel<rows = 1, cols = 1, depth = 65536>,
  shared = #nm.shared<rows = 4, cols = 24, depth = 256>,
  whole = #nm.whole<depth = 144, rows = 6, cols = 64>
} { return }

// CHECK-LABEL: func @cpu()
// CHECK-SAME: other = #nm.cpu<arch = "riscv64", features = "", vector = 128, registers = 32, l1 = 4096, l2 = 0, l3 = 0, line = 16, cores = 64>
// CHECK-SAME: usual = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768, l2 = 524288, l3 = 33554432, line = 64, cores = 2>
func.func @cpu() attributes {
  other = #nm.cpu<features = "", arch = "riscv64", vector = 128, registers = 32, l1 = 4096, l2 = 0, l3 = 0,
                  line = 16, cores = 64>,
  usual = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768,
                  l2 = 524288, l3 = 33554432, line = 64, cores = 2>
} { return }

// Every element type and any rank; only the sparse dimension is static.
// CHECK-LABEL: func private @types(
// CHECK-SAME: tensor<4xf32, #nm.sparsity<2:4, axis = 0>>
// CHECK-SAME: tensor<?x14xbf16, #nm.sparsity<3:7, axis = 1>>
// CHECK-SAME: tensor<2x?x16x?xf16, #nm.sparsity<1:16, axis = 2>>
// CHECK-SAME: tensor<0x8xi8, #nm.sparsity<4:8, axis = 0>>
func.func private @types(tensor<4xf32, #nm.sparsity<2:4, axis = 0>>,
                         tensor<?x14xbf16, #nm.sparsity<3:7, axis = 1>>,
                         tensor<2x?x16x?xf16, #nm.sparsity<1:16, axis = 2>>,
                         tensor<0x8xi8, #nm.sparsity<4:8, axis = 0>>)

// CHECK-LABEL: func private @groups(
// CHECK-SAME: tensor<8x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>
// CHECK-SAME: tensor<8x64xf32, #nm.sparsity<1:1, axis = 1, bits = 4, group = 32, scale = bf16>>
// CHECK-SAME: tensor<8x128xf32, #nm.sparsity<1:4, axis = 1, bits = 4, group = 128, scale = f32, zeros>>
// CHECK-SAME: tensor<8x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 32, zeros>>
func.func private @groups(
    tensor<8x64xf32, #nm.sparsity<2:4, axis = 1, group = 64, bits = 4, scale = f16>>,
    tensor<8x64xf32, #nm.sparsity<1:1, axis = 1, bits = 4, group = 32, scale = bf16>>,
    tensor<8x128xf32, #nm.sparsity<1:4, axis = 1, bits = 4, zeros, group = 128, scale = f32>>,
    tensor<8x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 32, zeros>>)
