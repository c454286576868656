// RUN: nm-opt %s --nm-outline-loops=max-work=8 | FileCheck %s
// RUN: nm-opt %s --nm-outline-loops | FileCheck %s --check-prefix=WHOLE

// A short function stays whole.
// WHOLE-NOT: call

// CHECK-LABEL: func.func @layers(
// CHECK-SAME: %[[A:.*]]: memref<8xf32>, %[[B:.*]]: memref<8xf32>, %[[N:.*]]: index
// CHECK: call @layers_loops(%[[N]], %[[A]])
// CHECK: call @layers_loops(%[[N]], %[[B]])
// CHECK: call @layers_loops_0(%[[N]], %[[A]])
// CHECK-NEXT: arith.constant
// A nest with results stays, for they are what follows works with.
// CHECK-NEXT: %[[SUM:.*]] = scf.for
// CHECK: return %[[SUM]]

// Equal nests share one function; constants go along, buffers and sizes are arguments.
// CHECK: func.func private @layers_loops(%[[M:.*]]: index, %[[X:.*]]: memref<8xf32>) attributes {passthrough = ["noinline"]}
// CHECK-NEXT: %[[C0:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[C1:.*]] = arith.constant 1 : index
// CHECK-NEXT: scf.for %[[I:.*]] = %[[C0]] to %[[M]] step %[[C1]] {
// CHECK-NEXT: memref.load %[[X]][%[[I]]]
// CHECK: return
// Another body, another function.
// CHECK: func.func private @layers_loops_0(
// CHECK: arith.mulf
func.func @layers(%a: memref<8xf32>, %b: memref<8xf32>, %n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %x = memref.load %a[%i] : memref<8xf32>
    %y = arith.addf %x, %x : f32
    memref.store %y, %a[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %n step %c1 {
    %x = memref.load %b[%i] : memref<8xf32>
    %y = arith.addf %x, %x : f32
    memref.store %y, %b[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %n step %c1 {
    %x = memref.load %a[%i] : memref<8xf32>
    %y = arith.mulf %x, %x : f32
    memref.store %y, %a[%i] : memref<8xf32>
  }
  %zero = arith.constant 0.0 : f32
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> f32 {
    %x = memref.load %a[%i] : memref<8xf32>
    %y = arith.addf %s, %x : f32
    scf.yield %y : f32
  }
  return %sum : f32
}

// Nests of branches, too.
// CHECK: func.func @branches(
// CHECK: scf.if
// CHECK-NEXT: func.call @[[OWN:.*]](%{{.*}}, %{{.*}})
// CHECK-NEXT: } else {
// CHECK-NEXT: func.call @[[OWN]](%{{.*}}, %{{.*}})
// CHECK-NEXT: }
func.func @branches(%c: i1, %a: memref<8xf32>, %b: memref<8xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.if %c {
    scf.for %i = %c0 to %n step %c1 {
      %x = memref.load %a[%i] : memref<8xf32>
      %y = arith.divf %x, %x : f32
      memref.store %y, %a[%i] : memref<8xf32>
    }
  } else {
    scf.for %i = %c0 to %n step %c1 {
      %x = memref.load %b[%i] : memref<8xf32>
      %y = arith.divf %x, %x : f32
      memref.store %y, %b[%i] : memref<8xf32>
    }
  }
  return
}
