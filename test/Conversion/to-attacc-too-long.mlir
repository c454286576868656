// Causal blocks differ and do not loop, so small ones at a great length make a program too long. The next dataflow whose program is short enough is taken, and remarks
// say what was passed over; where there is none, the error says so.
//
// RUN: %python %S/Inputs/small_array.py %nm_src_root/devices/edge.json > %t.json
// RUN: nm-opt %s --pass-pipeline='builtin.module(convert-to-attacc{device=%t.json max-instructions=2500})' --remarks-filter=convert-to-attacc -o %t.mlir 2>&1 | FileCheck %s
// RUN: FileCheck %s --check-prefix=CHOSEN < %t.mlir
// RUN: nm-opt %s --pass-pipeline='builtin.module(convert-to-attacc{device=%t.json})' | FileCheck %s --check-prefix=BEST
// RUN: not nm-opt %s --pass-pipeline='builtin.module(convert-to-attacc{device=%t.json max-instructions=20})' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not nm-opt %s --pass-pipeline='builtin.module(convert-to-attacc{max-instructions=0})' 2>&1 | FileCheck %s --check-prefix=ZERO

// CHECK: remark: [Missed] AttentionRejected | Category:convert-to-attacc | Reason="found a program of {{[0-9]+}} instructions, expected at most 2500", Remark="row, rows = 8, {{.*}}", rank=1
// CHECK: remark: [Passed] Attention | Category:convert-to-attacc | Remark="row, rows = 64, key_tile = 64, {{.*}}", cycles={{[0-9]+}}, rank={{[1-9][0-9]+}}
// CHOSEN: tile.attention
// CHOSEN-SAME: blocks = array<i64: 64, 64, 1, 1>
// BEST: tile.attention
// BEST-SAME: blocks = array<i64: 8, 0, 1, 1>
// NONE: error: 'flat.attention' op has no dataflow on edge, expected one; the last of {{[0-9]+}} that were tried was refused: found a program of {{[0-9]+}} instructions, expected at most 20
// ZERO: error: convert-to-attacc: max-instructions is 0, expected 1 or more
func.func @attention(%q: tensor<1x2048x1x16xf32>) -> tensor<1x2048x1x16xf32> {
  %e = tensor.empty() : tensor<1x2048x1x16xf32>
  %r = flat.attention ins(%q, %q, %q : tensor<1x2048x1x16xf32>, tensor<1x2048x1x16xf32>, tensor<1x2048x1x16xf32>) scale(0.25)
      outs(%e : tensor<1x2048x1x16xf32>) orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd)
      score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %low = arith.constant 0xFF800000 : f32
      %past = arith.cmpi sle, %j, %i : index
      %t = arith.select %past, %s, %low : f32
      flat.yield %t : f32
    } -> tensor<1x2048x1x16xf32>
  return %r : tensor<1x2048x1x16xf32>
}
