// Shortest job first (section 3.4): rank = size of the flow, which the packet
// carries.

pifo.scheduler @sjf capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow_size : i32
  pifo.node @root rank(i32, saturate) {
    pifo.scheduling {
      %flow_size = pifo.read_field @flow_size : i64
      pifo.yield %flow_size : i64
    }
  }
}
