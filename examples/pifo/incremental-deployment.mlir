// Incremental deployment (section 3.4): a network's legacy traffic (type of service
// 0) stays in one FIFO beside any tree. Here the two share a link 1 to 1, and the
// new traffic is fair queueing over its flows.

pifo.scheduler @incremental capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 4
  pifo.field @tos : i8
  pifo.node @root rank(i40, wrap) {
    pifo.table @span by child = dense<[1, 1]> : tensor<2xi64>
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
    pifo.node @legacy rank(i1, saturate) {
      pifo.predicate {
        %tos = pifo.read_field @tos : i8
        %c0 = arith.constant 0 : i8
        %is0 = arith.cmpi eq, %tos, %c0 : i8
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
    }
    pifo.node @new rank(i40, wrap) {
      pifo.predicate {
        %tos = pifo.read_field @tos : i8
        %c0 = arith.constant 0 : i8
        %is0 = arith.cmpi ne, %tos, %c0 : i8
        pifo.yield %is0 : i1
      }
      pifo.state @virtual written_by(dequeue) = 0 : i64
      pifo.state @finish by @flow written_by(enqueue) = 0 : i64
      pifo.scheduling {
        %virtual = pifo.load @virtual : i64
        %finish = pifo.load @finish : i64
        %start = arith.maxsi %virtual, %finish : i64
        %length = pifo.read_field @length : i64
        %end = arith.addi %start, %length : i64
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
