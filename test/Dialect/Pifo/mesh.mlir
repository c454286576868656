// RUN: nm-opt %s | nm-opt | FileCheck %s
// RUN: nm-opt %s -mlir-print-op-generic | nm-opt | FileCheck %s
// RUN: nm-opt %s -emit-bytecode | nm-opt | FileCheck %s

// Every operation of a mesh. Names are told apart by kind: a field, a leaf, a
// block, a state, a program and a logical PIFO may be called the same.

// CHECK-LABEL: pifo.mesh @all now(i40) attributes {made.by = "hand"} {
// CHECK-NEXT:    pifo.mesh.field @same : i3
// CHECK-NEXT:    pifo.mesh.field @packet : i64
// CHECK-NEXT:    pifo.mesh.leaf @same
// CHECK-NEXT:    pifo.mesh.leaf @late
// CHECK-NEXT:    pifo.mesh.classifier {
// CHECK:           pifo.mesh.yield leaf %{{.*}} : i2
// CHECK:         pifo.mesh.block @same depth(0) elements(64) flows(16) pifos(4) rank(i20, serial_per_pifo) carry [] {
// CHECK-NEXT:      pifo.mesh.state @same[8] = -1 : i64
// CHECK-NEXT:      pifo.mesh.state @bit[1] = true
// CHECK-NEXT:      pifo.mesh.program @same {
// CHECK-NEXT:        %[[F:.*]] = pifo.mesh.read @same : i3
// CHECK-NEXT:        %[[L:.*]] = pifo.mesh.load @same[%[[F]] : i3] : i64
// CHECK-NEXT:        %[[LEAF:.*]] = pifo.mesh.leaf_number : i1
// CHECK-NEXT:        %[[NUMBER:.*]] = pifo.mesh.pifo_number : i1
// CHECK-NEXT:        %[[T:.*]] = pifo.mesh.lookup %[[LEAF]], [5, -1] : i1 -> i64
// CHECK:             pifo.mesh.store %{{.*}}, @same[%[[F]] : i3] : i64
// CHECK-NEXT:        pifo.mesh.yield rank %{{.*}} : i20 flow %[[F]] : i3
// CHECK:           pifo.mesh.program @popped {
// CHECK-NEXT:        pifo.mesh.rank : i20
// CHECK:             pifo.mesh.store %{{.*}}, @bit : i1
// CHECK-NEXT:        pifo.mesh.yield
// CHECK:           pifo.mesh.pifo @same enqueue(@same) dequeue(@popped) {
// CHECK-NEXT:        pifo.mesh.next flows(0, 8) transmit
// CHECK-NEXT:        pifo.mesh.next flows(8, 8) dequeue @leaves::@late
// CHECK:           pifo.mesh.route @same to @same flows(0, 3)
// CHECK:         pifo.mesh.block @leaves depth(1)
// CHECK:           pifo.mesh.program @stamp {
// CHECK:             pifo.mesh.write %{{.*}}, @same : i3
// CHECK:           pifo.mesh.pifo @late enqueue(@arrival) dequeue(@stamp) {
// CHECK:           pifo.mesh.route @late to @late flows(0, 0) suspends
// CHECK:         pifo.mesh.block shaping @shaper depth(1) elements(64) flows(2) pifos(4) rank(i40, serial) carry [@same, @packet]
// CHECK:             pifo.mesh.next flows(0, 1) resume @late
// CHECK:         pifo.mesh.root @same::@same
pifo.mesh @all now(i40) attributes {made.by = "hand"} {
  pifo.mesh.field @same : i3
  pifo.mesh.field @packet : i64
  pifo.mesh.leaf @same
  pifo.mesh.leaf @late
  pifo.mesh.classifier {
    %f = pifo.mesh.read @same : i3
    %leaf = arith.trunci %f : i3 to i2
    pifo.mesh.yield leaf %leaf : i2
  }
  pifo.mesh.block @same depth(0) elements(64) flows(16) pifos(4) rank(i20, serial_per_pifo) carry [] {
    pifo.mesh.state @same[8] = -1 : i64
    pifo.mesh.state @bit[1] = true
    pifo.mesh.program @same {
      %f = pifo.mesh.read @same : i3
      %l = pifo.mesh.load @same[%f : i3] : i64
      %leaf = pifo.mesh.leaf_number : i1
      %number = pifo.mesh.pifo_number : i1
      %t = pifo.mesh.lookup %leaf, [5, -1] : i1 -> i64
      %c = arith.constant 3 : i64
      %a = arith.addi %l, %t : i64
      %b = arith.subi %a, %c : i64
      %m = arith.muli %b, %c : i64
      %n = arith.andi %m, %a : i64
      %o = arith.ori %n, %b : i64
      %x = arith.xori %o, %c : i64
      %sl = arith.shli %x, %c : i64
      %sr = arith.shrui %sl, %c : i64
      %sa = arith.shrsi %sr, %c : i64
      %g = arith.cmpi ugt, %sa, %l : i64
      %h = arith.select %g, %sa, %l : i64
      %r = arith.trunci %h : i64 to i20
      %e = arith.extsi %r : i20 to i64
      %u = arith.extui %f : i3 to i64
      %s = arith.addi %e, %u : i64
      pifo.mesh.store %s, @same[%f : i3] : i64
      pifo.mesh.yield rank %r : i20 flow %f : i3
    }
    pifo.mesh.program @popped {
      %r = pifo.mesh.rank : i20
      %b = arith.trunci %r : i20 to i1
      pifo.mesh.store %b, @bit : i1
      pifo.mesh.yield
    }
    pifo.mesh.pifo @same enqueue(@same) dequeue(@popped) {
      pifo.mesh.next flows(0, 8) transmit
      pifo.mesh.next flows(8, 8) dequeue @leaves::@late
    }
    pifo.mesh.route @same to @same flows(0, 3)
    pifo.mesh.route @late to @same flows(8, 3)
  }
  pifo.mesh.block @leaves depth(1) elements(64) flows(2) pifos(4) rank(i20, plain) carry [@packet] {
    pifo.mesh.program @arrival {
      %now = pifo.mesh.now : i40
      %r = arith.trunci %now : i40 to i20
      pifo.mesh.yield rank %r : i20
    }
    pifo.mesh.program @stamp {
      %now = pifo.mesh.now : i40
      %place = pifo.mesh.read @packet : i64
      %mark = arith.trunci %now : i40 to i3
      pifo.mesh.write %mark, @same : i3
      pifo.mesh.yield
    }
    pifo.mesh.pifo @late enqueue(@arrival) dequeue(@stamp) {
      pifo.mesh.next flows(0, 1) transmit
    }
    pifo.mesh.route @late to @late flows(0, 0) suspends
  }
  pifo.mesh.block shaping @shaper depth(1) elements(64) flows(2) pifos(4) rank(i40, serial) carry [@same, @packet] {
    pifo.mesh.program @time {
      %now = pifo.mesh.now : i40
      pifo.mesh.yield rank %now : i40
    }
    pifo.mesh.pifo @later enqueue(@time) {
      pifo.mesh.next flows(0, 1) resume @late
    }
    pifo.mesh.route @late to @later flows(0, 0)
  }
  pifo.mesh.root @same::@same
}
