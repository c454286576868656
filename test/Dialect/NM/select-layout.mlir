// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-select-layout | FileCheck %s
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-select-layout=two-layouts=false | FileCheck %s --check-prefix=ONE
// RUN: nm-opt %s --split-input-file --nm-attach-target=target=x86-64-avx2 --nm-select-layout --remarks-filter=nm-select-layout 2>&1 | FileCheck %s --check-prefix=REMARK

// Many columns: panels. Rows are tokens, so both sides are transposed.
// CHECK-LABEL: func @panel
// CHECK: %[[W:.+]]:2 = nm.packed_param "w" of tensor<768x3072xf32, #nm.sparsity<2:4, axis = 1>>
// CHECK-SAME: layout panel<rows = 3, cols = 32, depth = 128>
// CHECK: nm.packed_matmul transpose_x transpose_c weight(%[[W]]#0, %[[W]]#1
// CHECK-SAME: ins(%{{.+}} : tensor<128x3072xf32>) outs(
// REMARK: layout="panel<rows = 3, cols = 32, depth = 128>", pattern=2:4
func.func @panel(%x: tensor<128x3072xf32>) -> tensor<128x768xf32> {
  %w = nm.param "w" : tensor<768x3072xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<128x768xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<128x3072xf32>, tensor<768x3072xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<128x768xf32>) -> tensor<128x768xf32>
  return %y : tensor<128x768xf32>
}

// -----

// One column: the lane layout.
// CHECK-LABEL: func @lane
// CHECK: nm.packed_param "w" in "adapter" {{.*}} layout lane<lanes = 8>
// CHECK: nm.packed_matmul transpose_x transpose_c
// REMARK: Reason="1 of at most 6 columns, groups of 4 in one permute of the target's; 16 registers of 256 bits", layout="lane<lanes = 8>", pattern=1:4
func.func @lane(%x: tensor<1x64xf32>) -> tensor<1x96xf32> {
  %w = nm.param "w" in "adapter" : tensor<96x64xf32, #nm.sparsity<1:4, axis = 1>>
  %e = tensor.empty() : tensor<1x96xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x64xf32>, tensor<96x64xf32, #nm.sparsity<1:4, axis = 1>>)
      outs(%e : tensor<1x96xf32>) -> tensor<1x96xf32>
  return %y : tensor<1x96xf32>
}

// -----

// A pattern that no permute reaches takes panels even for one column; blocks
// end where groups do.
// CHECK-LABEL: func @odd_pattern
// CHECK: layout panel<rows = 3, cols = 32, depth = 126>
func.func @odd_pattern(%x: tensor<1x840xf32>) -> tensor<1x96xf32> {
  %w = nm.param "w" : tensor<96x840xf32, #nm.sparsity<3:7, axis = 1>>
  %e = tensor.empty() : tensor<1x96xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x840xf32>, tensor<96x840xf32, #nm.sparsity<3:7, axis = 1>>)
      outs(%e : tensor<1x96xf32>) -> tensor<1x96xf32>
  return %y : tensor<1x96xf32>
}

// -----

// The weight on the left: X and C lie as they are.
// CHECK-LABEL: func @weight_left
// CHECK: nm.packed_matmul weight(
func.func @weight_left(%x: tensor<64x40xf32>) -> tensor<96x40xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<96x40xf32>
  %y = nm.matmul ins(%w, %x : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>>, tensor<64x40xf32>)
      outs(%e : tensor<96x40xf32>) -> tensor<96x40xf32>
  return %y : tensor<96x40xf32>
}

// -----

// Batch dimensions and the epilogue's operands fold into rows.
// CHECK-LABEL: func @batch
// CHECK-DAG: tensor.collapse_shape %{{.+}} {{\[}}[0, 1], [2]] : tensor<2x20x64xf32> into tensor<40x64xf32>
// CHECK: nm.packed_matmul {{.*}} epilogue(%{{.+}}, %{{.+}} : tensor<96xf32>, tensor<40x96xf32>)
// CHECK: tensor.expand_shape
func.func @batch(%x: tensor<2x20x64xf32>, %bias: tensor<96xf32>, %res: tensor<2x20x96xf32>) -> tensor<2x20x96xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<2x20x96xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<2x20x64xf32>, tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>>)
      epilogue(%bias, %res : tensor<96xf32>, tensor<2x20x96xf32>)
      maps [affine_map<(b, i, j) -> (j)>, affine_map<(b, i, j) -> (b, i, j)>]
      outs(%e : tensor<2x20x96xf32>) {
  ^bb0(%acc: f32, %b: f32, %r: f32):
    %0 = arith.addf %acc, %b : f32
    %1 = arith.addf %0, %r : f32
    nm.yield %1 : f32
  } -> tensor<2x20x96xf32>
  return %y : tensor<2x20x96xf32>
}

// -----

// Constants are packed by the compiler.
// CHECK-LABEL: func @constant
// CHECK-DAG: arith.constant dense<{{.*}}> : tensor<{{[0-9]+}}xi16>
// CHECK: nm.packed_matmul
func.func @constant(%x: tensor<9x4xf32>) -> tensor<9x2xf32> {
  %c = arith.constant dense<[[1.0, 0.0, 2.0, 0.0], [0.0, 3.0, 0.0, 0.0]]> : tensor<2x4xf32>
  %w = nm.compress %c : tensor<2x4xf32> to tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<9x2xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<9x4xf32>, tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<9x2xf32>) -> tensor<9x2xf32>
  return %y : tensor<9x2xf32>
}

// -----

// What is known only when it runs cannot be packed ahead.
// CHECK-LABEL: func @runtime_weight
// CHECK: nm.matmul
// CHECK-NOT: nm.packed_matmul
// REMARK: Reason="the weight is neither a parameter nor a constant", Remark="left to the reference lowering: "
func.func @runtime_weight(%x: tensor<9x4xf32>, %d: tensor<2x4xf32>) -> tensor<9x2xf32> {
  %w = nm.compress %d : tensor<2x4xf32> to tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>>
  %e = tensor.empty() : tensor<9x2xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<9x4xf32>, tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<9x2xf32>) -> tensor<9x2xf32>
  return %y : tensor<9x2xf32>
}

// -----

// A weight on the left of a batch: one product after the other, each as if it
// were alone; what the epilogue reads is cut as well. The columns that count are
// those of one.
// CHECK-LABEL: func @batch_left
// CHECK: %[[B:.+]] = tensor.dim %{{.+}}, %{{.+}} : tensor<?x96x4xf32>
// CHECK: scf.for %[[I:.+]] = %{{.+}} to %[[B]]
// CHECK: %[[X:.+]] = tensor.extract_slice %{{.+}}[%[[I]], 0, 0] [1, 64, 4]
// CHECK: %[[R:.+]] = tensor.extract_slice %arg2[%[[I]], 0, 0] [1, 96, 4]
// CHECK: nm.packed_matmul weight({{.+}} layout lane<lanes = 8> ins(%[[X]] : tensor<64x4xf32>)
// CHECK-SAME: epilogue(%{{.+}}, %[[R]] : tensor<96xf32>, tensor<96x4xf32>) maps [#{{.+}}, #{{.+}}]
// CHECK: tensor.insert_slice
// REMARK: 4 of at most 6 columns
func.func @batch_left(%x: tensor<?x64x4xf32>, %b: tensor<96xf32>, %r: tensor<?x96x4xf32>, %e: tensor<?x96x4xf32>) -> tensor<?x96x4xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>>
  %y = nm.matmul ins(%w, %x : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>>, tensor<?x64x4xf32>)
      epilogue(%b, %r : tensor<96xf32>, tensor<?x96x4xf32>) maps [affine_map<(n, i, j) -> (i)>, affine_map<(n, i, j) -> (n, i, j)>]
      outs(%e : tensor<?x96x4xf32>) {
  ^bb0(%acc: f32, %p: f32, %q: f32):
    %s = arith.addf %acc, %p : f32
    %t = arith.addf %s, %q : f32
    nm.yield %t : f32
  } -> tensor<?x96x4xf32>
  return %y : tensor<?x96x4xf32>
}

// -----

// Few columns of a weight of four bits.
// CHECK-LABEL: func @grouped
// CHECK: nm.packed_param "w" {{.*}} layout grouped<rows = 16, depth = 64> : tensor<2304xi8>
// REMARK: Reason="1 of at most 16 columns, 3.000 bits a weight, activations in 8 bits; 16 registers of 256 bits", layout="grouped<rows = 16, depth = 64>", pattern="2:4 i4:64"
func.func @grouped(%x: tensor<1x64xf32>) -> tensor<1x96xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>
  %e = tensor.empty() : tensor<1x96xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x64xf32>, tensor<96x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>)
      outs(%e : tensor<1x96xf32>) -> tensor<1x96xf32>
  return %y : tensor<1x96xf32>
}

// -----

// The same of eight bits.
// CHECK-LABEL: func @grouped_bytes
// CHECK: nm.packed_param "w" {{.*}} layout grouped<rows = 16, depth = 64> : tensor<3840xi8>
// REMARK: Reason="1 of at most 16 columns, 5.000 bits a weight, activations in 8 bits; 16 registers of 256 bits", layout="grouped<rows = 16, depth = 64, bits = 8>", pattern="2:4 i8:64"
func.func @grouped_bytes(%x: tensor<1x64xf32>) -> tensor<1x96xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1, bits = 8, group = 64>>
  %e = tensor.empty() : tensor<1x96xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x64xf32>, tensor<96x64xf32, #nm.sparsity<2:4, axis = 1, bits = 8, group = 64>>)
      outs(%e : tensor<1x96xf32>) -> tensor<1x96xf32>
  return %y : tensor<1x96xf32>
}

// -----

// Many of them: the floats that scales and integers make.
// CHECK-LABEL: func @prompt
// CHECK: nm.packed_param "w" {{.*}} layout panel
func.func @prompt(%x: tensor<17x64xf32>) -> tensor<17x96xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>
  %e = tensor.empty() : tensor<17x96xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<17x64xf32>, tensor<96x64xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>)
      outs(%e : tensor<17x96xf32>) -> tensor<17x96xf32>
  return %y : tensor<17x96xf32>
}

// -----

// Columns that are known when the product runs: the weight in both layouts.
// CHECK-LABEL: func @dynamic
// CHECK: nm.packed_param "w" {{.*}} layout lane_panel<lanes = 8, rows = 3, cols = 32, depth = 64> : tensor<6144xf32>, tensor<7680xi8>
// ONE-LABEL: func @dynamic
// ONE: layout panel<rows = 3, cols = 32, depth = 64>
// REMARK: Reason="columns are known at run time: lanes for up to 6, panels for more, in memory both; {{.*}}layout="lane_panel<lanes = 8, rows = 3, cols = 32, depth = 64>"
// REMARK-SAME: rejected="grouped: the weight has no scales; lane: columns are known only at run time; shared: rows do not share their mask; panel: cost {{.*}} for
func.func @dynamic(%x: tensor<?x64xf32>, %e: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<?x64xf32>, tensor<96x64xf32, #nm.sparsity<2:4, axis = 1>>)
      outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// -----

// A permute of several registers costs more than panels from some number of columns on.
// CHECK-LABEL: func @wide_groups
// CHECK: layout lane<lanes = 32>
// CHECK: layout panel<
// REMARK: layout="lane<lanes = 32>", pattern=9:32
// REMARK: layout="panel<{{.*}}", pattern=9:32, rejected="{{.*}}lane: cost {{[0-9.]+}} for
func.func @wide_groups(%x: tensor<1x64xf32>, %x4: tensor<4x64xf32>, %e: tensor<1x96xf32>, %e4: tensor<4x96xf32>) -> (tensor<1x96xf32>, tensor<4x96xf32>) {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<9:32, axis = 1>>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x64xf32>, tensor<96x64xf32, #nm.sparsity<9:32, axis = 1>>)
      outs(%e : tensor<1x96xf32>) -> tensor<1x96xf32>
  %z = nm.matmul transpose_rhs ins(%x4, %w : tensor<4x64xf32>, tensor<96x64xf32, #nm.sparsity<9:32, axis = 1>>)
      outs(%e4 : tensor<4x96xf32>) -> tensor<4x96xf32>
  return %y, %z : tensor<1x96xf32>, tensor<4x96xf32>
}

// -----

// Nothing to multiply: panels, which take any number of columns.
// CHECK-LABEL: func @none
// CHECK: nm.packed_param "w" {{.*}} layout panel<
func.func @none(%x: tensor<0x64xf32>) -> tensor<0x96xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<1:4, axis = 1>>
  %e = tensor.empty() : tensor<0x96xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<0x64xf32>, tensor<96x64xf32, #nm.sparsity<1:4, axis = 1>>)
      outs(%e : tensor<0x96xf32>) -> tensor<0x96xf32>
  return %y : tensor<0x96xf32>
}
