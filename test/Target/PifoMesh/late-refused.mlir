// RUN: not nm-opt %s --pass-pipeline='builtin.module(pifo.scheduler(pifo-embed{mesh}))' 2>&1 | FileCheck %s --check-prefix=EMBED
// RUN: not nm-opt %s --pifo-compile-mesh 2>&1 | FileCheck %s --check-prefix=MESH

// No plain PIFO decides at dequeue.

// EMBED: late-refused.mlir:[[#@LINE+2]]:1: error: decides at dequeue (rule 'late', pifo.eligible, pifo.in_order), which no tree of plain PIFOs does: their ranks stand when packets come; expected rules that order packets on their way in
// MESH: late-refused.mlir:[[#@LINE+1]]:1: error: decides at dequeue (rule 'late', pifo.eligible, pifo.in_order), which the blocks of the mesh do not: their ranks stand when packets come; expected rules that order packets on their way in
pifo.scheduler @s capacity(8) {
  pifo.field @length : i16
  pifo.node @root rank(i64, late) {
    pifo.select {
      %may = arith.constant true
      %rank, %tie = pifo.offer : i64
      pifo.yield %may, %rank, %tie, %rank : i1, i64, i64, i64
    }
    pifo.node @leaf rank(i1, saturate) {
      pifo.predicate {
        %t = arith.constant true
        pifo.yield %t : i1
      }
      pifo.scheduling {
        %z = arith.constant 0 : i2
        pifo.yield %z : i2
      }
    }
  }
}
