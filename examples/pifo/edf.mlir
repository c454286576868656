// Earliest deadline first (section 3.4): rank = deadline, which the packet carries.

pifo.scheduler @edf capacity(65536) {
  pifo.field @length : i16
  pifo.field @deadline : i32
  pifo.node @root rank(i32, saturate) {
    pifo.scheduling {
      %deadline = pifo.read_field @deadline : i64
      pifo.yield %deadline : i64
    }
  }
}
