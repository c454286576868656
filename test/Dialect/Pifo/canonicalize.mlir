// RUN: nm-opt %s --canonicalize --cse | FileCheck %s

// Constants fold inside their transaction and do not leave it; a second read of
// a field goes; a load after a store stays.

// CHECK-LABEL: pifo.scheduler @fold
// CHECK:         pifo.scheduling {
// CHECK-DAG:       %[[C:.*]] = arith.constant 5 : i32
// CHECK-DAG:       %[[F:.*]] = pifo.read_field @f : i32
// CHECK-NOT:       pifo.read_field
// CHECK-DAG:       %[[S:.*]] = arith.addi %[[F]], %[[F]] : i32
// CHECK:           pifo.store %[[S]], @x : i32
// CHECK:           %[[X:.*]] = pifo.load @x : i32
// CHECK:           %[[R:.*]] = arith.addi %[[X]], %[[C]] : i32
// CHECK:           pifo.yield %[[R]] : i32
pifo.scheduler @fold capacity(16) {
  pifo.field @f : i8
  pifo.node @root rank(i32, saturate) {
    pifo.state @x written_by(enqueue) = 0 : i32
    pifo.scheduling {
      %two = arith.constant 2 : i32
      %three = arith.constant 3 : i32
      %five = arith.addi %two, %three : i32
      %a = pifo.read_field @f : i32
      %b = pifo.read_field @f : i32
      %s = arith.addi %a, %b : i32
      pifo.store %s, @x : i32
      %x = pifo.load @x : i32
      %r = arith.addi %x, %five : i32
      pifo.yield %r : i32
    }
  }
}
