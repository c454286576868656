// A weight whose pattern gains nothing by so many columns keeps all elements of a group: whether it does follows from
// the description of the processor, by the expressions of docs/kernels.md.
//
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx512 --nm-select-layout | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-select-layout | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx512 --nm-select-layout --remarks-filter=nm-select-layout 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// A quarter of the multiply-adds less does not make up for activations that each row loads anew.
// CHECK-LABEL: func @few
// AVX512: nm.packed_param "w" {{.*}} #nm.sparsity<6:8, axis = 1>{{.*}} layout whole<rows = 6, cols = 64, depth = 96> : tensor<2359296xf32>
// AVX512: nm.packed_matmul {{.*}} layout whole<rows = 6, cols = 64, depth = 96>
// AVX2: layout whole<rows = 6, cols = 16, depth = 384>
// REMARK: Reason="run dense: 6:8 gains nothing by 8 columns; 32 registers of 512 bits, 96 x 64 panel in 32768 bytes of L1", layout="whole<rows = 6, cols = 64, depth = 96>", pattern=6:8, rejected="{{.*}}panel: cost {{[0-9.]+}} for
func.func @few(%x: tensor<8x3072xf32>, %e: tensor<8x768xf32>) -> tensor<8x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<8x3072xf32>, tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>)
      outs(%e : tensor<8x768xf32>) -> tensor<8x768xf32>
  return %y : tensor<8x768xf32>
}

// -----

// CHECK-LABEL: func @panel
// CHECK: nm.packed_matmul {{.*}} layout whole<
func.func @panel(%x: tensor<64x3072xf32>, %e: tensor<64x768xf32>) -> tensor<64x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<64x3072xf32>, tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>)
      outs(%e : tensor<64x768xf32>) -> tensor<64x768xf32>
  return %y : tensor<64x768xf32>
}

// -----

// Rows in pairs load as little as dense ones, and multiply less.
// CHECK-LABEL: func @pairs
// AVX512: nm.packed_matmul {{.*}} layout paired<
// AVX2: nm.packed_matmul {{.*}} layout whole<
// REMARK: layout="paired<{{.*}}whole: cost {{[0-9.]+}} for
func.func @pairs(%x: tensor<128x3072xf32>, %e: tensor<128x768xf32>) -> tensor<128x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<128x3072xf32>, tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>)
      outs(%e : tensor<128x768xf32>) -> tensor<128x768xf32>
  return %y : tensor<128x768xf32>
}

// -----

// CHECK-LABEL: func @half
// CHECK: nm.packed_matmul {{.*}} layout panel<
func.func @half(%x: tensor<8x3072xf32>, %e: tensor<8x768xf32>) -> tensor<8x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<2:4, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<8x3072xf32>, tensor<768x3072xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<8x768xf32>) -> tensor<8x768xf32>
  return %y : tensor<8x768xf32>
}

// -----

// Lanes hold all elements of such a group by themselves.
// CHECK-LABEL: func @one
// CHECK: nm.packed_matmul {{.*}} layout lane<
func.func @one(%x: tensor<1x3072xf32>, %e: tensor<1x768xf32>) -> tensor<1x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x3072xf32>, tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>)
      outs(%e : tensor<1x768xf32>) -> tensor<1x768xf32>
  return %y : tensor<1x768xf32>
}

// -----

// What is known at run time is packed for few columns and for many.
// CHECK-LABEL: func @dynamic
// CHECK: nm.packed_matmul {{.*}} layout lane_panel<
// REMARK: whole: columns are known only at run time
func.func @dynamic(%x: tensor<?x3072xf32>, %e: tensor<?x768xf32>) -> tensor<?x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<?x3072xf32>, tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>)
      outs(%e : tensor<?x768xf32>) -> tensor<?x768xf32>
  return %y : tensor<?x768xf32>
}

// -----

// A constant is packed by the compiler.
// CHECK-LABEL: func @constant
// CHECK: arith.constant dense<{{.*}}> : tensor<72xf32>
// CHECK: nm.packed_matmul {{.*}} layout whole<
func.func @constant(%x: tensor<8x12xf32>, %e: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %c = arith.constant dense<[[1.0, 0.0, 2.0, 3.0, 4.0, 5.0, 0.0, 6.0, 0.0, 7.0, 8.0, 9.0],
                             [0.0, 3.0, 0.0, 1.0, 2.0, 0.0, 7.0, 9.0, 1.0, 1.0, 1.0, 0.0]]> : tensor<2x12xf32>
  %w = nm.compress %c : tensor<2x12xf32> to tensor<2x12xf32, #nm.sparsity<3:4, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<8x12xf32>, tensor<2x12xf32, #nm.sparsity<3:4, axis = 1>>)
      outs(%e : tensor<8x2xf32>) -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}

// -----

// AVX2 with four loads a cycle: loads are no limit, and the pattern gains what it leaves out.
// CHECK-LABEL: func @loads
// CHECK: nm.packed_matmul {{.*}} layout panel<
module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768, l2 = 524288, l3 = 33554432, line = 64, cores = 2, loads = 4>} {
func.func @loads(%x: tensor<64x3072xf32>, %e: tensor<64x768xf32>) -> tensor<64x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<64x3072xf32>, tensor<768x3072xf32, #nm.sparsity<6:8, axis = 1>>)
      outs(%e : tensor<64x768xf32>) -> tensor<64x768xf32>
  return %y : tensor<64x768xf32>
}
}
