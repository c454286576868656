// Least attained service (section 3.4): rank = bytes of the flow that came before.

pifo.scheduler @las capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 8
  pifo.node @root rank(i48, saturate) {
    pifo.state @service by @flow written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %service = pifo.load @service : i64
      %length = pifo.read_field @length : i64
      %more = arith.addi %service, %length : i64
      pifo.store %more, @service : i64
      pifo.yield %service : i64
    }
  }
}
