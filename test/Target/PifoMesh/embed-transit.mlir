// The virtual time follows the elements of all three children: the transit node
// is given the rank. Tables by child and what `pifo.child` says follow the
// children to their new places.

// RUN: nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed))' -o %t.binary.mlir
// RUN: FileCheck %s < %t.binary.mlir

// CHECK:       pifo.node @root rank(i16, wrap) {
// CHECK-NEXT:    pifo.table @child_of_embedded by child = dense<[2, 0, 1]> : tensor<3xi32>
// CHECK:         pifo.state @finish by child
// CHECK-NEXT:    pifo.table @weight by child = dense<[3, 1, 2]> : tensor<3xi64>
// CHECK-NOT:     pifo.child
// CHECK:         pifo.lookup @child_of_embedded : i32
// CHECK:         pifo.node @c rank(i8, wrap) {
// CHECK:         pifo.node @root_via0 rank(i16, wrap) transit {
// CHECK-NEXT:      pifo.predicate
// CHECK-NOT:       pifo.scheduling
// CHECK:           pifo.node @a rank(i8, wrap) {
// CHECK:           pifo.node @b rank(i8, wrap) {

// On a mesh nobody can give the rank.
// RUN: not nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh}))' 2>&1 | FileCheck %s --check-prefix=STATE
// STATE: error: the rank of 'root' depends on state '@virtual', which elements of all its children change{{.*}}arity of at least 3
// STATE: note: the state is here
// RUN: sed 's/i16, wrap/i16, window/' %s | not nm-opt --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh}))' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=WINDOW
// WINDOW: error: refuses ranks outside a window, which a transit node that computes them anew does not know

// What is embedded stays so, and a mesh computes ranks on the way up.
// RUN: not nm-opt %t.binary.mlir --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed))' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=AGAIN
// AGAIN: error: is a transit node already, expected the scheduler before it was embedded
// RUN: not nm-opt %t.binary.mlir --pass-pipeline='builtin.module(pifo.scheduler(pifo-verify-mesh))' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=MESH
// MESH: error: 'root_via0' is a transit node: it is given the rank of the node above it{{.*}}; expected nodes that compute their ranks

pifo.scheduler @fair capacity(64) {
  pifo.field @class : i2 below 3
  pifo.field @length : i11
  pifo.node @root rank(i16, wrap) {
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.state @finish by child written_by(enqueue) = 0 : i64
    pifo.table @weight by child = dense<[1, 2, 3]> : tensor<3xi64>
    pifo.scheduling {
      %v = pifo.load @virtual : i64
      %f = pifo.load @finish : i64
      %start = arith.maxsi %v, %f : i64
      %length = pifo.read_field @length : i64
      %weight = pifo.lookup @weight : i64
      %cost = arith.divui %length, %weight : i64
      %end = arith.addi %start, %cost : i64
      pifo.store %end, @finish : i64
      %number = pifo.child : i32
      %child = arith.extui %number : i32 to i64
      %rank = arith.addi %start, %child : i64
      pifo.yield %rank : i64
    }
    pifo.dequeue {
      %start = pifo.rank : i64
      pifo.store %start, @virtual : i64
    }
    pifo.node @a rank(i8, wrap) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %k = arith.constant 0 : i2
        %is = arith.cmpi eq, %c, %k : i2
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @b rank(i8, wrap) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %k = arith.constant 1 : i2
        %is = arith.cmpi eq, %c, %k : i2
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @c rank(i8, wrap) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %k = arith.constant 2 : i2
        %is = arith.cmpi eq, %c, %k : i2
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
  }
}
