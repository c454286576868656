// RUN: nm-opt %s --split-input-file --verify-diagnostics

// Capacity.

// expected-error @+1 {{[pifo_scheduler_c4] holds at most 3 packets, expected 4, its capacity, to 16777216}}
pifo.scheduler @s capacity(4 at_most 3) {
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// expected-error @+1 {{[pifo_scheduler_c1] has capacity 0, expected 1 to 16777216}}
pifo.scheduler @s capacity(0) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// No root.

// expected-error @+1 {{[pifo_scheduler_c2] has 0 nodes, expected exactly one, the root}}
pifo.scheduler @s capacity(4) {
  pifo.field @f : i8
}

// -----

// An operation that has no place.

pifo.scheduler @s capacity(4) {
  // expected-error @+1 {{[pifo_scheduler_c2] has no place in a scheduler}}
  %c = arith.constant 0 : i8
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// Fields.

pifo.scheduler @s capacity(4) {
  // expected-error @+1 {{[pifo_field_c1] has type 'f32', expected a signless integer of 1 to 64 bits}}
  pifo.field @f : f32
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// A bound that the width does not hold.

pifo.scheduler @s capacity(4) {
  // expected-error @+1 {{[pifo_field_c2] is bounded by 5, expected 1 to 2^2}}
  pifo.field @f : i2 below 5
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// Tables.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_table_c1] has values of type 'tensor<2x2xi8>'}}
  pifo.table @t by @f = dense<1> : tensor<2x2xi8>
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// A table of another size.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_table_c2] has 3 values, expected 4, one for each value of its key}}
  pifo.table @t by @f = dense<1> : tensor<3xi8>
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// A table keyed by no field.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_table_c2] is keyed by @g, which is no field of the scheduler}}
  pifo.table @t by @g = dense<1> : tensor<3xi8>
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// A table of a leaf keyed by child.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_table_c3] is keyed by child, but does not stand in a node with children}}
    pifo.table @t by child = dense<1> : tensor<3xi8>
  }
}

// -----

// State.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_state_c1] starts with 1.000000e+00 : f32, expected a signless integer}}
    pifo.state @x written_by(any) = 1.0 : f32
  }
}

// -----

// State with too many entries.

pifo.scheduler @s capacity(4) {
  // expected-note @+1 {{the field is here}}
  pifo.field @f : i32
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_state_c2] is keyed by @f, which has more than 2^24 values}}
    pifo.state @x by @f written_by(any) = 0 : i8
  }
}

// -----

// State of a leaf keyed by child.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_state_c2] is keyed by child}}
    pifo.state @x by child written_by(any) = 0 : i8
  }
}

// -----

// Ranks.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_node_c1] has ranks of type 'i64' with the rule 'saturate', expected a signless integer of 1 to 63 bits}}
  pifo.node @root rank(i64, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// Ranks that wrap too early.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_node_c1] has ranks of type 'i5' with the rule 'wrap', expected a signless integer of 6 to 63 bits}}
  pifo.node @root rank(i5, wrap) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// No scheduling transaction.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_node_c2] has 0 pifo.scheduling, expected exactly one}}
  pifo.node @root rank(i8, saturate) {
  }
}

// -----

// Two of a kind.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_node_c2] has 2 pifo.dequeue, expected at most one}}
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.dequeue {
    }
    pifo.dequeue {
    }
  }
}

// -----

// An operation that has no place in a node.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_node_c2] has no place in a node}}
    %c = arith.constant 0 : i8
  }
}

// -----

// The root is not shaped.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_node_c3] is the root and has a shaping transaction, expected none}}
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.shaping {
      %t = pifo.now : i64
      pifo.yield %t : i64
    }
  }
}

// -----

// A child without predicate.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_node_c3] has no predicate}}
    pifo.node @a rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
  }
}

// -----

// Predicates that overlap.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-note @+1 {{the other node is here}}
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %f = pifo.read_field @f : i8
        %c = arith.constant 2 : i8
        %p = arith.cmpi ule, %f, %c : i8
        pifo.yield %p : i1
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
    pifo.node @b rank(i8, saturate) {
      // expected-error @+1 {{[pifo_node_c4] takes a packet with f = 2, which the predicate of 'a' takes too; expected disjoint predicates}}
      pifo.predicate {
        %f = pifo.read_field @f : i8
        %c = arith.constant 2 : i8
        %p = arith.cmpi uge, %f, %c : i8
        pifo.yield %p : i1
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
  }
}

// -----

// Predicates with a gap.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_node_c4] has no child that takes a packet with f = 2; expected predicates that cover all values}}
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %f = pifo.read_field @f : i8
        %c = arith.constant 2 : i8
        %p = arith.cmpi ult, %f, %c : i8
        pifo.yield %p : i1
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
    pifo.node @b rank(i8, saturate) {
      pifo.predicate {
        %f = pifo.read_field @f : i8
        %c = arith.constant 3 : i8
        %p = arith.cmpi eq, %f, %c : i8
        pifo.yield %p : i1
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
  }
}

// -----

// A gap in two fields, one of 64 bits.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.field @g : i64
  // expected-error @+1 {{[pifo_node_c4] has no child that takes a packet with g = 0, f = 3}}
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %g = pifo.read_field @g : i64
        %h = arith.constant -1 : i64
        %q = arith.cmpi eq, %g, %h : i64
        %f = pifo.read_field @f : i8
        %c = arith.constant 3 : i8
        %p = arith.cmpi ult, %f, %c : i8
        %o = arith.ori %p, %q : i1
        pifo.yield %o : i1
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
  }
}

// -----

// A predicate that is not decided.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %f = pifo.read_field @f : i8
        // expected-error @+1 {{[pifo_predicate_c1] is not decided here}}
        %s = arith.addi %f, %f : i8
        %p = arith.cmpi eq, %s, %s : i8
        pifo.yield %p : i1
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
  }
}

// -----

// A signed comparison.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %f = pifo.read_field @f : i8
        %c = arith.constant 0 : i8
        // expected-error @+1 {{[pifo_predicate_c1] is not decided here}}
        %p = arith.cmpi sge, %f, %c : i8
        pifo.yield %p : i1
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
  }
}

// -----

// A predicate that yields no bit.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %f = pifo.read_field @f : i8
        // expected-error @+1 {{[pifo_predicate_c2] yields one value of type 'i8', expected one i1}}
        pifo.yield %f : i8
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    }
  }
}

// -----

// Shaping below a window.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-note @+1 {{that node is here}}
  pifo.node @root rank(i8, window) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_node_c5] has a shaping transaction below a node}}
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
      pifo.shaping {
        %t = pifo.now : i64
        pifo.yield %t : i64
      }
    }
  }
}

// -----

// An operation that has no place in a transaction.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      // expected-error @+1 {{[pifo_transaction_c1] has no place in a transaction}}
      %a = arith.floordivsi %z, %z : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// No floats.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c1] has a result of type 'f32'}}
      %a = arith.constant 0.0 : f32
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// A rank is asked for.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c2] yields nothing, expected one integer of at most 64 bits}}
      pifo.yield
    }
  }
}

// -----

// Nothing is asked for.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.dequeue {
      %r = pifo.rank : i8
      // expected-error @+1 {{[pifo_transaction_c2] yields one value of type 'i8', expected nothing}}
      pifo.yield %r : i8
    }
  }
}

// -----

// An unknown field.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c3] reads '@g', which is no field of the scheduler}}
      %a = pifo.read_field @g : i8
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// A field in too few bits.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c3] has type 'i4', expected at least the width of the field, 'i8'}}
      %a = pifo.read_field @f : i4
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

// State is private.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.state @x written_by(any) = 0 : i8
    pifo.node @a rank(i8, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        // expected-error @+1 {{[pifo_transaction_c3] names '@x', which is no state of node 'a'; state is private to its node}}
        %x = pifo.load @x : i8
        pifo.yield %x : i8
      }
    }
  }
}

// -----

// State of another type.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c3] has type 'i8', expected that of the state, 'i16'}}
      %x = pifo.load @x : i8
      pifo.yield %x : i8
    }
    // expected-note @+1 {{the state is here}}
    pifo.state @x written_by(any) = 0 : i16
  }
}

// -----

// A table of another type.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c3] looks up '@t' as 'i8'}}
      %x = pifo.lookup @t : i8
      pifo.yield %x : i8
    }
    pifo.table @t by @f = dense<1> : tensor<4xi16>
  }
}

// -----

// Written by the other side.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-note @+1 {{the state is here}}
    pifo.state @x written_by(enqueue) = 0 : i8
    pifo.dequeue {
      %r = pifo.rank : i8
      // expected-error @+1 {{[pifo_transaction_c4] writes '@x' on dequeue, but the state is declared written_by(enqueue)}}
      pifo.store %r, @x : i8
    }
  }
}

// -----

// No rank before the pop.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c5] stands in pifo.scheduling, expected pifo.dequeue}}
      %r = pifo.rank : i8
      pifo.yield %r : i8
    }
  }
}

// -----

// A leaf has no children.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      // expected-error @+1 {{[pifo_transaction_c5] stands in leaf 'root', expected a node with children}}
      %r = pifo.child : i32
      pifo.yield %r : i32
    }
  }
}

// -----

// A field that is not writable.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.dequeue {
      %r = pifo.rank : i8
      // expected-error @+1 {{[pifo_transaction_c5] writes '@f'; expected a field declared writable, in pifo.admit, pifo.deliver or the pifo.dequeue of a leaf}}
      pifo.write_field %r, @f : i8
    }
  }
}

// -----

// A field of another type.

pifo.scheduler @s capacity(4) {
  pifo.field writable @f : i8
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.dequeue {
      %r = pifo.rank : i16
      // expected-error @+1 {{[pifo_transaction_c3] writes a value of type 'i16' to a field of type 'i8'}}
      pifo.write_field %r, @f : i16
    }
  }
}

// -----

// A transit node computes nothing.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    pifo.node @via rank(i8, saturate) transit {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      // expected-error @+1 {{[pifo_node_c6] has no place in a transit node; expected a predicate and nodes}}
      pifo.scheduling {
        %z = arith.constant 0 : i8
        pifo.yield %z : i8
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
}

// -----

// A transit node leads somewhere.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_node_c6] is a transit node and a leaf, expected one between a node and its children}}
    pifo.node @via rank(i8, saturate) transit {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
    }
  }
}

// -----

// A transit node has the ranks of the node above it.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-note @+1 {{that node is here}}
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
    // expected-error @+1 {{[pifo_node_c6] has rank('i9', saturate), expected that of the node it is in, rank('i8', saturate)}}
    pifo.node @via rank(i9, saturate) transit {
      pifo.predicate {
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
}

// -----

// The root is nobody's transit node.

pifo.scheduler @s capacity(4) {
  pifo.field @f : i8 below 4
  // expected-error @+1 {{[pifo_node_c6] is a transit node and the root}}
  pifo.node @via rank(i8, saturate) transit {
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

// -----

pifo.scheduler @s capacity(8) {
  pifo.field @flow : i8
  pifo.node @root rank(i8, wrap) {
    // expected-error @+1 {{[pifo_in_order_c1] stands in a leaf with the rule 'wrap'; expected a leaf with the rule 'saturate'}}
    pifo.in_order by @flow
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.field writable @flow : i8
  pifo.node @root rank(i8, saturate) {
    // expected-error @+1 {{[pifo_in_order_c2] tells flows apart by '@flow', which is writable; expected a field that stays as it is}}
    pifo.in_order by @flow
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}

// -----

pifo.scheduler @s capacity(8) {
  pifo.node @root rank(i8, saturate) {
    // expected-error @+1 {{[pifo_in_order_c2] tells flows apart by '@flow', which is no field of the scheduler; expected a field that stays as it is}}
    pifo.in_order by @flow
    pifo.scheduling {
      %z = arith.constant 0 : i8
      pifo.yield %z : i8
    }
  }
}
