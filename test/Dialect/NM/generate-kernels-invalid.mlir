// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-generate-kernels --verify-diagnostics

func.func @tensors(%v: tensor<2304xf32>, %m: tensor<2304xi16>, %x: tensor<9x48xf32>, %y: tensor<9x96xf32>) -> tensor<9x96xf32> {
  // expected-error @below {{is on tensors, expected buffers; run one-shot-bufferize before nm-generate-kernels}}
  %0 = nm.packed_matmul transpose_x transpose_c weight(%v, %m : tensor<2304xf32>, tensor<2304xi16>)
      of tensor<96x48xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 3, cols = 32, depth = 48>
      ins(%x : tensor<9x48xf32>) outs(%y : tensor<9x96xf32>) -> tensor<9x96xf32>
  return %0 : tensor<9x96xf32>
}

// -----

func.func @layout(%v: memref<96x24xf32>, %m: memref<96x6xi8>, %x: memref<9x48xf32>, %y: memref<9x96xf32>) {
  // expected-error @below {{has layout #nm.canonical, which only stores, expected one of grouped, lane, lane_panel, shared, panel, paired, whole; choose one with nm-select-layout}}
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<96x24xf32>, memref<96x6xi8>)
      of tensor<96x48xf32, #nm.sparsity<2:4, axis = 1>> layout canonical
      ins(%x : memref<9x48xf32>) outs(%y : memref<9x96xf32>)
  return
}

// -----

func.func @empty_lane(%v: memref<3072xf32>, %m: memref<384xi32>, %x: memref<0x64xf32>, %y: memref<0x96xf32>) {
  // expected-error @below {{has no columns, which layout #nm.lane<lanes = 8> does not take; use a panel layout}}
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<3072xf32>, memref<384xi32>)
      of tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>> layout lane<lanes = 8>
      ins(%x : memref<0x64xf32>) outs(%y : memref<0x96xf32>)
  return
}

// -----

func.func @dynamic_lane(%v: memref<3072xf32>, %m: memref<384xi32>, %x: memref<?x64xf32>, %y: memref<?x96xf32>) {
  // expected-error @below {{has a dynamic number of columns, which layout #nm.lane<lanes = 8> does not take; use a panel layout}}
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<3072xf32>, memref<384xi32>)
      of tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>> layout lane<lanes = 8>
      ins(%x : memref<?x64xf32>) outs(%y : memref<?x96xf32>)
  return
}

// -----

func.func @interleave(%v: memref<3072xf16>, %m: memref<384xi32>, %x: memref<1x64xf32>, %y: memref<1x96xf32>) {
  // expected-error @below {{interleaves 2 registers of 'f16', expected two of bf16, four of i8 or one}}
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<3072xf16>, memref<384xi32>)
      of tensor<96x64xf16, #nm.sparsity<2:4, axis = 1>> layout lane<lanes = 8, interleave = 2>
      ins(%x : memref<1x64xf32>) outs(%y : memref<1x96xf32>)
  return
}

// -----

func.func @grouped_rows(%v: memref<1536xi8>, %x: memref<1x64xf32>, %y: memref<1x64xf32>) {
  // expected-error @below {{has blocks of 32 rows, but the target's kernels take 16; use a panel layout}}
  nm.packed_matmul transpose_x transpose_c weight(%v : memref<1536xi8>)
      of tensor<64x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>> layout grouped<rows = 32, depth = 64>
      ins(%x : memref<1x64xf32>) outs(%y : memref<1x64xf32>)
  return
}

// -----

func.func @grouped_integers(%v: memref<1536xi8>, %x: memref<1x64xi8>, %y: memref<1x64xf32>) {
  // expected-error @below {{has layout #nm.grouped<rows = 16, depth = 64> and activations of i8, expected floats}}
  nm.packed_matmul transpose_x transpose_c weight(%v : memref<1536xi8>)
      of tensor<64x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>> layout grouped<rows = 16, depth = 64>
      ins(%x : memref<1x64xi8>) outs(%y : memref<1x64xf32>)
  return
}

// -----

func.func @grouped_dynamic(%v: memref<1536xi8>, %x: memref<?x64xf32>, %y: memref<?x64xf32>) {
  // expected-error @below {{has a dynamic number of columns, which layout #nm.grouped<rows = 16, depth = 64> does not take}}
  nm.packed_matmul transpose_x transpose_c weight(%v : memref<1536xi8>)
      of tensor<64x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>> layout grouped<rows = 16, depth = 64>
      ins(%x : memref<?x64xf32>) outs(%y : memref<?x64xf32>)
  return
}
