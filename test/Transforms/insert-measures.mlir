// RUN: nm-opt %s --nm-insert-measures --split-input-file --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s
// Numbers are worked out by hand from the description of the pass.

// A product of a 2:4 weight of 8 x 16 with four columns, and an epilogue of two operations: 2 * 64 stored weights and
// 2 * 8 for each column, 576; dense 1088. Read are 64 f32 and 64 i16, 4 x 16 and 8 f32: 256 + 128 + 256 + 32; written 4 x 8.
// CHECK: module attributes {nm.measures = [
// CHECK-SAME: {column_flops = 144 : i64, counted = true, dense_column_flops = 272 : i64, element = "f32", kind = "product",
// CHECK-SAME: layout = "panel{{[^"]*}}", location = loc(fused["matmul", "add"]), pattern = "2:4", weight = 0 : i64, weight_bytes = 384 : i64, weights = 128 : i64}
// CHECK-LABEL: func.func @product(
// CHECK-DAG: %[[FLOPS:.*]] = arith.constant 576 : index
// CHECK-DAG: %[[READ:.*]] = arith.constant 672 : index
// CHECK-DAG: %[[WRITTEN:.*]] = arith.constant 128 : index
// CHECK: nm.measure_begin 0
// CHECK-NEXT: nm.packed_matmul
// CHECK: nm.measure_end 0 work(%[[FLOPS]], %[[READ]], %[[WRITTEN]])
func.func @product(%v: memref<64xf32>, %m: memref<64xi16>, %x: memref<4x16xf32>, %b: memref<8xf32>, %c: memref<4x8xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v, %m : memref<64xf32>, memref<64xi16>)
      of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> layout panel<rows = 4, cols = 16, depth = 16>
      ins(%x : memref<4x16xf32>) epilogue(%b : memref<8xf32>) maps [affine_map<(i, j) -> (j)>] outs(%c : memref<4x8xf32>) {
  ^bb0(%acc: f32, %e: f32):
    %s = arith.addf %acc, %e : f32 loc("add")
    %r = arith.maximumf %s, %e : f32 loc("add")
    nm.yield %r : f32
  } loc("matmul")
  return
}

// -----

// Two elements of work in the body, one of them fused: a multiply-add is two, a comparison and a selection none.
// CHECK: nm.measures = [{counted = true, kind = "elementwise", location = loc(fused["outer", "inner"])}]
// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x8xf32>
// CHECK: %[[N:.*]] = memref.dim %[[X]]
// CHECK: nm.measure_begin 0
// CHECK: nm.measure_end 0 work(
func.func @dynamic(%x: memref<?x8xf32>, %y: memref<?x8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x8xf32>) outs(%y : memref<?x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %a = math.fma %in, %in, %in : f32 loc("inner")
    %c = arith.cmpf olt, %a, %in : f32 loc("outer")
    %s = arith.select %c, %a, %in : f32 loc("outer")
    linalg.yield %s : f32 loc("outer")
  } loc("outer")
  return
}

// -----

// Attention, causal: of 3 queries and 3 keys 6 pairs, each 2 * 4 + 2 * 4 and 5 for its score; a division for each of 3 x 4
// results; two heads. 2 * (6 * 21 + 12) = 276. q, k, v and the result have 24 f32 each.
// CHECK: kind = "attention"
// CHECK-LABEL: func.func @attention(
// CHECK-DAG: %[[FLOPS:.*]] = arith.constant 276 : index
// CHECK-DAG: %[[READ:.*]] = arith.constant 288 : index
// CHECK-DAG: %[[WRITTEN:.*]] = arith.constant 96 : index
// CHECK: nm.measure_end 0 work(%[[FLOPS]], %[[READ]], %[[WRITTEN]])
func.func @attention(%q: memref<1x2x3x4xf32>, %k: memref<1x2x3x4xf32>, %v: memref<1x2x3x4xf32>, %o: memref<1x2x3x4xf32>) {
  flat.attention ins(%q, %k, %v : memref<1x2x3x4xf32>, memref<1x2x3x4xf32>, memref<1x2x3x4xf32>) outs(%o : memref<1x2x3x4xf32>) score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %minf = arith.constant 0xFF800000 : f32
    %seen = arith.cmpi sle, %j, %i : index
    %r = arith.select %seen, %s, %minf : f32
    flat.yield %r : f32
  }
  return
}

// -----

// In loops, not inside of what several threads run; buffers become live and are freed, results stay.
// CHECK: nm.measures = [{counted = true, kind = "fill"
// CHECK-SAME: {counted = true, kind = "copy"
// CHECK-SAME: {counted = false, kind = "loop"
// CHECK-LABEL: func.func @control(
// CHECK-COUNT-2: memref.alloc() : memref<8xf32>
// CHECK-NEXT: %[[MORE:.*]] = arith.constant 32 : index
// CHECK-NEXT: nm.measure_memory %[[MORE]]
// CHECK: scf.for
// CHECK: nm.measure_begin 0
// CHECK-NEXT: linalg.fill
// CHECK: nm.measure_begin 1
// CHECK-NEXT: memref.copy
// CHECK: nm.measure_begin 2
// CHECK-NEXT: scf.parallel
// CHECK-NOT: nm.measure
// CHECK: nm.measure_end 2 work(
// CHECK: %[[LESS:.*]] = arith.constant -32 : index
// CHECK-NEXT: nm.measure_memory %[[LESS]]
// CHECK-NEXT: memref.dealloc
func.func @control(%n: index) -> memref<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = arith.constant 0.0 : f32
  %a = memref.alloc() : memref<8xf32>
  %r = memref.alloc() : memref<8xf32>
  scf.for %i = %c0 to %n step %c1 {
    linalg.fill ins(%z : f32) outs(%a : memref<8xf32>)
    memref.copy %a, %r : memref<8xf32> to memref<8xf32>
  }
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %t = memref.alloc() : memref<8xf32>
    linalg.fill ins(%z : f32) outs(%t : memref<8xf32>)
    memref.dealloc %t : memref<8xf32>
    scf.reduce
  }
  %view = memref.subview %a[0] [8] [1] : memref<8xf32> to memref<8xf32>
  memref.dealloc %view : memref<8xf32>
  return %r : memref<8xf32>
}

// -----

// A group that is stored whole is multiplied whole: 2 * 128 for each of four columns.
// CHECK: nm.measures = [{column_flops = 256 : i64, counted = true, dense_column_flops = 256 : i64,
// CHECK-SAME: pattern = "3:4", weight = 0 : i64, weight_bytes = 512 : i64, weights = 128 : i64}
// CHECK-LABEL: func.func @whole(
// CHECK: %[[FLOPS:.*]] = arith.constant 1024 : index
// CHECK: nm.measure_end 0 work(%[[FLOPS]],
func.func @whole(%v: memref<128xf32>, %x: memref<4x16xf32>, %c: memref<4x8xf32>) {
  nm.packed_matmul transpose_x transpose_c weight(%v : memref<128xf32>)
      of tensor<8x16xf32, #nm.sparsity<3:4, axis = 1>> layout whole<rows = 4, cols = 16, depth = 16>
      ins(%x : memref<4x16xf32>) outs(%c : memref<4x8xf32>)
  return
}
