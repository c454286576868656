// Service-curve earliest deadline first (section 3.4) with linear curves: a flow
// with the rate r has the deadline D = max(now, D) + length / r. The table has
// nanoseconds for each byte: 1, 2, 4 and 8 Gbit/s.

pifo.scheduler @sc_edf capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 4
  pifo.node @root rank(i48, saturate) {
    pifo.table @pace by @flow = dense<[8, 4, 2, 1]> : tensor<4xi64>
    pifo.state @deadline by @flow written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %now = pifo.now : i64
      %last = pifo.load @deadline : i64
      %begin = arith.maxsi %now, %last : i64
      %length = pifo.read_field @length : i64
      %pace = pifo.lookup @pace : i64
      %time = arith.muli %length, %pace : i64
      %deadline = arith.addi %begin, %time : i64
      pifo.store %deadline, @deadline : i64
      pifo.yield %deadline : i64
    }
  }
}
