// Rate-controlled service disciplines: Jitter-EDD (section 3.4). The regulator of
// each flow spaces its packets by at least Xmin: packet k is eligible at
// E = max(arrival, E of packet k - 1 + Xmin). The scheduler is earliest deadline
// first with E plus the delay bound of the flow. Regulators are shaping
// transactions, the scheduler a scheduling transaction; at its run, now is E.

pifo.scheduler @jitter_edd capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 4
  pifo.node @root rank(i48, saturate) {
    pifo.table @bound by @flow = dense<[1000, 8000, 3000, 20000]> : tensor<4xi64>
    pifo.scheduling {
      %now = pifo.now : i64
      %bound = pifo.lookup @bound : i64
      %deadline = arith.addi %now, %bound : i64
      pifo.yield %deadline : i64
    }
    pifo.node @flow0 rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 0 : i10
        %is0 = arith.cmpi eq, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @next written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %next = pifo.load @next : i64
        %eligible = arith.maxsi %now, %next : i64
        %gap = arith.constant 2000 : i64
        %then = arith.addi %eligible, %gap : i64
        pifo.store %then, @next : i64
        pifo.yield %eligible : i64
      }
    }
    pifo.node @flow1 rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 1 : i10
        %is0 = arith.cmpi eq, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @next written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %next = pifo.load @next : i64
        %eligible = arith.maxsi %now, %next : i64
        %gap = arith.constant 3000 : i64
        %then = arith.addi %eligible, %gap : i64
        pifo.store %then, @next : i64
        pifo.yield %eligible : i64
      }
    }
    pifo.node @flow2 rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 2 : i10
        %is0 = arith.cmpi eq, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @next written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %next = pifo.load @next : i64
        %eligible = arith.maxsi %now, %next : i64
        %gap = arith.constant 5000 : i64
        %then = arith.addi %eligible, %gap : i64
        pifo.store %then, @next : i64
        pifo.yield %eligible : i64
      }
    }
    pifo.node @flow3 rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 3 : i10
        %is0 = arith.cmpi eq, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
      pifo.state @next written_by(enqueue) = 0 : i64
      pifo.shaping {
        %now = pifo.now : i64
        %next = pifo.load @next : i64
        %eligible = arith.maxsi %now, %next : i64
        %gap = arith.constant 800 : i64
        %then = arith.addi %eligible, %gap : i64
        pifo.store %then, @next : i64
        pifo.yield %eligible : i64
      }
    }
  }
}
