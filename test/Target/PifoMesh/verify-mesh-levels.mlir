// RUN: not nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-verify-mesh{blocks=1}))' 2>&1 | FileCheck %s --check-prefix=BLOCKS
// BLOCKS: error: needs 2 blocks: one for each level, one for the shaping of each level, and more where a level exceeds a block; expected at most 1

// RUN: not nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-verify-mesh{flows=8}))' 2>&1 | FileCheck %s --check-prefix=FLOWS
// FLOWS-COUNT-2: error: has 16 flows (one for each rank), expected at most 8, the flows of a block

// A level of 32 flows in blocks of 16: two blocks, and the two leaves with the
// same transaction would share a program if they had room.
// RUN: nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-verify-mesh{flows=16}))' --remarks-filter=pifo-verify-mesh -o /dev/null 2>&1 | FileCheck %s --check-prefix=SPLIT
// SPLIT: split a level{{.*}}level 1 has more flows
// SPLIT: 'level1' holds {a}
// SPLIT: 'level1_1' holds {b}

// RUN: nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-verify-mesh))' --remarks-filter=pifo-verify-mesh -o /dev/null 2>&1 | FileCheck %s --check-prefix=SHARED
// SHARED: shared a program{{.*}}2 nodes of block 'level1' have the same transactions
// SHARED: 'level1' holds {a, b}
// SHARED: atoms{{.*}}a_enqueue: raw(a_count), {{[0-9]+}} stateless
// SHARED-NOT: b_enqueue

pifo.scheduler @two capacity(64) {
  pifo.field @class : i1
  pifo.field @priority : i4
  pifo.node @root rank(i8, wrap) {
    pifo.scheduling {
      %now = pifo.now : i64
      pifo.yield %now : i64
    }
    pifo.node @a rank(i4, saturate) {
      pifo.predicate {
        %c = pifo.read_field @class : i1
        %zero = arith.constant 0 : i1
        %is = arith.cmpi eq, %c, %zero : i1
        pifo.yield %is : i1
      }
      pifo.state @count by @priority written_by(enqueue) = 0 : i32
      pifo.scheduling {
        %p = pifo.read_field @priority : i8
        %n = pifo.load @count : i32
        %one = arith.constant 1 : i32
        %m = arith.addi %n, %one : i32
        pifo.store %m, @count : i32
        %five = arith.constant 5 : i8
        %r = arith.xori %p, %five : i8
        pifo.yield %r : i8
      }
    }
    pifo.node @b rank(i4, saturate) {
      pifo.predicate {
        %c = pifo.read_field @class : i1
        %zero = arith.constant 0 : i1
        %is = arith.cmpi ne, %c, %zero : i1
        pifo.yield %is : i1
      }
      pifo.state @count by @priority written_by(enqueue) = 0 : i32
      pifo.scheduling {
        %p = pifo.read_field @priority : i8
        %n = pifo.load @count : i32
        %one = arith.constant 1 : i32
        %m = arith.addi %n, %one : i32
        pifo.store %m, @count : i32
        %five = arith.constant 5 : i8
        %r = arith.xori %p, %five : i8
        pifo.yield %r : i8
      }
    }
  }
}
