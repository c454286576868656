// Hierarchical packet fair queueing (Figure 2): Left has 1 of 10 shares, Right 9.
// Left serves A (flow 0) and B (flow 1) by 3 to 7, Right C (2) and D (3) by 4 to 6.
// Spans are common multiples divided by weights: flows of the other class, which
// never come here, have a 1.

pifo.scheduler @hpfq capacity(65536) {
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
    }
  }
}
