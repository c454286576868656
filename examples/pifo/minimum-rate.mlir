// Minimum rate guarantees (Figure 7): four flows with 1 Gbit/s each. A flow below
// its rate goes before all that are above. Each flow is a FIFO of its own, so that
// no packet overtakes another of its flow. Tokens are bits, at most 24,000; the
// buckets begin full.

pifo.scheduler @minimum_rate capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 4
  pifo.node @root rank(i1, saturate) {
    pifo.state @tokens by child written_by(enqueue) = 24000 : i64
    pifo.state @last by child written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %now = pifo.now : i64
      %last = pifo.load @last : i64
      %tokens = pifo.load @tokens : i64
      %passed = arith.subi %now, %last : i64
      %filled = arith.addi %tokens, %passed : i64
      %burst = arith.constant 24000 : i64
      %have = arith.minsi %filled, %burst : i64
      %length = pifo.read_field @length : i64
      %eight = arith.constant 8 : i64
      %size = arith.muli %length, %eight : i64
      %enough = arith.cmpi sgt, %have, %size : i64
      %paid = arith.subi %have, %size : i64
      %left = arith.select %enough, %paid, %have : i64
      pifo.store %left, @tokens : i64
      pifo.store %now, @last : i64
      %true = arith.constant true
      %over = arith.xori %enough, %true : i1
      pifo.yield %over : i1
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
    }
  }
}
