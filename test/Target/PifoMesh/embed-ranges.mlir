// RUN: nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh}))' | FileCheck %s

// Children told apart by ranges of a field: state by child becomes one variable
// for each, and the predicates choose.

// CHECK:      pifo.node @root rank(i16, wrap)
// CHECK-NOT:    by child
// CHECK-DAG:    pifo.state @count_of0 written_by(enqueue) = 0 : i32
// CHECK-DAG:    pifo.state @count_of2 written_by(enqueue) = 0 : i32
// CHECK:        pifo.scheduling
// CHECK-NOT:      pifo.child
// CHECK:          %[[LOW:.*]] = arith.cmpi ult
// CHECK:          arith.select %[[LOW]]
// CHECK:        pifo.node @root_via0 rank(i16, wrap)
// CHECK:          pifo.state @count_of0
// A transit node's children are total again: the last takes what is left.
// CHECK:          pifo.node @{{[a-c]}} rank(i8, wrap)
// CHECK:          pifo.node @{{[a-c]}} rank(i8, wrap)
// CHECK-NEXT:       pifo.predicate {
// CHECK:              arith.xori

pifo.scheduler @ranges capacity(64) {
  pifo.field @flow : i8
  pifo.node @root rank(i16, wrap) {
    pifo.table @quantum by child = dense<[4, 8, 12]> : tensor<3xi32>
    pifo.state @count by child written_by(enqueue) = 0 : i32
    pifo.scheduling {
      %q = pifo.lookup @quantum : i32
      %n = pifo.load @count : i32
      %m = arith.addi %n, %q : i32
      pifo.store %m, @count : i32
      %child = pifo.child : i32
      %rank = arith.addi %m, %child : i32
      pifo.yield %rank : i32
    }
    pifo.node @a rank(i8, wrap) {
      pifo.predicate {
        %f = pifo.read_field @flow : i8
        %k = arith.constant 10 : i8
        %is = arith.cmpi ult, %f, %k : i8
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @b rank(i8, wrap) {
      pifo.predicate {
        %f = pifo.read_field @flow : i8
        %low = arith.constant 10 : i8
        %high = arith.constant 20 : i8
        %a = arith.cmpi uge, %f, %low : i8
        %b = arith.cmpi ult, %f, %high : i8
        %is = arith.andi %a, %b : i1
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @c rank(i8, wrap) {
      pifo.predicate {
        %f = pifo.read_field @flow : i8
        %k = arith.constant 20 : i8
        %is = arith.cmpi uge, %f, %k : i8
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
  }
}
