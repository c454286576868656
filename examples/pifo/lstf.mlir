// Least slack time first (section 3.1): rank = slack + arrival. The packet takes
// its slack along: what it waited here is gone when it leaves, and slack + arrival
// - departure = rank - departure.

pifo.scheduler @lstf capacity(65536) {
  pifo.field @length : i16
  pifo.field writable @slack : i32
  pifo.node @root rank(i40, wrap) {
    pifo.scheduling {
      %slack = pifo.read_field @slack : i64
      %now = pifo.now : i64
      %rank = arith.addi %slack, %now : i64
      pifo.yield %rank : i64
    }
    pifo.dequeue {
      %rank = pifo.rank : i64
      %now = pifo.now : i64
      %left = arith.subi %rank, %now : i64
      %zero = arith.constant 0 : i64
      %slack = arith.maxsi %left, %zero : i64
      %field = arith.trunci %slack : i64 to i32
      pifo.write_field %field, @slack : i32
    }
  }
}
