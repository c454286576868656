// Predicates of a tree as a program: the leaf of a packet follows from its
// fields. `class` has 5 values, so packets with another belong to no leaf.

// RUN: nm-opt --pifo-compile-mesh %s -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: nm-translate --pifo-to-mesh-json %t.mlir -o %t.json
// RUN: nm-translate --pifo-to-mesh-json %s | diff %t.json -
// RUN: nm-translate --mesh-json-to-pifo %t.json | nm-translate --pifo-to-mesh-json | diff %t.json -
// RUN: nm-pifo mesh check %t.json | FileCheck %s --check-prefix=SUMMARY
// SUMMARY: classifier: 5 leaves, {{[0-9]+}} values

// CHECK:      pifo.mesh.classifier {
// CHECK-DAG:    pifo.mesh.read @port : i16
// CHECK-DAG:    pifo.mesh.read @class : i4
// CHECK:        arith.select
// CHECK:        %[[MOST:.*]] = arith.constant 4 : i4
// CHECK:        %[[KNOWN:.*]] = arith.cmpi ule, %{{.*}}, %[[MOST]] : i4
// CHECK:        %[[RESULT:.*]] = arith.select %[[KNOWN]]
// CHECK:        pifo.mesh.yield leaf %[[RESULT]] : i3

// A trace with leaves and one with fields only depart the same.
// RUN: %python %S/Inputs/classify.py %t
// RUN: nm-pifo mesh run %t.json --input %t.named.csv -o %t.named
// RUN: nm-pifo mesh run %t.json --input %t.fields.csv -o %t.fields
// RUN: diff %t.named %t.fields
// RUN: wc -l < %t.fields | FileCheck %s --check-prefix=COUNT
// COUNT: {{^ *[1-9][0-9][0-9]}}

// RUN: printf 'now,leaf,class,port\n1,+,5,0\n' > %t.stranger.csv
// RUN: not nm-pifo mesh run %t.json --input %t.stranger.csv 2>&1 | FileCheck %s --check-prefix=STRANGER
// STRANGER: stranger.csv:2: the packet belongs to no leaf of the mesh
// RUN: printf 'now,leaf\n1,+\n' > %t.none.csv
// RUN: not nm-pifo mesh run %S/../PifoSystemVerilog/Inputs/shaped.json --input %t.none.csv 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: none.csv:2: the mesh has no classifier; expected the name of a leaf

// The hardware: only fields come in, and the model says which leaf they mean.
// RUN: %nm_src_root/scripts/pifo-rtl mesh %t.json --build %nm_obj_root --front yes --cycles 60000 --seeds 2 --work %t.rtl \
// RUN:   | FileCheck %s --check-prefix=RTL
// RTL: classes_front, seed 1
// RTL: 60000 cycles, no mismatch: {{[0-9][0-9][0-9][0-9]+}} enqueued
// RTL: {{[0-9][0-9]+}} packets of no leaf refused; enqueued by leaf: {{[1-9][0-9]+ [1-9][0-9]+ [1-9][0-9]+ [1-9][0-9]+ [1-9][0-9]+$}}
// RTL: classes_front, seed 2
// RTL: no mismatch
// RUN: not %nm_src_root/scripts/pifo-rtl mesh %S/../PifoSystemVerilog/Inputs/shaped.json --build %nm_obj_root --front yes --work %t.rtl 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FRONT
// FRONT: the mesh has no classifier, so it has no front

// Rules of a classifier in JSON.
// RUN: %python %S/Inputs/classify.py %t.json %t.bad
// RUN: not nm-pifo mesh check %t.bad.now 2>&1 | FileCheck %s --check-prefix=NOW
// NOW: classifier, value 0: a classifier sees packet fields only, found now
// RUN: not nm-pifo mesh check %t.bad.leaf 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: classifier: expected the value that is the leaf, no rank and no stores
// RUN: not nm-pifo mesh check %t.bad.bits 2>&1 | FileCheck %s --check-prefix=BITS
// BITS: classifier: bits of the leaf is 1, expected 3 to 16
// RUN: not nm-pifo mesh check %t.bad.key 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: field 'classifier.rank': found an unknown field

pifo.scheduler @classes capacity(64) {
  pifo.field @class : i4 below 5
  pifo.field @port : i16
  pifo.node @root rank(i16, wrap) {
    pifo.scheduling {
      %now = pifo.now : i64
      pifo.yield %now : i64
    }
    pifo.node @web rank(i16, wrap) {
      pifo.predicate {
        %f = pifo.read_field @class : i4
        %k = arith.constant 0 : i4
        %is = arith.cmpi eq, %f, %k : i4
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
      pifo.node @low rank(i16, wrap) {
        pifo.predicate {
          %f = pifo.read_field @port : i16
          %k = arith.constant 1024 : i16
          %is = arith.cmpi ult, %f, %k : i16
          pifo.yield %is : i1
        }
        pifo.scheduling {
          %now = pifo.now : i64
          pifo.yield %now : i64
        }
      }
      pifo.node @mid rank(i16, wrap) {
        pifo.predicate {
          %k0 = arith.constant 1024 : i16
          %k1 = arith.constant -16384 : i16
          %f = pifo.read_field @port : i16
          %a = arith.cmpi uge, %f, %k0 : i16
          %b = arith.cmpi ugt, %k1, %f : i16
          %is = arith.andi %a, %b : i1
          pifo.yield %is : i1
        }
        pifo.scheduling {
          %now = pifo.now : i64
          pifo.yield %now : i64
        }
      }
      pifo.node @high rank(i16, wrap) {
        pifo.predicate {
          %f = pifo.read_field @port : i16
          %k = arith.constant -16384 : i16
          %is = arith.cmpi uge, %f, %k : i16
          pifo.yield %is : i1
        }
        pifo.scheduling {
          %now = pifo.now : i64
          pifo.yield %now : i64
        }
      }
    }
    pifo.node @bulk rank(i16, wrap) {
      pifo.predicate {
        %f = pifo.read_field @class : i4
        %k1 = arith.constant 1 : i4
        %k3 = arith.constant 3 : i4
        %a = arith.cmpi eq, %f, %k1 : i4
        %b = arith.cmpi eq, %f, %k3 : i4
        %is = arith.ori %a, %b : i1
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
    pifo.node @rest rank(i16, wrap) {
      pifo.predicate {
        %f = pifo.read_field @class : i8
        %k0 = arith.constant 0 : i8
        %k2 = arith.constant 2 : i8
        %a = arith.cmpi eq, %f, %k2 : i8
        %c = arith.constant 3 : i8
        %b = arith.cmpi ult, %c, %f : i8
        %n = arith.cmpi ne, %f, %k0 : i8
        %d = arith.xori %a, %b : i1
        %is = arith.andi %d, %n : i1
        pifo.yield %is : i1
      }
      pifo.scheduling {
        %now = pifo.now : i64
        pifo.yield %now : i64
      }
    }
  }
}
