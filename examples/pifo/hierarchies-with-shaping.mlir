// HPFQ whose class Right is limited to 10 Mbit/s (Figure 3): TBF_Right is a token
// bucket of 6000 bytes. A hundredth of a bit comes each nanosecond.

pifo.scheduler @hierarchies_with_shaping capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 4
  pifo.node @root rank(i40, wrap) {
    pifo.table @span by child = dense<[9, 1]> : tensor<2xi64>
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.state @finish by child written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %virtual = pifo.load @virtual : i64
      %finish = pifo.load @finish : i64
      %start = arith.maxsi %virtual, %finish : i64
      %length = pifo.read_field @length : i64
      %span = pifo.lookup @span : i64
      %service = arith.muli %length, %span : i64
      %end = arith.addi %start, %service : i64
      pifo.store %end, @finish : i64
      pifo.yield %start : i64
    }
    pifo.dequeue {
      %start = pifo.rank : i64
      pifo.store %start, @virtual : i64
    }
    pifo.node @left rank(i40, wrap) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 2 : i10
        %is0 = arith.cmpi ult, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.table @span by @flow = dense<[7, 3, 1, 1]> : tensor<4xi64>
      pifo.state @virtual written_by(dequeue) = 0 : i64
      pifo.state @finish by @flow written_by(enqueue) = 0 : i64
      pifo.scheduling {
        %virtual = pifo.load @virtual : i64
        %finish = pifo.load @finish : i64
        %start = arith.maxsi %virtual, %finish : i64
        %length = pifo.read_field @length : i64
        %span = pifo.lookup @span : i64
        %service = arith.muli %length, %span : i64
        %end = arith.addi %start, %service : i64
        pifo.store %end, @finish : i64
        pifo.yield %start : i64
      }
      pifo.dequeue {
        %start = pifo.rank : i64
        pifo.store %start, @virtual : i64
      }
    }
    pifo.node @right rank(i40, wrap) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 2 : i10
        %is0 = arith.cmpi uge, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.table @span by @flow = dense<[1, 1, 3, 2]> : tensor<4xi64>
      pifo.state @virtual written_by(dequeue) = 0 : i64
      pifo.state @finish by @flow written_by(enqueue) = 0 : i64
      pifo.scheduling {
        %virtual = pifo.load @virtual : i64
        %finish = pifo.load @finish : i64
        %start = arith.maxsi %virtual, %finish : i64
        %length = pifo.read_field @length : i64
        %span = pifo.lookup @span : i64
        %service = arith.muli %length, %span : i64
        %end = arith.addi %start, %service : i64
        pifo.store %end, @finish : i64
        pifo.yield %start : i64
      }
      pifo.dequeue {
        %start = pifo.rank : i64
        pifo.store %start, @virtual : i64
      }
      pifo.state @tokens written_by(enqueue) = 4800000 : i64
      pifo.state @last written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %last = pifo.load @last : i64
        %tokens = pifo.load @tokens : i64
        %burst = arith.constant 4800000 : i64
        %passed = arith.subi %now, %last : i64
        %filled = arith.addi %tokens, %passed : i64
        %have = arith.minsi %filled, %burst : i64
        %length = pifo.read_field @length : i64
        %cost = arith.constant 800 : i64
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
