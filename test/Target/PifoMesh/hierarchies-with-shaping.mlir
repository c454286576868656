// "Hierarchies with Shaping" (figure 5 of the paper): the level below the root
// is one block; the token bucket, a second enqueue of the same packet, another.

// RUN: nm-translate --pifo-to-mesh-json %s -o %t.json
// RUN: nm-pifo mesh check %t.json | FileCheck %s
// CHECK:      mesh 'hierarchies_with_shaping'
// CHECK-NEXT:   block 'level0', depth 0: {Root}, 2 programs
// CHECK:        block 'level1', depth 1: {Left, Right}, 2 programs
// CHECK-NEXT:     Left_enqueue: rw(Left_virtual) if_else_raw(Left_finish)
// CHECK:        block 'shaper1', depth 1, shaping: {tbf_Right}, 1 programs
// CHECK-NEXT:     tbf_Right_enqueue: sub(tbf_Right_tokens) rw(tbf_Right_last)

// The model and the SystemVerilog of the whole, atoms included, are equal.
// RUN: %nm_src_root/scripts/pifo-rtl mesh %t.json --build %nm_obj_root --cycles 100000 --seeds 2 --work %t.rtl \
// RUN:   | FileCheck %s --check-prefix=RTL
// RTL-COUNT-2: 100000 cycles, no mismatch

// The translation prints what the tool prints of the configuration.
// RUN: nm-translate --pifo-to-systemverilog %s -o %t.sv
// RUN: nm-pifo mesh verilog %t.json | diff %t.sv -

module attributes {pifo.mesh_limits = {rank_bits = 24 : i64, metadata_bits = 48 : i64}} {
pifo.scheduler @hierarchies_with_shaping capacity(256) {
  pifo.field @length : i11
  pifo.field @class : i1
  pifo.field @flow : i2
  pifo.table @weight by @flow = dense<[3, 7, 4, 6]> : tensor<4xi64>
  pifo.node @Root rank(i24, wrap) {
    pifo.table @share by child = dense<[1, 9]> : tensor<2xi64>
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.state @finish by child written_by(enqueue) = 0 : i64
    pifo.scheduling {
      %v = pifo.load @virtual : i64
      %f = pifo.load @finish : i64
      %start = arith.maxsi %v, %f : i64
      %length = pifo.read_field @length : i64
      %weight = pifo.lookup @share : i64
      %span = arith.divui %length, %weight : i64
      %end = arith.addi %start, %span : i64
      pifo.store %end, @finish : i64
      pifo.yield %start : i64
    }
    pifo.dequeue {
      %start = pifo.rank : i64
      pifo.store %start, @virtual : i64
    }
    pifo.node @Left rank(i24, wrap) {
      pifo.predicate {
        %class = pifo.read_field @class : i1
        %zero = arith.constant 0 : i1
        %is = arith.cmpi eq, %class, %zero : i1
        pifo.yield %is : i1
      }
      pifo.state @virtual written_by(dequeue) = 0 : i64
      pifo.state @finish by @flow written_by(enqueue) = 0 : i64
      pifo.scheduling {
        %v = pifo.load @virtual : i64
        %f = pifo.load @finish : i64
        %start = arith.maxsi %v, %f : i64
        %length = pifo.read_field @length : i64
        %weight = pifo.lookup @weight : i64
        %span = arith.divui %length, %weight : i64
        %end = arith.addi %start, %span : i64
        pifo.store %end, @finish : i64
        pifo.yield %start : i64
      }
      pifo.dequeue {
        %start = pifo.rank : i64
        pifo.store %start, @virtual : i64
      }
    }
    pifo.node @Right rank(i24, wrap) {
      pifo.predicate {
        %class = pifo.read_field @class : i1
        %zero = arith.constant 0 : i1
        %is = arith.cmpi ne, %class, %zero : i1
        pifo.yield %is : i1
      }
      pifo.state @virtual written_by(dequeue) = 0 : i64
      pifo.state @finish by @flow written_by(enqueue) = 0 : i64
      pifo.state @tokens written_by(enqueue) = 3000 : i64
      pifo.state @last written_by(enqueue) = 0 : i64
      pifo.scheduling {
        %v = pifo.load @virtual : i64
        %f = pifo.load @finish : i64
        %start = arith.maxsi %v, %f : i64
        %length = pifo.read_field @length : i64
        %weight = pifo.lookup @weight : i64
        %span = arith.divui %length, %weight : i64
        %end = arith.addi %start, %span : i64
        pifo.store %end, @finish : i64
        pifo.yield %start : i64
      }
      pifo.shaping {
        %now = pifo.now : i64
        %last = pifo.load @last : i64
        %tokens = pifo.load @tokens : i64
        %length = pifo.read_field @length : i64
        %most = arith.constant 3000 : i64
        %zero = arith.constant 0 : i64
        %passed = arith.subi %now, %last : i64
        %more = arith.addi %tokens, %passed : i64
        %have = arith.minsi %more, %most : i64
        %left = arith.subi %have, %length : i64
        %enough = arith.cmpi sle, %length, %have : i64
        %later = arith.subi %now, %left : i64
        %send = arith.select %enough, %now, %later : i64
        pifo.store %left, @tokens : i64
        pifo.store %now, @last : i64
        pifo.yield %send : i64
      }
      pifo.dequeue {
        %start = pifo.rank : i64
        pifo.store %start, @virtual : i64
      }
    }
  }
}
}
