// RUN: nm-opt %s --nm-split-functions=max-statements=3 | FileCheck %s
// RUN: nm-opt %s --nm-split-functions | FileCheck %s --check-prefix=WHOLE
// RUN: not nm-opt %s --nm-split-functions=max-statements=1 2>&1 | FileCheck %s --check-prefix=LEAST

// LEAST: error: nm-split-functions: max-statements is 1, expected at least 2
// WHOLE-NOT: call @f_part

func.func private @step(memref<16xf32>, index) -> index
func.func private @done(index, memref<16xf32>)

// What is defined before is passed, what is needed behind returned; memory is the function's, and freed behind
// the last call that uses it.
// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:.*]]: memref<16xf32>, %[[N:.*]]: index
// CHECK: %[[ARENA:.*]] = memref.alloc() : memref<128xi8>
// CHECK-NEXT: %[[TOP:.*]] = call @f_part{{[_0-9]*}}(%[[ARENA]], %[[N]], %[[X]]) : (memref<128xi8>, index, memref<16xf32>) -> index
// CHECK-NEXT: memref.dealloc %[[ARENA]]
// CHECK-NEXT: return %[[TOP]]

// Parts are cut again until none is longer.
// CHECK: func.func private @f_part{{[_0-9]*}}(
// CHECK-SAME: attributes {passthrough = ["noinline"]}
func.func @f(%x: memref<16xf32>, %n: index) -> index {
  %c64 = arith.constant 64 : index
  %arena = memref.alloc() : memref<128xi8>
  %a = memref.view %arena[%c64][] : memref<128xi8> to memref<16xf32>
  %0 = call @step(%a, %n) : (memref<16xf32>, index) -> index
  %1 = call @step(%a, %0) : (memref<16xf32>, index) -> index
  %2 = call @step(%a, %0) : (memref<16xf32>, index) -> index
  %3 = call @step(%x, %2) : (memref<16xf32>, index) -> index
  %4 = call @step(%x, %1) : (memref<16xf32>, index) -> index
  memref.dealloc %arena : memref<128xi8>
  call @done(%4, %x) : (index, memref<16xf32>) -> ()
  return %3 : index
}

// What needs memory of a size that a part computes is no part of it, and views of results follow the call.
// CHECK-LABEL: func.func @sizes(
// CHECK: %[[S:.*]] = call @sizes_part{{[_0-9]*}}(%arg0)
// CHECK: %[[M:.*]] = memref.alloc(%[[S]])
// CHECK: call @sizes_part{{[_0-9]*}}(%[[M]], %arg0) : (memref<?xf32>, index) -> index
// CHECK: memref.dealloc %[[M]]
func.func private @make(index) -> memref<?xf32>
func.func private @read(memref<?xf32>, index) -> index
func.func @sizes(%n: index) -> index {
  %0 = arith.addi %n, %n : index
  %1 = arith.muli %0, %n : index
  %m = memref.alloc(%1) : memref<?xf32>
  %2 = call @read(%m, %n) : (memref<?xf32>, index) -> index
  %made = call @make(%2) : (index) -> memref<?xf32>
  %cast = memref.cast %made : memref<?xf32> to memref<16xf32>
  %3 = call @step(%cast, %2) : (memref<16xf32>, index) -> index
  %4 = call @step(%cast, %3) : (memref<16xf32>, index) -> index
  memref.dealloc %m : memref<?xf32>
  return %4 : index
}

// A branch is cut as a function is, and is one statement of it.
// CHECK-LABEL: func.func @branches(
// CHECK: scf.if
// CHECK-NEXT: %[[S:.*]] = func.call @branches_part{{[_0-9]*}}(%{{.*}}) : ({{.*}}) -> index
// CHECK-NEXT: func.call @branches_part{{[_0-9]*}}(
// CHECK: } else {
func.func @branches(%c: i1, %x: memref<16xf32>, %n: index) {
  scf.if %c {
    %0 = func.call @step(%x, %n) : (memref<16xf32>, index) -> index
    %1 = func.call @step(%x, %0) : (memref<16xf32>, index) -> index
    %2 = func.call @step(%x, %1) : (memref<16xf32>, index) -> index
    %3 = func.call @step(%x, %2) : (memref<16xf32>, index) -> index
    func.call @done(%3, %x) : (index, memref<16xf32>) -> ()
  } else {
    func.call @done(%n, %x) : (index, memref<16xf32>) -> ()
  }
  return
}
