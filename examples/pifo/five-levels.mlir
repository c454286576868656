// Five levels with another algorithm at each: strict priority for control traffic;
// below it weighted fair queueing of background (1 share, shaped to 1 Gbit/s by a
// token bucket) and tenants (3 shares); round robin among tenants; least attained
// service among the services of the third one; and earliest deadline first in the
// last. Flows 0 and 1 are control, 2 and 3 background, 4 and 5 tenants, 6 bulk, 7
// urgent.

pifo.scheduler @five_levels capacity(65536) {
  pifo.field @length : i16
  pifo.field @flow : i10 below 8
  pifo.field @deadline : i32
  pifo.node @root rank(i6, saturate) {
    pifo.scheduling {
      %child = pifo.child : i32
      pifo.yield %child : i32
    }
    pifo.node @control rank(i1, saturate) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 2 : i10
        %is0 = arith.cmpi ult, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.scheduling {
        %zero = arith.constant 0 : i1
        pifo.yield %zero : i1
      }
    }
    pifo.node @data rank(i40, wrap) {
      pifo.predicate {
        %flow = pifo.read_field @flow : i10
        %c0 = arith.constant 2 : i10
        %is0 = arith.cmpi uge, %flow, %c0 : i10
        pifo.yield %is0 : i1
      }
      pifo.table @span by child = dense<[3, 1]> : tensor<2xi64>
      pifo.state @virtual written_by(dequeue) = 0 : i64
      pifo.state @finish by child written_by(enqueue) = 0 : i64
      pifo.scheduling {
        %virtual = pifo.load @virtual : i64
        %finish = pifo.load @finish : i64
        %start = arith.maxsi %virtual, %finish : i64
        %length = pifo.read_field @length : i64
        %span = pifo.lookup @span : i64
        %service = arith.muli %length, %span : i64
        %end = arith.addi %start, %service : i64
        pifo.store %end, @finish : i64
        pifo.yield %start : i64
      }
      pifo.dequeue {
        %start = pifo.rank : i64
        pifo.store %start, @virtual : i64
      }
      pifo.node @background rank(i1, saturate) {
        pifo.predicate {
          %flow = pifo.read_field @flow : i10
          %c0 = arith.constant 4 : i10
          %is0 = arith.cmpi ult, %flow, %c0 : i10
          pifo.yield %is0 : i1
        }
        pifo.scheduling {
          %zero = arith.constant 0 : i1
          pifo.yield %zero : i1
        }
        pifo.state @tokens written_by(enqueue) = 24000 : i64
        pifo.state @last written_by(enqueue) = 0 : i64
        pifo.shaping {
          %now = pifo.now : i64
          %last = pifo.load @last : i64
          %tokens = pifo.load @tokens : i64
          %burst = arith.constant 24000 : i64
          %passed = arith.subi %now, %last : i64
          %filled = arith.addi %tokens, %passed : i64
          %have = arith.minsi %filled, %burst : i64
          %length = pifo.read_field @length : i64
          %cost = arith.constant 8 : i64
          %price = arith.muli %length, %cost : i64
          %left = arith.subi %have, %price : i64
          pifo.store %left, @tokens : i64
          pifo.store %now, @last : i64
          %zero = arith.constant 0 : i64
          %debt = arith.subi %zero, %left : i64
          %wait = arith.maxsi %debt, %zero : i64
          %send = arith.addi %now, %wait : i64
          pifo.yield %send : i64
        }
      }
      pifo.node @tenants rank(i40, wrap) {
        pifo.predicate {
          %flow = pifo.read_field @flow : i10
          %c0 = arith.constant 4 : i10
          %is0 = arith.cmpi uge, %flow, %c0 : i10
          pifo.yield %is0 : i1
        }
        pifo.state @virtual written_by(dequeue) = 0 : i64
        pifo.state @turn by child written_by(enqueue) = 0 : i64
        pifo.scheduling {
          %virtual = pifo.load @virtual : i64
          %turn = pifo.load @turn : i64
          %start = arith.maxsi %virtual, %turn : i64
          %one = arith.constant 1 : i64
          %next = arith.addi %start, %one : i64
          pifo.store %next, @turn : i64
          pifo.yield %start : i64
        }
        pifo.dequeue {
          %start = pifo.rank : i64
          pifo.store %start, @virtual : i64
        }
        pifo.node @tenant0 rank(i1, saturate) {
          pifo.predicate {
            %flow = pifo.read_field @flow : i10
            %c0 = arith.constant 5 : i10
            %is0 = arith.cmpi ult, %flow, %c0 : i10
            pifo.yield %is0 : i1
          }
          pifo.scheduling {
            %zero = arith.constant 0 : i1
            pifo.yield %zero : i1
          }
        }
        pifo.node @tenant1 rank(i1, saturate) {
          pifo.predicate {
            %flow = pifo.read_field @flow : i10
            %c0 = arith.constant 5 : i10
            %is0 = arith.cmpi eq, %flow, %c0 : i10
            pifo.yield %is0 : i1
          }
          pifo.scheduling {
            %zero = arith.constant 0 : i1
            pifo.yield %zero : i1
          }
        }
        pifo.node @services rank(i48, saturate) {
          pifo.predicate {
            %flow = pifo.read_field @flow : i10
            %c0 = arith.constant 6 : i10
            %is0 = arith.cmpi uge, %flow, %c0 : i10
            pifo.yield %is0 : i1
          }
          pifo.state @service by child written_by(enqueue) = 0 : i64
          pifo.scheduling {
            %service = pifo.load @service : i64
            %length = pifo.read_field @length : i64
            %more = arith.addi %service, %length : i64
            pifo.store %more, @service : i64
            pifo.yield %service : i64
          }
          pifo.node @bulk rank(i1, saturate) {
            pifo.predicate {
              %flow = pifo.read_field @flow : i10
              %c0 = arith.constant 7 : i10
              %is0 = arith.cmpi ne, %flow, %c0 : i10
              pifo.yield %is0 : i1
            }
            pifo.scheduling {
              %zero = arith.constant 0 : i1
              pifo.yield %zero : i1
            }
          }
          pifo.node @urgent rank(i32, saturate) {
            pifo.predicate {
              %flow = pifo.read_field @flow : i10
              %c0 = arith.constant 7 : i10
              %is0 = arith.cmpi eq, %flow, %c0 : i10
              pifo.yield %is0 : i1
            }
            pifo.scheduling {
              %deadline = pifo.read_field @deadline : i64
              pifo.yield %deadline : i64
            }
          }
        }
      }
    }
  }
}
