// Start-time fair queueing (Figure 1; the paper's weighted fair queueing): four
// flows with the weights 1, 2, 3, 4. Virtual time is in twelfths of bytes, because
// 12 is a multiple of all weights: nothing is rounded.

pifo.scheduler @stfq capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 4
  pifo.node @root rank(i40, wrap) {
    pifo.table @span by @flow = dense<[12, 6, 4, 3]> : tensor<4xi64>
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
