// RUN: nm-opt %s --pifo-lower-to-cpu --split-input-file --verify-diagnostics

// expected-error @+1 {{has the name '@s_enqueue', which the scheduler '@s' needs; expected another}}
func.func private @s_enqueue()
pifo.scheduler @s capacity(8) {
  pifo.node @root rank(i3, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i3
      pifo.yield %z : i3
    }
  }
}

// -----

// expected-error @+1 {{has the name '@calloc', but not the type '(i64, i64) -> !llvm.ptr' that compiled schedulers need}}
func.func private @calloc()
pifo.scheduler @s capacity(8) {
  pifo.node @root rank(i3, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i3
      pifo.yield %z : i3
    }
  }
}

// -----

// expected-error @+1 {{has the name '@pifo_heap_push', which compiled schedulers need; expected another}}
func.func private @pifo_heap_push()
pifo.scheduler @s capacity(8) {
  pifo.node @root rank(i3, saturate) {
    pifo.scheduling {
      %z = arith.constant 0 : i3
      pifo.yield %z : i3
    }
  }
}
