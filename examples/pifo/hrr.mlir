// Rate-controlled service disciplines: hierarchical round robin (section 3.4).
// Flow i has i + 1 slots in each frame of 10 us; a packet that finds no slot waits
// for the first frame that has one. Eligible packets leave in the order in which
// they became eligible.

pifo.scheduler @hrr capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 4
  pifo.node @root rank(i1, saturate) {
    pifo.scheduling {
      %zero = arith.constant 0 : i1
      pifo.yield %zero : i1
    }
    pifo.node @flow0 rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 0 : i10
        %is0 = arith.cmpi eq, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @frame written_by(enqueue) = 0 : i64
      pifo.state @used written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %length = arith.constant 10000 : i64
        %current = arith.divui %now, %length : i64
        %frame = pifo.load @frame : i64
        %used = pifo.load @used : i64
        %zero = arith.constant 0 : i64
        %one = arith.constant 1 : i64
        %slots = arith.constant 1 : i64
        %later = arith.cmpi ugt, %current, %frame : i64
        %frame1 = arith.select %later, %current, %frame : i64
        %used1 = arith.select %later, %zero, %used : i64
        %full = arith.cmpi uge, %used1, %slots : i64
        %next = arith.addi %frame1, %one : i64
        %frame2 = arith.select %full, %next, %frame1 : i64
        %used2 = arith.select %full, %zero, %used1 : i64
        %taken = arith.addi %used2, %one : i64
        pifo.store %frame2, @frame : i64
        pifo.store %taken, @used : i64
        %begin = arith.muli %frame2, %length : i64
        %eligible = arith.maxsi %now, %begin : i64
        pifo.yield %eligible : i64
      }
    }
    pifo.node @flow1 rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 1 : i10
        %is0 = arith.cmpi eq, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @frame written_by(enqueue) = 0 : i64
      pifo.state @used written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %length = arith.constant 10000 : i64
        %current = arith.divui %now, %length : i64
        %frame = pifo.load @frame : i64
        %used = pifo.load @used : i64
        %zero = arith.constant 0 : i64
        %one = arith.constant 1 : i64
        %slots = arith.constant 2 : i64
        %later = arith.cmpi ugt, %current, %frame : i64
        %frame1 = arith.select %later, %current, %frame : i64
        %used1 = arith.select %later, %zero, %used : i64
        %full = arith.cmpi uge, %used1, %slots : i64
        %next = arith.addi %frame1, %one : i64
        %frame2 = arith.select %full, %next, %frame1 : i64
        %used2 = arith.select %full, %zero, %used1 : i64
        %taken = arith.addi %used2, %one : i64
        pifo.store %frame2, @frame : i64
        pifo.store %taken, @used : i64
        %begin = arith.muli %frame2, %length : i64
        %eligible = arith.maxsi %now, %begin : i64
        pifo.yield %eligible : i64
      }
    }
    pifo.node @flow2 rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 2 : i10
        %is0 = arith.cmpi eq, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @frame written_by(enqueue) = 0 : i64
      pifo.state @used written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %length = arith.constant 10000 : i64
        %current = arith.divui %now, %length : i64
        %frame = pifo.load @frame : i64
        %used = pifo.load @used : i64
        %zero = arith.constant 0 : i64
        %one = arith.constant 1 : i64
        %slots = arith.constant 3 : i64
        %later = arith.cmpi ugt, %current, %frame : i64
        %frame1 = arith.select %later, %current, %frame : i64
        %used1 = arith.select %later, %zero, %used : i64
        %full = arith.cmpi uge, %used1, %slots : i64
        %next = arith.addi %frame1, %one : i64
        %frame2 = arith.select %full, %next, %frame1 : i64
        %used2 = arith.select %full, %zero, %used1 : i64
        %taken = arith.addi %used2, %one : i64
        pifo.store %frame2, @frame : i64
        pifo.store %taken, @used : i64
        %begin = arith.muli %frame2, %length : i64
        %eligible = arith.maxsi %now, %begin : i64
        pifo.yield %eligible : i64
      }
    }
    pifo.node @flow3 rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 3 : i10
        %is0 = arith.cmpi eq, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @frame written_by(enqueue) = 0 : i64
      pifo.state @used written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %length = arith.constant 10000 : i64
        %current = arith.divui %now, %length : i64
        %frame = pifo.load @frame : i64
        %used = pifo.load @used : i64
        %zero = arith.constant 0 : i64
        %one = arith.constant 1 : i64
        %slots = arith.constant 4 : i64
        %later = arith.cmpi ugt, %current, %frame : i64
        %frame1 = arith.select %later, %current, %frame : i64
        %used1 = arith.select %later, %zero, %used : i64
        %full = arith.cmpi uge, %used1, %slots : i64
        %next = arith.addi %frame1, %one : i64
        %frame2 = arith.select %full, %next, %frame1 : i64
        %used2 = arith.select %full, %zero, %used1 : i64
        %taken = arith.addi %used2, %one : i64
        pifo.store %frame2, @frame : i64
        pifo.store %taken, @used : i64
        %begin = arith.muli %frame2, %length : i64
        %eligible = arith.maxsi %now, %begin : i64
        pifo.yield %eligible : i64
      }
    }
  }
}
