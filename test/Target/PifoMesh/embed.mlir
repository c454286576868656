// Five children in binary, ternary and given trees. Departures are those of the
// original: the mesh's model runs all on one trace.

// RUN: nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh}))' -o %t.binary.mlir
// RUN: FileCheck %s < %t.binary.mlir
// RUN: nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh arity=3}))' -o %t.ternary.mlir
// RUN: nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh shape="((..)((..)(..)))"}))' -o %t.given.mlir
// RUN: nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh arity=5}))' | FileCheck %s --check-prefix=SAME
// RUN: %python %S/Inputs/compare_trees.py nm-translate nm-pifo %t %s %t.binary.mlir %t.ternary.mlir %t.given.mlir \
// RUN:   | FileCheck %s --check-prefix=EQUAL
// EQUAL: 3 trees, {{[1-9][0-9][0-9][0-9]}} departures each, all equal

// RUN: not nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh shape="((..)..)"}))' 2>&1 | FileCheck %s --check-prefix=SMALL
// SMALL: error: no embedding of (.....) into ((..)..) was found
// RUN: not nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh shape="((..)"}))' 2>&1 | FileCheck %s --check-prefix=TEXT
// TEXT: error: topology ends within a node; expected ')'
// RUN: not nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh arity=1}))' 2>&1 | FileCheck %s --check-prefix=ARITY
// ARITY: error: arity is 1, expected at least 2

// CHECK:      pifo.node @root rank(i16, saturate)
// CHECK:        pifo.table @child_of_embedded by @class = dense<[0, 1, 2, 3, 4]>
// CHECK:        pifo.table @quantum by @class = dense<[8, 16, 24, 8, 40]>
// CHECK:        pifo.state @count by @class written_by(enqueue)
// CHECK:        pifo.node @root_via{{[0-9]+}} rank(i16, saturate)
// CHECK-COUNT-2:  pifo.node @{{[a-e]}} rank(i8, wrap)

// SAME:     pifo.state @count by child written_by(enqueue)
// SAME-NOT: _via

module attributes {pifo.mesh_limits = {blocks = 8 : i64}} {
pifo.scheduler @five capacity(256) {
  pifo.field @class : i3 below 5
  // Weighted round robin: the turn of a child grows by its quantum; the child's
  // number makes all ranks different.
  pifo.node @root rank(i16, saturate) {
    pifo.table @quantum by child = dense<[8, 16, 24, 8, 40]> : tensor<5xi32>
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
        %c = pifo.read_field @class : i3
        %k = arith.constant 0 : i3
        %is = arith.cmpi eq, %c, %k : i3
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @b rank(i8, wrap) {
      pifo.predicate {
        %c = pifo.read_field @class : i3
        %k = arith.constant 1 : i3
        %is = arith.cmpi eq, %c, %k : i3
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @c rank(i8, wrap) {
      pifo.predicate {
        %c = pifo.read_field @class : i3
        %k = arith.constant 2 : i3
        %is = arith.cmpi eq, %c, %k : i3
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @d rank(i8, wrap) {
      pifo.predicate {
        %c = pifo.read_field @class : i3
        %k = arith.constant 3 : i3
        %is = arith.cmpi eq, %c, %k : i3
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @e rank(i8, wrap) {
      pifo.predicate {
        %c = pifo.read_field @class : i3
        %k = arith.constant 4 : i3
        %is = arith.cmpi eq, %c, %k : i3
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
  }
}
}
