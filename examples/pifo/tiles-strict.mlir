// Tiles of an accelerator: tenant 0 goes before all others (an interactive model);
// among the others the job with the fewest remaining tiles goes first.

pifo.scheduler @tiles_strict capacity(65536) {
  pifo.field @tenant : i8 below 8
  pifo.field @deadline : i48
  pifo.field @tiles : i32
  pifo.field @bytes : i48
  pifo.node @root rank(i6, saturate) {
    pifo.scheduling {
      %child = pifo.child : i32
      pifo.yield %child : i32
    }
    pifo.node @interactive rank(i1, saturate) {
      pifo.predicate {
        %tenant = pifo.read_field @tenant : i8
        %c0 = arith.constant 0 : i8
        %is0 = arith.cmpi eq, %tenant, %c0 : i8
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
    }
    pifo.node @batch rank(i32, saturate) {
      pifo.predicate {
        %tenant = pifo.read_field @tenant : i8
        %c0 = arith.constant 0 : i8
        %is0 = arith.cmpi ne, %tenant, %c0 : i8
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %tiles = pifo.read_field @tiles : i64
        pifo.yield %tiles : i64
      }
    }
  }
}
