// RUN: nm-opt %s --split-input-file --verify-diagnostics | FileCheck %s
// RUN: nm-opt %s --split-input-file --verify-diagnostics 2>/dev/null | nm-opt --split-input-file -o /dev/null

// Nodes that decide at dequeue.

// CHECK-LABEL: pifo.scheduler @s capacity(8) push_out {
pifo.scheduler @s capacity(8) push_out {
  pifo.field @length : i16
  // CHECK: pifo.node @root rank(i64, late) {
  pifo.node @root rank(i64, late) {
    pifo.state @start by child written_by(any) = 0 : i64
    // CHECK: pifo.wake {
    pifo.wake {
      %length = pifo.read_field @length : i64
      pifo.store %length, @start : i64
    }
    // CHECK: pifo.select {
    pifo.select {
      %now = pifo.now : i64
      %start = pifo.load @start : i64
      %may = arith.cmpi sle, %start, %now : i64
      // CHECK: pifo.offer : i64
      %rank, %tie = pifo.offer : i64
      // CHECK: pifo.waiting : i64
      %waiting = pifo.waiting : i64
      // CHECK: pifo.yield %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : i1, i64, i64, i64
      pifo.yield %may, %rank, %waiting, %start : i1, i64, i64, i64
    }
    pifo.dequeue {
      %rank = pifo.rank : i64
      %waiting = pifo.waiting : i64
      pifo.store %waiting, @start : i64
    }
    pifo.evict {
      %waiting = pifo.waiting : i64
      pifo.store %waiting, @start : i64
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  // expected-error @+1 {{[pifo_node_c1] has ranks of type 'i32' with the rule 'late', expected i64}}
  pifo.node @root rank(i32, late) {
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      pifo.yield %may, %rank, %tie, %rank : i1, i64, i64, i64
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  // expected-error @+1 {{[pifo_node_c2] has 0 pifo.select, expected exactly one}}
  pifo.node @root rank(i64, late) {
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  // expected-error @+1 {{[pifo_node_c7] decides late and is a leaf; expected nodes in it}}
  pifo.node @root rank(i64, late) {
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      pifo.yield %may, %rank, %tie, %rank : i1, i64, i64, i64
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  pifo.node @root rank(i64, late) {
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      pifo.yield %may, %rank, %tie, %rank : i1, i64, i64, i64
    }
    // expected-error @+1 {{[pifo_node_c7] stands in a node that decides late; expected pifo.select}}
    pifo.scheduling {
      %z = arith.constant 0 : i2
      pifo.yield %z : i2
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  pifo.node @root rank(i4, saturate) {
    // expected-error @+1 {{[pifo_node_c7] stands in a node with the rule 'saturate'; expected it in one with the rule 'late'}}
    pifo.wake {
    }
    pifo.scheduling {
      %z = arith.constant 0 : i2
      pifo.yield %z : i2
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  // expected-note @+1 {{that node is here}}
  pifo.node @root rank(i4, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i2
      pifo.yield %z : i2
    }
    // expected-error @+1 {{[pifo_node_c7] decides late below a node whose order stands before; expected it at the root or below nodes with the rule 'late'}}
    pifo.node @inner rank(i64, late) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      pifo.yield %may, %rank, %tie, %rank : i1, i64, i64, i64
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  pifo.node @root rank(i64, late) {
    pifo.select {
      %may = arith.constant true
      // expected-error @+1 {{[pifo_transaction_c2] yields 1 values; expected i1, i64, i64, i64: whether the child may send, its rank, what decides between equal ones, and when to ask again}}
      pifo.yield %may : i1
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  pifo.node @root rank(i64, late) {
    // expected-note @+1 {{the state is here}}
    pifo.state @a written_by(any) = 0 : i64
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      // expected-error @+1 {{[pifo_transaction_c4] writes '@a' on selection, but the state is declared written_by(any)}}
      pifo.store %tie, @a : i64
      pifo.yield %may, %rank, %tie, %rank : i1, i64, i64, i64
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  pifo.node @root rank(i64, late) {
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      pifo.yield %may, %rank, %tie, %rank : i1, i64, i64, i64
    }
    pifo.dequeue {
      // expected-error @+1 {{[pifo_transaction_c5] stands in pifo.dequeue, expected pifo.select}}
      %rank, %tie = pifo.offer : i64
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) push_out {
  pifo.field @length : i16
  pifo.node @root rank(i64, late) {
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      pifo.yield %may, %rank, %tie, %rank : i1, i64, i64, i64
    }
    pifo.evict {
      // expected-error @+1 {{[pifo_transaction_c5] stands in pifo.evict of a node that decides late, where no element has one; expected pifo.dequeue}}
      %rank = pifo.rank : i64
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  pifo.node @root rank(i4, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c5] stands in pifo.scheduling of a node with the rule 'saturate', expected pifo.select, pifo.wake, pifo.dequeue or pifo.evict of one with the rule 'late'}}
      %z = pifo.waiting : i64
      pifo.yield %z : i64
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  pifo.node @root rank(i4, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i2
      // expected-error @+1 {{[pifo_transaction_c2] yields 2 values, expected one}}
      pifo.yield %z, %z : i2, i2
    }
  }
}

// -----

// Elements that wait for their time.

// CHECK-LABEL: pifo.scheduler @paced
pifo.scheduler @paced capacity(8) {
  pifo.field @due : i62
  pifo.node @root rank(i1, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i2
      pifo.yield %z : i2
    }
    // CHECK: pifo.eligible {
    pifo.eligible {
      %due = pifo.read_field @due : i64
      pifo.yield %due : i64
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.node @root rank(i8, wrap) {
    pifo.scheduling {
      %z = arith.constant 0 : i2
      pifo.yield %z : i2
    }
    // expected-error @+1 {{[pifo_node_c8] stands in a leaf with the rule 'wrap'; expected a leaf with the rule 'saturate'}}
    pifo.eligible {
      %now = pifo.now : i64
      pifo.yield %now : i64
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  // expected-note @+1 {{that node is here}}
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i2
      pifo.yield %z : i2
    }
    pifo.node @leaf rank(i8, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
      // expected-error @+1 {{[pifo_node_c8] stands below a node whose order stands before, which does not know what may have to wait; expected it at the root or below nodes with the rule 'late'}}
      pifo.eligible {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  // expected-error @+1 {{[pifo_table_c4] is variable and serves all nodes, with values of type 'i64'; expected i64, in a node}}
  pifo.table variable @t by @f = dense<1> : tensor<2xi64>
  pifo.field @f : i1
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i2
      pifo.yield %z : i2
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @f : i1
  pifo.node @root rank(i8, saturate) {
    // expected-error @+1 {{[pifo_state_c3] is written by the caller and has a key; expected a single i64, or a variable table}}
    pifo.state @a by @f written_by(caller) = 0 : i64
    pifo.scheduling {
      %z = arith.constant 0 : i2
      pifo.yield %z : i2
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.node @root rank(i8, saturate) {
    // expected-note @+1 {{the state is here}}
    pifo.state @a written_by(caller) = 0 : i64
    pifo.scheduling {
      %z = arith.constant 0 : i64
      // expected-error @+1 {{[pifo_transaction_c4] writes '@a' on enqueue, but the state is declared written_by(caller)}}
      pifo.store %z, @a : i64
      pifo.yield %z : i64
    }
  }
}
