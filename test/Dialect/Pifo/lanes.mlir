// RUN: nm-opt %s --pifo-lower-to-cpu --remarks-filter=pifo-container 2>&1 | FileCheck %s
// RUN: nm-opt %s --pifo-lower-to-cpu | FileCheck %s --check-prefix=PASS

// Virtual times of a child climb; a rank from a field may be any, and six bits
// are one word.

// CHECK: remark: {{.*}}Bits=18, Container="a queue for each child", Node=root
// CHECK: remark: {{.*}}Bits=18, Container="bitmap hierarchy", Node=byfield
// CHECK: remark: {{.*}}Bits=6, Container="one word", Node=leaf
// CHECK: remark: {{.*}}Bits=12, Container="a queue for each child", Node=bychild

// PASS-LABEL: func.func private @s.pass.0
// PASS-NOT:     llvm.intr.cttz
// PASS-LABEL: func.func private @s.enter.1
// PASS:       func.func @s_pass
pifo.scheduler @s capacity(8) {
  pifo.field @length : i8
  pifo.field @class : i2
  pifo.node @root rank(i18, wrap) {
    pifo.state @finish by child written_by(enqueue) = 0 : i64
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.scheduling {
      %v = pifo.load @virtual : i64
      %f = pifo.load @finish : i64
      %s = arith.maxsi %v, %f : i64
      %l = pifo.read_field @length : i64
      %e = arith.addi %s, %l : i64
      pifo.store %e, @finish : i64
      pifo.yield %s : i64
    }
    pifo.dequeue {
      %s = pifo.rank : i64
      pifo.store %s, @virtual : i64
    }
    pifo.node @byfield rank(i18, wrap) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %z = arith.constant 0 : i2
        %p = arith.cmpi eq, %c, %z : i2
        pifo.yield %p : i1
      }
      pifo.scheduling {
        %l = pifo.read_field @length : i64
        pifo.yield %l : i64
      }
      pifo.node @leaf rank(i6, wrap) {
        pifo.predicate {
          %t = arith.constant true
          pifo.yield %t : i1
        }
        pifo.scheduling {
          %z = arith.constant 0 : i64
          pifo.yield %z : i64
        }
      }
    }
    pifo.node @bychild rank(i12, saturate) {
      pifo.predicate {
        %c = pifo.read_field @class : i2
        %z = arith.constant 0 : i2
        %p = arith.cmpi ne, %c, %z : i2
        pifo.yield %p : i1
      }
      pifo.scheduling {
        %c = pifo.child : i32
        pifo.yield %c : i32
      }
      pifo.node @only rank(i6, wrap) {
        pifo.predicate {
          %t = arith.constant true
          pifo.yield %t : i1
        }
        pifo.scheduling {
          %z = arith.constant 0 : i64
          pifo.yield %z : i64
        }
      }
    }
  }
}
