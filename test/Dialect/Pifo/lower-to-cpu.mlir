// RUN: nm-opt %s --pifo-lower-to-cpu | FileCheck %s
// RUN: nm-opt %s --pifo-lower-to-cpu=container=list | FileCheck %s --check-prefix=LIST
// RUN: nm-opt %s --pifo-lower-to-cpu --remarks-filter=pifo-container 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not nm-opt %s --pifo-lower-to-cpu=container=ring 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: nm-opt %s --pifo-to-cpu | nm-translate --mlir-to-llvmir | FileCheck %s --check-prefix=LLVM

// OPTION: error: unknown container 'ring', expected one of auto, heap, list, sp-pifo, aifo, packs, rifo

// A table is a constant; the root's ranks are a heap's, the leaf's fit a word.

// CHECK:       llvm.mlir.global internal constant @s.0.table.w(dense<[3, 4]> : tensor<2xi8>)
// CHECK-LABEL: func.func private @s.enter.0
// CHECK:         llvm.mlir.addressof @s.0.table.w
// CHECK:         call @pifo_serial_heap_push
// CHECK-LABEL: func.func private @s.leave.0
// CHECK:         call @pifo_serial_heap_pop
// CHECK-LABEL: func.func private @s.enter.1
// CHECK:         call @s.enter.0
// CHECK-NOT:     call @pifo_serial_heap_push
// CHECK-LABEL: func.func private @s.leave.1
// CHECK:         llvm.intr.cttz
// CHECK-LABEL: func.func @s_create
// CHECK:         call @calloc
// CHECK-LABEL: func.func @s_destroy
// CHECK-LABEL: func.func @s_size
// CHECK-LABEL: func.func @s_enqueue
// CHECK-LABEL: func.func @s_dequeue
// CHECK-LABEL: func.func @s_peek
// CHECK-LABEL: func.func @s_release
// CHECK-LABEL: func.func @s_next_release
// CHECK-LABEL: func.func @s_enqueue_batch
// CHECK-LABEL: func.func @s_dequeue_batch
// CHECK-NOT:   pifo.

// LIST-LABEL: func.func private @s.enter.1
// LIST:         call @pifo_list_push

// REMARK: lower-to-cpu.mlir:[[#@LINE+10]]:3: remark: {{.*}}Bits=20, Container="bitmap hierarchy over a window, and a heap", Node=root
// REMARK: remark: {{.*}}Bits=3, Container="one word", Node=leaf

// Only what the header promises is visible.

// LLVM: define internal {{.*}}@s.enter.0
// LLVM: define ptr @s_create(i64
// LLVM: define internal {{.*}}@pifo_serial_heap_pop
pifo.scheduler @s capacity(8) {
  pifo.field @flow : i8 below 2
  pifo.node @root rank(i20, saturate) {
    pifo.table @w by @flow = dense<[3, 4]> : tensor<2xi7>
    pifo.scheduling {
      %w = pifo.lookup @w : i7
      pifo.yield %w : i7
    }
    pifo.node @leaf rank(i3, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %f = pifo.read_field @flow : i8
        pifo.yield %f : i8
      }
    }
  }
}
