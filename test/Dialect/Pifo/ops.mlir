// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s --mlir-print-op-generic | nm-opt | FileCheck %s
// RUN: nm-opt %s --emit-bytecode | nm-opt | FileCheck %s

// Start-time fair queueing: a keyed state of the enqueue side, a scalar of the
// dequeue side, weights in a table.

// CHECK-LABEL: pifo.scheduler @stfq capacity(1024) {
// CHECK-NEXT:    pifo.field @length : i16
// CHECK-NEXT:    pifo.field @flow : i8 below 3
// CHECK-NEXT:    pifo.field writable @slack : i32
// CHECK-NEXT:    pifo.table @weight by @flow = dense<[1, 2, 5]> : tensor<3xi64>
// CHECK-NEXT:    pifo.node @root rank(i18, wrap) {
// CHECK-NEXT:      pifo.state @virtual written_by(dequeue) = 0 : i64
// CHECK-NEXT:      pifo.state @finish by @flow written_by(enqueue) = -1 : i64
// CHECK-NEXT:      pifo.scheduling {
// CHECK:             pifo.load @virtual : i64
// CHECK:             pifo.read_field @length : i64
// CHECK:             pifo.lookup @weight : i64
// CHECK:             pifo.store %{{.*}}, @finish : i64
// CHECK:             pifo.yield %{{.*}} : i64
// CHECK:           pifo.dequeue {
// CHECK-NEXT:        %{{.*}} = pifo.rank : i64
// CHECK-NEXT:        pifo.store %{{.*}}, @virtual : i64
// CHECK-NEXT:        pifo.now : i64
// CHECK:             pifo.write_field %{{.*}}, @slack : i32
// CHECK-NEXT:      }
pifo.scheduler @stfq capacity(1024) {
  pifo.field @length : i16
  pifo.field @flow : i8 below 3
  pifo.field writable @slack : i32
  pifo.table @weight by @flow = dense<[1, 2, 5]> : tensor<3xi64>
  pifo.node @root rank(i18, wrap) {
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.state @finish by @flow written_by(enqueue) = -1 : i64
    pifo.scheduling {
      %v = pifo.load @virtual : i64
      %f = pifo.load @finish : i64
      %s = arith.maxsi %v, %f : i64
      %l = pifo.read_field @length : i64
      %w = pifo.lookup @weight : i64
      %d = arith.divui %l, %w : i64
      %n = arith.addi %s, %d : i64
      pifo.store %n, @finish : i64
      pifo.yield %s : i64
    }
    pifo.dequeue {
      %s = pifo.rank : i64
      pifo.store %s, @virtual : i64
      %t = pifo.now : i64
      %n = arith.trunci %t : i64 to i32
      pifo.write_field %n, @slack : i32
    }
  }
}

// Three levels; state and a table keyed by the child; shaping.

// CHECK-LABEL: pifo.scheduler @tree capacity(16) {
// CHECK:         pifo.node @root rank(i4, saturate) {
// CHECK-NEXT:      pifo.state @served by child written_by(any) = 0 : i32
// CHECK-NEXT:      pifo.table @share by child = dense<[1, 9]> : tensor<2xi32>
// CHECK:             pifo.child : i32
// CHECK:           pifo.node @left rank(i4, saturate) {
// CHECK-NEXT:        pifo.predicate {
// CHECK:             pifo.shaping {
// CHECK:           pifo.node @right rank(i63, window) {
pifo.scheduler @tree capacity(16) {
  pifo.field @class : i2
  pifo.node @root rank(i4, saturate) {
    pifo.state @served by child written_by(any) = 0 : i32
    pifo.table @share by child = dense<[1, 9]> : tensor<2xi32>
    pifo.scheduling {
      %c = pifo.child : i32
      %s = pifo.lookup @share : i32
      %a = pifo.load @served : i32
      %p = arith.cmpi ult, %a, %s : i32
      %r = scf.if %p -> i32 {
        scf.yield %c : i32
      } else {
        scf.yield %s : i32
      }
      pifo.yield %r : i32
    }
    pifo.dequeue {
      %a = pifo.load @served : i32
      pifo.store %a, @served : i32
    }
    pifo.node @left rank(i4, saturate) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %one = arith.constant 1 : i2
        %is = arith.cmpi ule, %c, %one : i2
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %c = pifo.read_field @class : i4
        pifo.yield %c : i4
      }
      pifo.shaping {
        %t = pifo.now : i64
        pifo.yield %t : i64
      }
    }
    pifo.node @right rank(i63, window) {
      pifo.predicate {
        %c = pifo.read_field @class : i8
        %one = arith.constant 1 : i8
        %is = arith.cmpi ugt, %c, %one : i8
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %t = pifo.now : i64
        pifo.yield %t : i64
      }
    }
  }
}

// Siblings share what their parent takes, not everything.

// CHECK-LABEL: pifo.scheduler @nested
pifo.scheduler @nested capacity(16) {
  pifo.field @class : i2
  pifo.node @root rank(i1, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i1
      pifo.yield %z : i1
    }
    pifo.node @low rank(i1, saturate) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %two = arith.constant 2 : i2
        %p = arith.cmpi ult, %c, %two : i2
        pifo.yield %p : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i1
        pifo.yield %z : i1
      }
      pifo.node @zero rank(i1, saturate) {
        pifo.predicate {
          %c = pifo.read_field @class : i2
          %one = arith.constant 1 : i2
          %p = arith.cmpi ult, %c, %one : i2
          pifo.yield %p : i1
        }
        pifo.scheduling {
          %z = arith.constant 0 : i1
          pifo.yield %z : i1
        }
      }
      pifo.node @one rank(i1, saturate) {
        pifo.predicate {
          %c = pifo.read_field @class : i2
          %one = arith.constant 1 : i2
          %p = arith.cmpi eq, %c, %one : i2
          pifo.yield %p : i1
        }
        pifo.scheduling {
          %z = arith.constant 0 : i1
          pifo.yield %z : i1
        }
      }
    }
    pifo.node @high rank(i1, saturate) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %two = arith.constant 2 : i2
        %p = arith.cmpi uge, %c, %two : i2
        pifo.yield %p : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i1
        pifo.yield %z : i1
      }
    }
  }
}

// A transit node between the root and two of its three children.

// CHECK-LABEL: pifo.scheduler @transit
// CHECK:         pifo.table @share by child = dense<[1, 2, 3]> : tensor<3xi8>
// CHECK:         pifo.node @via rank(i8, wrap) transit {
// CHECK-NEXT:      pifo.predicate {
// CHECK:           pifo.node @a rank(i1, saturate) {
pifo.scheduler @transit capacity(16) {
  pifo.field @class : i2 below 3
  pifo.node @root rank(i8, wrap) {
    pifo.table @share by child = dense<[1, 2, 3]> : tensor<3xi8>
    pifo.scheduling {
      %s = pifo.lookup @share : i8
      pifo.yield %s : i8
    }
    pifo.node @via rank(i8, wrap) transit {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %two = arith.constant 2 : i2
        %p = arith.cmpi ult, %c, %two : i2
        pifo.yield %p : i1
      }
      pifo.node @a rank(i1, saturate) {
        pifo.predicate {
          %c = pifo.read_field @class : i2
          %k = arith.constant 0 : i2
          %p = arith.cmpi eq, %c, %k : i2
          pifo.yield %p : i1
        }
        pifo.scheduling {
          %z = arith.constant 0 : i1
          pifo.yield %z : i1
        }
      }
      pifo.node @b rank(i1, saturate) {
        pifo.predicate {
          %c = pifo.read_field @class : i2
          %k = arith.constant 1 : i2
          %p = arith.cmpi eq, %c, %k : i2
          pifo.yield %p : i1
        }
        pifo.scheduling {
          %z = arith.constant 0 : i1
          pifo.yield %z : i1
        }
      }
    }
    pifo.node @c rank(i1, saturate) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %k = arith.constant 2 : i2
        %p = arith.cmpi eq, %c, %k : i2
        pifo.yield %p : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i1
        pifo.yield %z : i1
      }
    }
  }
}

// A capacity beyond which the ranks are not known to be in order.

// CHECK-LABEL: pifo.scheduler @bounded capacity(4 at_most 15872) {
pifo.scheduler @bounded capacity(4 at_most 15872) {
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// The packet of the smallest rank says which flow leaves, from its front.

// CHECK-LABEL: pifo.scheduler @in_order capacity(8) {
// CHECK:         pifo.node @root rank(i8, saturate) {
// CHECK-NEXT:      pifo.in_order by @flow
// CHECK-NEXT:      pifo.scheduling {
pifo.scheduler @in_order capacity(8) {
  pifo.field @flow : i8
  pifo.field @remaining : i8
  pifo.node @root rank(i8, saturate) {
    pifo.in_order by @flow
    pifo.scheduling {
      %r = pifo.read_field @remaining : i8
      pifo.yield %r : i8
    }
  }
}
