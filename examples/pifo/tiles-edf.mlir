// Tiles of an accelerator: a packet is a job of a tenant, the link is the array.
// Jobs whose deadline is earliest go first.

pifo.scheduler @tiles_edf capacity(65536) {
  pifo.field @tenant : i8 below 8
  pifo.field @deadline : i48
  pifo.field @tiles : i32
  pifo.field @bytes : i48
  pifo.node @root rank(i48, saturate) {
    pifo.scheduling {
      %deadline = pifo.read_field @deadline : i64
      pifo.yield %deadline : i64
    }
  }
}
