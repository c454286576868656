// RUN: nm-opt %s --flat-tile --canonicalize | FileCheck %s
// RUN: nm-opt %s --flat-tile=heads=4 --canonicalize | FileCheck %s --check-prefix=HEADS
// RUN: not nm-opt %s --flat-tile=heads=3 2>&1 | FileCheck %s --check-prefix=GROUPS
// RUN: not nm-opt %s --flat-tile=rows=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE

// GROUPS: error: 'flat.attention' op tiles of heads must be multiples or divisors of the query heads that share a key head
// NEGATIVE: error: flat-tile: tile sizes must be positive, or 0 for no loop

// By the dataflow: a head at a time, eight rows of it. Positions and heads in the region stay those of the whole.
// CHECK-LABEL: func @rows(
// CHECK-SAME: %[[Q:.*]]: tensor<2x8x20x16xf32>, %[[K:.*]]: tensor<2x30x4x16xf32>, %[[M:.*]]: tensor<20x30xf32>
// CHECK: scf.for %[[B:.*]] = %c0 to %c2 step %c1
// CHECK: scf.for %[[H:.*]] = %c0 to %c8 step %c1
// CHECK: scf.for %[[R:.*]] = %c0 to %c20 step %c8
// CHECK: %[[N:.*]] = affine.min
// CHECK: %[[G:.*]] = affine.apply #{{.*}}(%[[H]])
// CHECK: tensor.extract_slice %[[Q]][%[[B]], %[[H]], %[[R]], 0] [1, 1, %[[N]], 16]
// CHECK: tensor.extract_slice %[[K]][%[[B]], 0, %[[G]], 0] [1, 30, 1, 16]
// CHECK: tensor.extract_slice %[[M]][%[[R]], 0] [%[[N]], 30]
// CHECK: flat.attention
// CHECK-SAME: offset(%[[R]])
// CHECK-NOT: dataflow
// CHECK: ^bb0(%{{.*}}: f32, %{{.*}}: index, %[[OWN:.*]]: index, %[[I:.*]]: index, %[[J:.*]]: index):
// CHECK-NEXT: arith.addi %[[OWN]], %[[H]] : index
// CHECK-NEXT: arith.cmpi sle, %[[J]], %[[I]] : index
// CHECK: tensor.insert_slice

// HEADS-LABEL: func @rows(
// HEADS: scf.for
// HEADS-NOT: scf.for
// HEADS: tensor.extract_slice %{{.*}}[0, %[[H:.*]], 0, 0] [2, 4, 20, 16]
// HEADS: tensor.extract_slice %{{.*}}[0, 0, %{{.*}}, 0] [2, 30, 2, 16]
func.func @rows(%q: tensor<2x8x20x16xf32>, %k: tensor<2x30x4x16xf32>, %m: tensor<20x30xf32>, %o: tensor<2x20x8x16xf32>) -> tensor<2x20x8x16xf32> {
  %inf = arith.constant 0xFF800000 : f32
  %r = flat.attention ins(%q, %k, %k : tensor<2x8x20x16xf32>, tensor<2x30x4x16xf32>, tensor<2x30x4x16xf32>)
      mask(%m : tensor<20x30xf32>) map affine_map<(b, h, i, j) -> (i, j)>
      outs(%o : tensor<2x20x8x16xf32>) orders(k = bnhd, v = bnhd, o = bnhd)
      dataflow #flat.dataflow<row, rows = 8> score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %c = arith.cmpi sle, %j, %i : index
    %n = arith.index_cast %h : index to i32
    %f = arith.sitofp %n : i32 to f32
    %a = arith.addf %s, %f : f32
    %x = arith.select %c, %a, %inf : f32
    flat.yield %x : f32
  } -> tensor<2x20x8x16xf32>
  return %r : tensor<2x20x8x16xf32>
}
