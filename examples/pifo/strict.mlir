// Strict priorities (section 3.4): rank = type of service, smallest first.

pifo.scheduler @strict capacity(65536) {
  pifo.field @length : i16
  pifo.field @tos : i8
  pifo.node @root rank(i8, saturate) {
    pifo.scheduling {
      %tos = pifo.read_field @tos : i8
      pifo.yield %tos : i8
    }
  }
}
