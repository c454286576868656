// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --canonicalize --cse | FileCheck %s
// RUN: nm-opt %s --nm-lower-measures | FileCheck %s --check-prefix=CALLS

// No pass takes measures for dead, for equal to one another, or for work on memory.
// CHECK-LABEL: func.func @measured(
// CHECK-SAME: %[[F:.*]]: index, %[[R:.*]]: index, %[[W:.*]]: index)
// CHECK: nm.measure_begin 0
// CHECK-NEXT: nm.measure_end 0 work(%[[F]], %[[R]], %[[W]])
// CHECK-NEXT: nm.measure_begin 0
// CHECK-NEXT: nm.measure_end 0 work(%[[F]], %[[R]], %[[W]])
// CHECK-NEXT: nm.measure_memory %[[R]]

// One declaration of each, whatever the number of calls.
// CALLS-DAG: llvm.func @nm_measure_begin(i64){{$}}
// CALLS-DAG: llvm.func @nm_measure_end(i64, i64, i64, i64){{$}}
// CALLS-DAG: llvm.func @nm_measure_memory(i64){{$}}
// CALLS: func.func @measured(
// CALLS: %[[ID:.*]] = arith.constant 0 : i64
// CALLS-NEXT: llvm.call @nm_measure_begin(%[[ID]]) : (i64) -> ()
// CALLS: llvm.call @nm_measure_end(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (i64, i64, i64, i64) -> ()
// CALLS: llvm.call @nm_measure_memory(
// CALLS-NOT: nm.measure
func.func @measured(%f: index, %r: index, %w: index) {
  nm.measure_begin 0
  nm.measure_end 0 work(%f, %r, %w)
  nm.measure_begin 0
  nm.measure_end 0 work(%f, %r, %w)
  nm.measure_memory %r
  return
}
