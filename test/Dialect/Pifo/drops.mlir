// RUN: nm-opt %s --split-input-file --verify-diagnostics | FileCheck %s
// RUN: nm-opt %s --split-input-file --verify-diagnostics 2>/dev/null | nm-opt --split-input-file -o /dev/null

// Limits, rules for what leaves, packets that are pushed out.

// CHECK-LABEL: pifo.scheduler @s capacity(8) push_out {
pifo.scheduler @s capacity(8) push_out {
  pifo.field @flow : i4
  pifo.field @length : i16
  pifo.field writable @ecn : i2
  // CHECK: pifo.node @root
  pifo.node @root rank(i8, wrap) {
    // CHECK-NEXT: pifo.backlog @all bytes
    pifo.backlog @all bytes
    // CHECK-NEXT: pifo.backlog @queue packets by @flow
    pifo.backlog @queue packets by @flow
    pifo.state @count written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %z = pifo.load @count : i64
      pifo.yield %z : i64
    }
    // CHECK: pifo.evict {
    pifo.evict {
      %rank = pifo.rank : i64
      pifo.store %rank, @count : i64
    }
    pifo.node @leaf rank(i8, wrap) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i64
        pifo.yield %z : i64
      }
      // CHECK: pifo.admit {
      pifo.admit {
        // CHECK-NEXT: pifo.inside @queue : i64
        %inside = pifo.inside @queue : i64
        // CHECK-NEXT: pifo.room : i64
        %room = pifo.room : i64
        %fits = arith.cmpi ult, %inside, %room : i64
        pifo.yield %fits : i1
      }
      // CHECK: pifo.deliver {
      pifo.deliver {
        %bytes = pifo.inside @all : i64
        %k = arith.constant 1500 : i64
        %few = arith.cmpi ule, %bytes, %k : i64
        %mark = arith.constant 3 : i2
        pifo.write_field %mark, @ecn : i2
        pifo.yield %few : i1
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(4) {
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_node_c2] never runs: the scheduler pushes nothing out; expected 'push_out' behind its capacity}}
    pifo.evict {
    }
  }
}

// -----

pifo.scheduler @s capacity(4) {
  // expected-note @+1 {{the field is here}}
  pifo.field writable @flow : i4
  pifo.node @root rank(i8, saturate) {
    // expected-error @+1 {{[pifo_backlog_c1] depends on '@flow', which is writable; expected a field that is the same when the packet leaves}}
    pifo.backlog @queue packets by @flow
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

pifo.scheduler @s capacity(4) {
  pifo.node @root rank(i8, saturate) {
    // expected-error @+1 {{[pifo_backlog_c2] counts bytes of packets without a length; expected a field '@length' of at most 32 bits}}
    pifo.backlog @queue bytes
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

pifo.scheduler @s capacity(4) {
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c5] stands in pifo.scheduling, expected pifo.admit or pifo.deliver}}
      %room = pifo.room : i64
      pifo.yield %room : i64
    }
  }
}

// -----

pifo.scheduler @s capacity(4) {
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.admit {
      // expected-error @+1 {{[pifo_transaction_c3] reads '@queue', which is no backlog of node 'root' or a node above it}}
      %inside = pifo.inside @queue : i64
      %t = arith.constant true
      pifo.yield %t : i1
    }
  }
}

// -----

pifo.scheduler @s capacity(4) {
  pifo.node @root rank(i8, saturate) {
    // expected-note @+1 {{the state is here}}
    pifo.state @x written_by(enqueue) = 0 : i8
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.admit {
      %z = arith.constant 0 : i8
      // expected-error @+1 {{[pifo_transaction_c4] writes '@x' on admission or delivery, but the state is declared written_by(enqueue)}}
      pifo.store %z, @x : i8
      %t = arith.constant true
      pifo.yield %t : i1
    }
  }
}

// -----

pifo.scheduler @s capacity(4) {
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.admit {
      %z = arith.constant 0 : i8
      // expected-error @+1 {{[pifo_transaction_c2] yields one value of type 'i8', expected one i1}}
      pifo.yield %z : i8
    }
  }
}

// -----

pifo.scheduler @s capacity(4) {
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_node_c2] stands in a node with children; expected it in a leaf, which holds packets}}
    pifo.deliver {
      %t = arith.constant true
      pifo.yield %t : i1
    }
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i8
        pifo.yield %z : i8
      }
    }
  }
}
