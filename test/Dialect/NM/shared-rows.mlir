// Rows that share a mask: found in the checkpoint, never made.
// RUN: %python %S/Inputs/shared_rows.py %t.safetensors
// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx2 --nm-declare-sparsity=params=%t.safetensors --nm-raise --nm-select-layout --nm-lower-to-linalg \
// RUN:   --remarks-filter='nm-declare-sparsity|nm-select-layout' 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: nm-opt %s --nm-declare-sparsity=params=%t.safetensors | FileCheck %s --check-prefix=DECLARED
// A processor with more registers holds more columns of the same rows.
// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx512 --nm-declare-sparsity=params=%t.safetensors --nm-raise --nm-select-layout \
// RUN:   | FileCheck %s --check-prefix=WIDE
// Few columns are for the lane layout all the same.
// RUN: sed 's/128x/1x/g' %s | nm-opt --nm-attach-target=target=x86-64-avx2 --nm-declare-sparsity=params=%t.safetensors --nm-raise --nm-select-layout \
// RUN:   | FileCheck %s --check-prefix=LANE

// REMARK: key=four, rows=4
// REMARK: key=declared, rows=2
// REMARK: every 4 rows share their mask{{.*}}layout="shared<rows = 4, cols = 24, depth = 64>"
// LANE-COUNT-3: layout lane

// DECLARED-LABEL: func @four
// DECLARED: nm.param "four" {nm.shared_rows = 4 : i64} : tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>>
// CHECK-LABEL: func @four
// CHECK: nm.packed_param "four" {{.*}} layout shared<rows = 4, cols = 24, depth = 64> : tensor<2048xf32>, tensor<512xi16>
// CHECK: nm.packed_matmul {{.*}} layout shared<rows = 4, cols = 24, depth = 64>
// WIDE: layout shared<rows = 4, cols = 96, depth = 64>
func.func @four(%x: tensor<128x64xf32>) -> tensor<128x64xf32> {
  %w = nm.param "four" : tensor<64x64xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x64xf32>
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<128x64xf32>) -> tensor<128x64xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>,
      affine_map<(i, j, k) -> (i, j)>]
      ins(%x, %w : tensor<128x64xf32>, tensor<64x64xf32>) outs(%i : tensor<128x64xf32>) -> tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}

// The pattern stands in the type: only the mask is looked at.
// CHECK-LABEL: func @declared
// CHECK: layout shared<rows = 2, cols = 40, depth = 64>
func.func @declared(%x: tensor<128x64xf32>) -> tensor<128x64xf32> {
  %w = nm.param "declared" : tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<128x64xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<128x64xf32>, tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<128x64xf32>) -> tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}

// DECLARED-LABEL: func @none
// DECLARED-NOT: nm.shared_rows
// CHECK-LABEL: func @none
// CHECK: layout panel<
func.func @none(%x: tensor<128x64xf32>) -> tensor<128x64xf32> {
  %w = nm.param "none" {nm.shared_rows = 4 : i64} : tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<128x64xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<128x64xf32>, tensor<64x64xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<128x64xf32>) -> tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}

// A constant is looked at here and now.
// CHECK-LABEL: func @constant
// CHECK: layout shared<rows = 2, cols = 40, depth = 4>
func.func @constant(%x: tensor<128x4xf32>) -> tensor<128x4xf32> {
  %c = arith.constant dense<[[1.0, 0.0, 2.0, 0.0], [3.0, 0.0, 4.0, 0.0], [0.0, 5.0, 0.0, 0.0], [0.0, 6.0, 0.0, 7.0]]> : tensor<4x4xf32>
  %w = nm.compress %c : tensor<4x4xf32> to tensor<4x4xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<128x4xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<128x4xf32>, tensor<4x4xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<128x4xf32>) -> tensor<128x4xf32>
  return %y : tensor<128x4xf32>
}
