// Tiles of an accelerator, fair by bytes between two classes: tenants 0 and 1, which
// answer people, have three shares, all others one. Within a class the job whose
// deadline is earliest goes first. The others together get at most 4 GB/s of DRAM,
// with bursts of 1 MiB: tokens are bytes, four each nanosecond, and may go below
// zero, the debts of jobs that wait.

pifo.scheduler @tiles_capped capacity(65536) {
  pifo.field @tenant : i8 below 8
  pifo.field @deadline : i48
  pifo.field @tiles : i32
  pifo.field @bytes : i48
  pifo.node @root rank(i60, wrap) {
    pifo.table @span by child = dense<[1, 3]> : tensor<2xi64>
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
    pifo.node @interactive rank(i48, saturate) {
      pifo.predicate {
        %tenant = pifo.read_field @tenant : i8
        %c2 = arith.constant 2 : i8
        %is = arith.cmpi ult, %tenant, %c2 : i8
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %deadline = pifo.read_field @deadline : i64
        pifo.yield %deadline : i64
      }
    }
    pifo.node @batch rank(i48, saturate) {
      pifo.predicate {
        %tenant = pifo.read_field @tenant : i8
        %c2 = arith.constant 2 : i8
        %is = arith.cmpi uge, %tenant, %c2 : i8
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %deadline = pifo.read_field @deadline : i64
        pifo.yield %deadline : i64
      }
      pifo.state @tokens written_by(enqueue) = 1048576 : i64
      pifo.state @last written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %last = pifo.load @last : i64
        %tokens = pifo.load @tokens : i64
        %burst = arith.constant 1048576 : i64
        %rate = arith.constant 4 : i64
        %passed = arith.subi %now, %last : i64
        %earned = arith.muli %passed, %rate : i64
        %filled = arith.addi %tokens, %earned : i64
        %have = arith.minsi %filled, %burst : i64
        %bytes = pifo.read_field @bytes : i64
        %left = arith.subi %have, %bytes : i64
        pifo.store %left, @tokens : i64
        pifo.store %now, @last : i64
        %zero = arith.constant 0 : i64
        %debt = arith.subi %zero, %left : i64
        %due = arith.maxsi %debt, %zero : i64
        %most = arith.constant 3 : i64
        %up = arith.addi %due, %most : i64
        %wait = arith.divsi %up, %rate : i64
        %send = arith.addi %now, %wait : i64
        pifo.yield %send : i64
      }
    }
  }
}
