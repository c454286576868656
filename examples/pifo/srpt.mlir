// Shortest remaining processing time (section 3.4): rank = bytes that remain of the
// flow, which the packet carries.

pifo.scheduler @srpt capacity(65536) {
  pifo.field @length : i16
  pifo.field @remaining : i32
  pifo.node @root rank(i32, saturate) {
    pifo.scheduling {
      %remaining = pifo.read_field @remaining : i64
      pifo.yield %remaining : i64
    }
  }
}
