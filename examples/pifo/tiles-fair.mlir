// Tiles of an accelerator, fair among tenants by bytes: tenant 0 has 3 shares,
// tenant 1 has 2, tenant 2 has 1, the others 1 each. Within a tenant, the job with
// the fewest remaining tiles goes first.

pifo.scheduler @tiles_fair capacity(65536) {
  pifo.field @tenant : i8 below 4
  pifo.field @deadline : i48
  pifo.field @tiles : i32
  pifo.field @bytes : i48
  pifo.node @root rank(i60, wrap) {
    pifo.table @span by child = dense<[2, 3, 6, 6]> : tensor<4xi64>
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.state @finish by child written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %virtual = pifo.load @virtual : i64
      %finish = pifo.load @finish : i64
      %start = arith.maxsi %virtual, %finish : i64
      %bytes = pifo.read_field @bytes : i64
      %span = pifo.lookup @span : i64
      %service = arith.muli %bytes, %span : i64
      %end = arith.addi %start, %service : i64
      pifo.store %end, @finish : i64
      pifo.yield %start : i64
    }
    pifo.dequeue {
      %start = pifo.rank : i64
      pifo.store %start, @virtual : i64
    }
    pifo.node @tenant0 rank(i32, saturate) {
      pifo.predicate {
        %tenant = pifo.read_field @tenant : i8
        %c0 = arith.constant 0 : i8
        %is0 = arith.cmpi eq, %tenant, %c0 : i8
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %tiles = pifo.read_field @tiles : i64
        pifo.yield %tiles : i64
      }
    }
    pifo.node @tenant1 rank(i32, saturate) {
      pifo.predicate {
        %tenant = pifo.read_field @tenant : i8
        %c0 = arith.constant 1 : i8
        %is0 = arith.cmpi eq, %tenant, %c0 : i8
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %tiles = pifo.read_field @tiles : i64
        pifo.yield %tiles : i64
      }
    }
    pifo.node @tenant2 rank(i32, saturate) {
      pifo.predicate {
        %tenant = pifo.read_field @tenant : i8
        %c0 = arith.constant 2 : i8
        %is0 = arith.cmpi eq, %tenant, %c0 : i8
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %tiles = pifo.read_field @tiles : i64
        pifo.yield %tiles : i64
      }
    }
    pifo.node @tenant3 rank(i32, saturate) {
      pifo.predicate {
        %tenant = pifo.read_field @tenant : i8
        %c0 = arith.constant 3 : i8
        %is0 = arith.cmpi eq, %tenant, %c0 : i8
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %tiles = pifo.read_field @tiles : i64
        pifo.yield %tiles : i64
      }
    }
  }
}
