// RUN: nm-opt %s -verify-diagnostics --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed))'

// The virtual time follows the elements of all three children.

pifo.scheduler @fair capacity(64) {
  pifo.field @class : i2 below 3
  pifo.field @length : i11
  pifo.node @root rank(i16, wrap) {
    // expected-note@below {{the state is here}}
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.state @finish by child written_by(enqueue) = 0 : i64
    pifo.scheduling {
      // expected-error@below {{the rank of 'root' depends on state '@virtual', which elements of all its children change}}
      %v = pifo.load @virtual : i64
      %f = pifo.load @finish : i64
      %start = arith.maxsi %v, %f : i64
      %length = pifo.read_field @length : i64
      %end = arith.addi %start, %length : i64
      pifo.store %end, @finish : i64
      pifo.yield %start : i64
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
