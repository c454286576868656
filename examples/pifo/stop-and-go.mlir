// Stop-and-Go queueing (Figure 6) with frames of 10 us: what comes in one frame
// leaves in the next. The figure moves the frame by one when a packet comes after
// its end; after a longer silence the rank would lie in the past, and the packet
// leave in the frame of its arrival. Here the frame is that of the clock.

pifo.scheduler @stop_and_go capacity(65536) {
  pifo.field @length : i16
  pifo.node @root rank(i1, saturate) {
    pifo.scheduling {
      %zero = arith.constant 0 : i1
      pifo.yield %zero : i1
    }
    pifo.node @frames rank(i1, saturate) {
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
      pifo.shaping {
        %now = pifo.now : i64
        %frame = arith.constant 10000 : i64
        %number = arith.divui %now, %frame : i64
        %begin = arith.muli %number, %frame : i64
        %end = arith.addi %begin, %frame : i64
        pifo.yield %end : i64
      }
    }
  }
}
