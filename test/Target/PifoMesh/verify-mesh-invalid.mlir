// RUN: nm-opt %s -split-input-file -verify-diagnostics --pass-pipeline='builtin.module(pifo.scheduler(pifo-verify-mesh))'

// Too many flows: fields of more values than a block has flows are not even
// tried, and 10-bit ranks do not help a rank of 16.

pifo.scheduler @flows capacity(2048) {
  pifo.field @deadline : i16
  // expected-note@+1 {{the rank depends on '@deadline', which may be less in a later packet of the same flow}}
  pifo.node @root rank(i16, saturate) {
    // expected-error@+1 {{ranks of 'root' are not known to grow within any flow, but a block keeps a flow in the order of arrival}}
    pifo.scheduling {
      %d = pifo.read_field @deadline : i32
      pifo.yield %d : i32
    }
  }
}

// -----

// The same with what the user knows of the traffic, but too many of them: one
// for each value, twice.

pifo.scheduler @many capacity(64) {
  pifo.field @deadline : i16
  pifo.field @flow : i10
  pifo.node @root rank(i1, saturate) {
    pifo.scheduling {
      %c = pifo.child : i32
      pifo.yield %c : i32
    }
    // expected-error@below {{has ranks that grow by @deadline, expected a field with at most 1024 values}}
    pifo.node @a rank(i16, saturate) attributes {pifo.ranks_grow_by = @deadline} {
      pifo.predicate {
        %f = pifo.read_field @flow : i10
        %k = arith.constant 5 : i10
        %is = arith.cmpi ult, %f, %k : i10
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %d = pifo.read_field @deadline : i32
        pifo.yield %d : i32
      }
    }
    pifo.node @b rank(i16, saturate) attributes {pifo.ranks_grow_by = @flow} {
      pifo.predicate {
        %f = pifo.read_field @flow : i10
        %k = arith.constant 5 : i10
        %is = arith.cmpi uge, %f, %k : i10
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %d = pifo.read_field @deadline : i32
        pifo.yield %d : i32
      }
    }
  }
}

// -----

pifo.scheduler @product capacity(64) {
  pifo.field @length : i8
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %l = pifo.read_field @length : i32
      // expected-error@below {{is an operation that no atom has; expected a constant, or a table with at most 16 different values, as second operand}}
      %p = arith.muli %l, %l : i32
      pifo.yield %p : i32
    }
  }
}

// -----

pifo.scheduler @shift capacity(64) {
  pifo.field @length : i8
  pifo.node @root rank(i8, saturate) {
    pifo.state @sum written_by(enqueue) = 1 : i32
    // expected-error@below {{transaction of 'root' fits no atoms: 'shl' of a state: atoms add, subtract, compare and choose}}
    pifo.scheduling {
      %s = pifo.load @sum : i32
      %one = arith.constant 1 : i32
      %t = arith.shli %s, %one : i32
      pifo.store %t, @sum : i32
      pifo.yield %one : i32
    }
  }
}

// -----

// One write port.

pifo.scheduler @writers capacity(64) {
  pifo.field @length : i8
  // expected-error@below {{writes state '@held' at enqueue and at dequeue}}
  pifo.node @root rank(i4, saturate) {
    pifo.state @held written_by(any) = 0 : i32
    pifo.scheduling {
      %s = pifo.load @held : i32
      %one = arith.constant 1 : i32
      %t = arith.addi %s, %one : i32
      pifo.store %t, @held : i32
      pifo.yield %t : i32
    }
    pifo.dequeue {
      %s = pifo.load @held : i32
      %one = arith.constant 1 : i32
      %t = arith.subi %s, %one : i32
      pifo.store %t, @held : i32
    }
  }
}

// -----

// The index of the packet that leaves is not that of the one that arrives.

pifo.scheduler @indices capacity(64) {
  pifo.field @flow : i4
  pifo.node @root rank(i4, saturate) {
    pifo.state @held by @flow written_by(dequeue) = 0 : i32
    pifo.scheduling {
      %s = pifo.load @held : i32
      pifo.yield %s : i32
    }
    pifo.dequeue {
      // expected-error@below {{touches state '@held' at a second index, when an element has been popped}}
      %s = pifo.load @held : i32
      pifo.store %s, @held : i32
    }
  }
}

// -----

pifo.scheduler @window capacity(64) {
  // expected-error@below {{refuses packets outside a window of ranks}}
  pifo.node @root rank(i8, window) {
    pifo.scheduling {
      %now = pifo.now : i64
      pifo.yield %now : i64
    }
  }
}

// -----

pifo.scheduler @wide capacity(64) {
  // expected-error@below {{has ranks of 24 bits, expected at most 16 (a mesh with wider ranks: the pass option rank-bits=24, or pifo.mesh_limits = {rank_bits = 24 : i64} on the module)}}
  pifo.node @root rank(i24, wrap) {
    pifo.scheduling {
      %now = pifo.now : i64
      pifo.yield %now : i64
    }
  }
}

// -----

// expected-error@below {{holds 100000 packets, expected at most 65536, the elements of a block}}
pifo.scheduler @large capacity(100000) {
  pifo.node @root rank(i8, wrap) {
    pifo.scheduling {
      %now = pifo.now : i64
      pifo.yield %now : i64
    }
  }
}

// -----

// What a dequeue transaction reads is carried by the elements.

// expected-error@below {{block 'level0' carries 80 bits: the packet's place and the fields that its dequeue transactions read; expected at most 32}}
pifo.scheduler @egress capacity(64) {
  pifo.field writable @slack : i48
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %zero = arith.constant 0 : i8
      pifo.yield %zero : i8
    }
    pifo.dequeue {
      %slack = pifo.read_field @slack : i48
      %one = arith.constant 1 : i48
      %less = arith.subi %slack, %one : i48
      pifo.write_field %less, @slack : i48
    }
  }
}

// -----

// An inner node's elements are references: which packet leaves is known below.

pifo.scheduler @inner capacity(64) {
  pifo.field @length : i8
  pifo.node @root rank(i8, wrap) {
    pifo.state @sum written_by(dequeue) = 0 : i8
    pifo.scheduling {
      %now = pifo.now : i64
      pifo.yield %now : i64
    }
    pifo.dequeue {
      %sum = pifo.load @sum : i8
      // expected-error@below {{reads field '@length' when an element has been popped}}
      %length = pifo.read_field @length : i8
      %more = arith.addi %sum, %length : i8
      pifo.store %more, @sum : i8
    }
    pifo.node @only rank(i8, wrap) {
      pifo.predicate {
        %true = arith.constant true
        pifo.yield %true : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
  }
}

// -----

// The shaping transaction runs in another block than the scheduling one.

pifo.scheduler @shared capacity(64) {
  pifo.field @class : i1
  pifo.node @root rank(i8, wrap) {
    pifo.scheduling {
      %now = pifo.now : i64
      pifo.yield %now : i64
    }
    pifo.node @only rank(i8, wrap) {
      pifo.predicate {
        %true = arith.constant true
        pifo.yield %true : i1
      }
      pifo.state @count written_by(enqueue) = 0 : i64
      pifo.scheduling {
        %c = pifo.load @count : i64
        %one = arith.constant 1 : i64
        %d = arith.addi %c, %one : i64
        pifo.store %d, @count : i64
        pifo.yield %d : i64
      }
      pifo.shaping {
        // expected-error@below {{state '@count' is touched by the shaping transaction and by another of the node; they run in different blocks}}
        %c = pifo.load @count : i64
        %now = pifo.now : i64
        %t = arith.addi %c, %now : i64
        pifo.yield %t : i64
      }
    }
  }
}

// -----

// A sum that never falls does when its upper bits are cut off; serial numbers do
// not mind.

pifo.scheduler @cut capacity(2048) {
  pifo.field @length : i12
  // expected-note@below {{the rank depends on '@length', which may be less in a later packet of the same flow}}
  pifo.node @root rank(i12, saturate) {
    pifo.state @sum written_by(enqueue) = 0 : i64
    // expected-error@below {{ranks of 'root' are not known to grow within any flow}}
    pifo.scheduling {
      %sum = pifo.load @sum : i64
      %length = pifo.read_field @length : i64
      %more = arith.addi %sum, %length : i64
      pifo.store %more, @sum : i64
      %low = arith.trunci %more : i64 to i16
      pifo.yield %low : i16
    }
  }
}

pifo.scheduler @serial capacity(2048) {
  pifo.field @length : i12
  pifo.node @root rank(i12, wrap) {
    pifo.state @sum written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %sum = pifo.load @sum : i64
      %length = pifo.read_field @length : i64
      %more = arith.addi %sum, %length : i64
      pifo.store %more, @sum : i64
      %low = arith.trunci %more : i64 to i16
      pifo.yield %low : i16
    }
  }
}

// -----

// Nor does a product grow that may overflow: 12 bits by 28 in 32.

pifo.scheduler @product capacity(2048) {
  pifo.field @length : i12
  // expected-note@below {{the rank depends on '@length'}}
  pifo.node @root rank(i16, wrap) {
    pifo.state @sum written_by(enqueue) = 0 : i32
    // expected-error@below {{ranks of 'root' are not known to grow within any flow}}
    pifo.scheduling {
      %sum = pifo.load @sum : i32
      %length = pifo.read_field @length : i32
      %factor = arith.constant 149370606 : i32
      %product = arith.muli %length, %factor : i32
      %more = arith.addi %sum, %product : i32
      pifo.store %more, @sum : i32
      pifo.yield %more : i32
    }
  }
}
