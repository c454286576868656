// Quotients and remainders of numbers around zero.

pifo.scheduler @signed_quotients capacity(512) {
  pifo.field @a : i12
  pifo.field @b : i12
  pifo.node @root rank(i24, saturate) {
    pifo.scheduling {
      %a = pifo.read_field @a : i32
      %b = pifo.read_field @b : i32
      %x = arith.subi %a, %b : i32
      %c8 = arith.constant 8 : i32
      %c1 = arith.constant 1 : i32
      %q = arith.divsi %x, %c8 : i32
      %r = arith.remsi %x, %c8 : i32
      %same = arith.divsi %x, %c1 : i32
      %shift = arith.constant 7 : i32
      %up = arith.shli %q, %shift : i32
      %s = arith.addi %up, %r : i32
      %t = arith.addi %s, %same : i32
      %base = arith.constant 1000000 : i32
      %rank = arith.addi %t, %base : i32
      pifo.yield %rank : i32
    }
  }
}
