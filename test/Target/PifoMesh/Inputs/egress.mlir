// What a leaf changes in its packets as they leave.

module attributes {pifo.mesh_limits = {metadata_bits = 64 : i64}} {
pifo.scheduler @egress capacity(64) {
  pifo.field writable @late : i12
  pifo.field @class : i4
  pifo.field writable @mark : i4
  pifo.table @next by @class = dense<[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]> : tensor<16xi4>
  pifo.node @root rank(i12, saturate) {
    pifo.scheduling {
      %late = pifo.read_field @late : i12
      pifo.yield %late : i12
    }
    pifo.dequeue {
      %late = pifo.read_field @late : i12
      %class = pifo.read_field @class : i4
      %next = pifo.lookup @next : i4
      %now = pifo.now : i64
      %low = arith.trunci %now : i64 to i12
      %two = arith.constant 2 : i4
      %some = arith.cmpi ugt, %class, %two : i4
      scf.if %some {
        %sum = arith.addi %late, %low : i12
        pifo.write_field %sum, @late : i12
      }
      pifo.write_field %next, @mark : i4
    }
  }
}
}
