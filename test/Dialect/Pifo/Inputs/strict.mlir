pifo.scheduler @strict capacity(1000) {
  pifo.field @priority : i3
  pifo.field writable @waited : i32
  pifo.field @arrival : i64
  pifo.node @root rank(i3, saturate) {
    pifo.scheduling {
      %p = pifo.read_field @priority : i3
      pifo.yield %p : i3
    }
    pifo.dequeue {
      %now = pifo.now : i64
      %arrival = pifo.read_field @arrival : i64
      %wait = arith.subi %now, %arrival : i64
      %w = arith.trunci %wait : i64 to i32
      pifo.write_field %w, @waited : i32
    }
  }
}
