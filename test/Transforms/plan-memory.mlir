// RUN: nm-opt %s --nm-plan-memory | FileCheck %s

func.func private @use(memref<16xf32>, memref<16xf32>)
func.func private @use_some(memref<?xf32>)
func.func private @use_rows(memref<?x16xf32>, memref<?x16xf32>)

// From the first use to the last, whatever lies between allocation and release:
// the third buffer takes the place of the first.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME: %[[X:.*]]: memref<16xf32>
// CHECK: %[[C0:.*]] = arith.constant 0 : index
// CHECK: %[[C64:.*]] = arith.constant 64 : index
// CHECK: %[[C128:.*]] = arith.constant 128 : index
// CHECK: %[[ARENA:.*]] = call @nm_arena(%[[C128]]) {nm.arena} : (index) -> memref<?xi8>
// CHECK: %[[A:.*]] = memref.view %[[ARENA]][%[[C0]]][] : memref<?xi8> to memref<16xf32>
// CHECK: %[[B:.*]] = memref.view %[[ARENA]][%[[C64]]][]
// CHECK: %[[C:.*]] = memref.view %[[ARENA]][%[[C0]]][]
// CHECK: call @use(%[[X]], %[[A]])
// CHECK: call @use(%[[A]], %[[B]])
// CHECK: call @use(%[[B]], %[[C]])
// CHECK: call @use(%[[C]], %[[X]])
// CHECK-NEXT: memref.dealloc %[[ARENA]]
// CHECK-NEXT: return
func.func @chain(%x: memref<16xf32>) {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  %c = memref.alloc() : memref<16xf32>
  call @use(%x, %a) : (memref<16xf32>, memref<16xf32>) -> ()
  call @use(%a, %b) : (memref<16xf32>, memref<16xf32>) -> ()
  call @use(%b, %c) : (memref<16xf32>, memref<16xf32>) -> ()
  call @use(%c, %x) : (memref<16xf32>, memref<16xf32>) -> ()
  memref.dealloc %a : memref<16xf32>
  memref.dealloc %b : memref<16xf32>
  memref.dealloc %c : memref<16xf32>
  return
}

// Uses of views are uses, also inside of loops; sizes that fold are known.
// CHECK-LABEL: func.func @views(
// CHECK: %[[C192:.*]] = arith.constant 192 : index
// CHECK: call @nm_arena(%[[C192]])
// CHECK: memref.view {{.*}} to memref<?xf32>
// CHECK-NOT: memref.alloc
// CHECK: memref.dealloc
// CHECK-NOT: memref.dealloc
func.func @views(%x: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %a = memref.alloc() : memref<16xf32>
  %shaped = memref.expand_shape %a [[0, 1]] output_shape [4, 4] : memref<16xf32> into memref<4x4xf32>
  %rows = memref.dim %shaped, %c0 : memref<4x4xf32>
  %size = arith.muli %rows, %c2 : index
  %b = memref.alloc(%size) : memref<?xf32>
  %e = memref.alloc() : memref<16xf32>
  call @use(%x, %a) : (memref<16xf32>, memref<16xf32>) -> ()
  call @use_some(%b) : (memref<?xf32>) -> ()
  call @use(%x, %e) : (memref<16xf32>, memref<16xf32>) -> ()
  scf.for %i = %c0 to %rows step %c1 {
    %v = memref.load %shaped[%i, %c0] : memref<4x4xf32>
    memref.store %v, %b[%i] : memref<?xf32>
    memref.store %v, %e[%i] : memref<16xf32>
  }
  memref.dealloc %a : memref<16xf32>
  memref.dealloc %b : memref<?xf32>
  memref.dealloc %e : memref<16xf32>
  return
}

// What is returned, known by other names, freed on one way only or of a size that is read
// from memory stays.
// CHECK-LABEL: func.func @stay(
// CHECK: memref.alloc() : memref<16xf32>
// CHECK: memref.alloc() : memref<16xf32>
// CHECK: memref.alloc() : memref<16xf32>
// CHECK: memref.alloc(%{{.*}}) : memref<?xf32>
// CHECK: memref.view {{.*}} to memref<16xf32>
// CHECK: memref.view {{.*}} to memref<16xf32>
func.func @stay(%x: memref<16xf32>, %sizes: memref<1xindex>, %flag: i1) -> memref<16xf32> {
  %returned = memref.alloc() : memref<16xf32>
  %c0 = arith.constant 0 : index
  %n = memref.load %sizes[%c0] : memref<1xindex>
  %selected = memref.alloc() : memref<16xf32>
  %sometimes = memref.alloc() : memref<16xf32>
  %unknown = memref.alloc(%n) : memref<?xf32>
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  %either = arith.select %flag, %selected, %x : memref<16xf32>
  call @use(%either, %sometimes) : (memref<16xf32>, memref<16xf32>) -> ()
  call @use(%a, %b) : (memref<16xf32>, memref<16xf32>) -> ()
  call @use_some(%unknown) : (memref<?xf32>) -> ()
  call @use(%x, %returned) : (memref<16xf32>, memref<16xf32>) -> ()
  scf.if %flag {
    memref.dealloc %sometimes : memref<16xf32>
  }
  memref.dealloc %selected : memref<16xf32>
  memref.dealloc %unknown : memref<?xf32>
  memref.dealloc %a : memref<16xf32>
  memref.dealloc %b : memref<16xf32>
  return %returned : memref<16xf32>
}

// Sizes of the arguments: the second lies behind the first, the third, when the first is not
// used any more, at the beginning, and the fourth behind both. A size that is computed
// later is computed before.
// CHECK-LABEL: func.func @open(
// CHECK-SAME: %[[X:.*]]: memref<?x16xf32>
// CHECK: %[[N:.*]] = memref.dim %[[X]]
// CHECK: %[[ROW:.*]] = arith.constant 64 : index
// CHECK: %[[BYTES:.*]] = arith.muli %[[N]], %[[ROW]]
// CHECK: %[[MOST:.*]] = arith.minui %[[BYTES]]
// CHECK: arith.addi %[[MOST]]
// CHECK: %[[A_END:.*]] = arith.andi
// CHECK: %[[ARENA:.*]] = call @nm_arena(%{{.*}}) {nm.arena}
// CHECK: memref.view %[[ARENA]][%c0{{.*}}][%[[N]]] : memref<?xi8> to memref<?x16xf32>
// CHECK: memref.view %[[ARENA]][%[[A_END]]][%[[N]]] : memref<?xi8> to memref<?x16xf32>
// CHECK: memref.view %[[ARENA]][%c0{{.*}}] : memref<?xi8> to memref<?xf32>
// CHECK-NOT: memref.alloc
// CHECK: memref.dealloc %[[ARENA]]
// CHECK-NEXT: return
func.func @open(%x: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %n = memref.dim %x, %c0 : memref<?x16xf32>
  %a = memref.alloc(%n) : memref<?x16xf32>
  call @use_rows(%x, %a) : (memref<?x16xf32>, memref<?x16xf32>) -> ()
  %b = memref.alloc(%n) : memref<?x16xf32>
  call @use_rows(%a, %b) : (memref<?x16xf32>, memref<?x16xf32>) -> ()
  memref.dealloc %a : memref<?x16xf32>
  %rows = memref.dim %b, %c0 : memref<?x16xf32>
  %more = arith.muli %rows, %c3 : index
  %c = memref.alloc(%more) : memref<?xf32>
  call @use_rows(%b, %b) : (memref<?x16xf32>, memref<?x16xf32>) -> ()
  call @use_some(%c) : (memref<?xf32>) -> ()
  memref.dealloc %b : memref<?x16xf32>
  memref.dealloc %c : memref<?xf32>
  return
}

// One buffer that grows with the sizes of calls is an arena, too.
// CHECK-LABEL: func.func @one_open(
// CHECK: call @nm_arena
// CHECK-NOT: memref.alloc
func.func @one_open(%x: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x16xf32>
  %a = memref.alloc(%n) : memref<?x16xf32>
  call @use_rows(%x, %a) : (memref<?x16xf32>, memref<?x16xf32>) -> ()
  memref.dealloc %a : memref<?x16xf32>
  return
}

// Nothing is divided before it is known that the divisor is not zero.
// CHECK-LABEL: func.func @divided(
// CHECK-NOT: @nm_arena
// CHECK: cf.assert
// CHECK: arith.divui
// CHECK: memref.alloc(
func.func @divided(%x: memref<?x?xf32>, %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %m = memref.dim %x, %c1 : memref<?x?xf32>
  %fixed = memref.alloc() : memref<4xf32>
  memref.dealloc %fixed : memref<4xf32>
  %some = arith.cmpi ne, %m, %c0 : index
  cf.assert %some, "none"
  %q = arith.divui %n, %m : index
  %a = memref.alloc(%q) : memref<?xf32>
  call @use_some(%a) : (memref<?xf32>) -> ()
  memref.dealloc %a : memref<?xf32>
  return
}

// Buffers of branches are part of the arena; those of the two share memory. Where a branch is known to be taken when the
// function begins, its buffers alone count.
// CHECK-LABEL: func.func @branches(
// CHECK-SAME: %[[C:.*]]: i1, %[[N:.*]]: index
// CHECK-DAG: %[[A:.*]] = arith.select %[[C]], %{{.*}}, %c0
// CHECK-DAG: %[[NOT:.*]] = arith.xori %[[C]], %true
// CHECK-DAG: arith.select %[[NOT]], %{{.*}}, %c0
// CHECK: %[[ARENA:.*]] = call @nm_arena(
// CHECK-NOT: memref.alloc
// CHECK: scf.if
// CHECK: memref.view %[[ARENA]]
// CHECK: memref.view %[[ARENA]]
// CHECK: } else {
// CHECK: memref.view %[[ARENA]]
// CHECK-NOT: memref.dealloc
// CHECK: memref.dealloc %[[ARENA]]
func.func @branches(%c: i1, %n: index) {
  %c3 = arith.constant 3 : index
  scf.if %c {
    %a = memref.alloc(%n) : memref<?xf32>
    %b = memref.alloc(%n) : memref<?xf32>
    func.call @use_some(%a) : (memref<?xf32>) -> ()
    func.call @use_some(%b) : (memref<?xf32>) -> ()
    memref.dealloc %a : memref<?xf32>
    memref.dealloc %b : memref<?xf32>
  } else {
    %m = arith.subi %n, %c3 : index
    %a = memref.alloc(%m) : memref<?xf32>
    func.call @use_some(%a) : (memref<?xf32>) -> ()
    memref.dealloc %a : memref<?xf32>
  }
  return
}

// Of known sizes: 128 bytes are those of a buffer that is in use on both sides and of one of either branch.
// CHECK-LABEL: func.func @around(
// CHECK: %[[C128:.*]] = arith.constant 128 : index
// CHECK: call @nm_arena(%[[C128]])
// CHECK-NOT: memref.alloc
// CHECK: return
func.func @around(%c: i1, %x: memref<16xf32>) {
  %a = memref.alloc() : memref<16xf32>
  call @use(%x, %a) : (memref<16xf32>, memref<16xf32>) -> ()
  scf.if %c {
    %b = memref.alloc() : memref<16xf32>
    func.call @use(%a, %b) : (memref<16xf32>, memref<16xf32>) -> ()
    memref.dealloc %b : memref<16xf32>
  } else {
    %b = memref.alloc() : memref<16xf32>
    func.call @use(%a, %b) : (memref<16xf32>, memref<16xf32>) -> ()
    memref.dealloc %b : memref<16xf32>
  }
  call @use(%x, %a) : (memref<16xf32>, memref<16xf32>) -> ()
  memref.dealloc %a : memref<16xf32>
  return
}

// A transposed view is a view.
// CHECK-LABEL: func.func @turned(
// CHECK-NOT: memref.alloc
// CHECK: memref.transpose %{{.*}} : memref<?x4xf32>
// CHECK-NOT: memref.alloc
// CHECK: return
func.func @turned(%x: memref<16xf32>, %rows: index) -> f32 {
  %c0 = arith.constant 0 : index
  %a = memref.alloc(%rows) : memref<?x4xf32>
  %turned = memref.transpose %a (i, j) -> (j, i) : memref<?x4xf32> to memref<4x?xf32, strided<[1, 4]>>
  %c1 = arith.constant 1 : index
  %n = memref.dim %turned, %c1 : memref<4x?xf32, strided<[1, 4]>>
  %b = memref.alloc(%n) : memref<?xf32>
  call @use_some(%b) : (memref<?xf32>) -> ()
  %v = memref.load %turned[%c0, %c0] : memref<4x?xf32, strided<[1, 4]>>
  memref.dealloc %a : memref<?x4xf32>
  memref.dealloc %b : memref<?xf32>
  return %v : f32
}

// A single buffer is one allocation already.
// CHECK-LABEL: func.func @one(
// CHECK: memref.alloc() : memref<16xf32>
func.func @one(%x: memref<16xf32>) {
  %a = memref.alloc() : memref<16xf32>
  call @use(%x, %a) : (memref<16xf32>, memref<16xf32>) -> ()
  memref.dealloc %a : memref<16xf32>
  return
}

// CHECK: func.func private @nm_arena(%[[BYTES:.*]]: index) -> memref<?xi8> attributes {passthrough = ["nm.arena"]}
// CHECK-NEXT: memref.alloc(%[[BYTES]]) {alignment = 64 : i64} : memref<?xi8>
