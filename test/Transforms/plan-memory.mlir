// RUN: nm-opt %s --nm-plan-memory | FileCheck %s

func.func private @use(memref<16xf32>, memref<16xf32>)
func.func private @use_some(memref<?xf32>)

// From the first use to the last, whatever lies between allocation and release:
// the third buffer takes the place of the first.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME: %[[X:.*]]: memref<16xf32>
// CHECK: %[[ARENA:.*]] = memref.alloc() {alignment = 64 : i64} : memref<128xi8>
// CHECK: %[[C0:.*]] = arith.constant 0 : index
// CHECK: %[[A:.*]] = memref.view %[[ARENA]][%[[C0]]][] : memref<128xi8> to memref<16xf32>
// CHECK: %[[C64:.*]] = arith.constant 64 : index
// CHECK: %[[B:.*]] = memref.view %[[ARENA]][%[[C64]]][]
// CHECK: %[[C0_1:.*]] = arith.constant 0 : index
// CHECK: %[[C:.*]] = memref.view %[[ARENA]][%[[C0_1]]][]
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
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<192xi8>
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

// What is returned, known by other names, freed on one way only or of unknown size stays.
// CHECK-LABEL: func.func @stay(
// CHECK: memref.alloc() : memref<16xf32>
// CHECK: memref.alloc() : memref<16xf32>
// CHECK: memref.alloc() : memref<16xf32>
// CHECK: memref.alloc(%{{.*}}) : memref<?xf32>
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<128xi8>
func.func @stay(%x: memref<16xf32>, %n: index, %flag: i1) -> memref<16xf32> {
  %returned = memref.alloc() : memref<16xf32>
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

// A single buffer is one allocation already.
// CHECK-LABEL: func.func @one(
// CHECK: memref.alloc() : memref<16xf32>
func.func @one(%x: memref<16xf32>) {
  %a = memref.alloc() : memref<16xf32>
  call @use(%x, %a) : (memref<16xf32>, memref<16xf32>) -> ()
  memref.dealloc %a : memref<16xf32>
  return
}
