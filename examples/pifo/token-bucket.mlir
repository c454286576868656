// Token bucket shaping (Figure 4): 1 Gbit/s with bursts of 3000 bytes. Tokens are
// bits, one each nanosecond; the bucket begins full, and may go below zero: the
// debts of packets that wait. The root has no parent, so that the shaped class is
// its only child.

pifo.scheduler @token_bucket capacity(65536) {
  pifo.field @length : i16
  pifo.node @root rank(i1, saturate) {
    pifo.scheduling {
      %zero = arith.constant 0 : i1
      pifo.yield %zero : i1
    }
    pifo.node @shaped rank(i1, saturate) {
      pifo.predicate {
        %length = pifo.read_field @length : i16
        %c0 = arith.constant 0 : i16
        %is0 = arith.cmpi uge, %length, %c0 : i16
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @tokens written_by(enqueue) = 24000 : i64
      pifo.state @last written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %last = pifo.load @last : i64
        %tokens = pifo.load @tokens : i64
        %burst = arith.constant 24000 : i64
        %passed = arith.subi %now, %last : i64
        %filled = arith.addi %tokens, %passed : i64
        %have = arith.minsi %filled, %burst : i64
        %length = pifo.read_field @length : i64
        %cost = arith.constant 8 : i64
        %price = arith.muli %length, %cost : i64
        %left = arith.subi %have, %price : i64
        pifo.store %left, @tokens : i64
        pifo.store %now, @last : i64
        %zero = arith.constant 0 : i64
        %debt = arith.subi %zero, %left : i64
        %wait = arith.maxsi %debt, %zero : i64
        %send = arith.addi %now, %wait : i64
        pifo.yield %send : i64
      }
    }
  }
}
