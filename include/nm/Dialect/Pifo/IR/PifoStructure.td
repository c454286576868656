//===- PifoStructure.td - Schedulers, fields, state, nodes -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_IR_PIFOSTRUCTURE_TD
#define NM_DIALECT_PIFO_IR_PIFOSTRUCTURE_TD

include "nm/Dialect/Pifo/IR/PifoBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"

def Pifo_SchedulerOp : Pifo_Op<"scheduler", [
    Symbol, SymbolTable, IsolatedFromAbove, NoTerminator, SingleBlock,
    NoRegionArguments]> {
  let summary = "a packet scheduler";
  let description = [{
    Holds the fields of a packet, constant tables that several nodes share, and
    the root of the tree. `capacity` is the largest number of packets it holds
    at a time. One more is refused; with `push_out`, it goes in, and the worst that
    the root knows of goes out: the walk that takes the largest rank at each
    node, of equal ranks the one that came last, down to a packet. If that is the new packet,
    or no packet has come to the root, the new one is refused.
    Compiled, a scheduler may be created with another capacity; `at_most` is the largest for which its ranks
    are known to be in order (2^24 if nothing is said), and creating it with
    more fails.

    ```mlir
    pifo.scheduler @strict capacity(1024) {
      pifo.field @priority : i3
      pifo.node @root rank(i3, saturate) {
        pifo.scheduling {
          %p = pifo.read_field @priority : i3
          pifo.yield %p : i3
        }
      }
    }
    ```

    * `pifo_scheduler_c1`: the capacity is at least 1 and at most 2^24.
    * `pifo_scheduler_c2`: the body holds fields, tables and exactly one node,
      the root.
    * `pifo_scheduler_c3`: the tree has at most 64 levels and 4096 nodes.
    * `pifo_scheduler_c4`: `at_most` is at least the capacity and at most 2^24.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$capacity,
                       OptionalAttr<I64Attr>:$at_most, UnitAttr:$push_out);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `capacity` `(` $capacity (`at_most` $at_most^)? `)` (`push_out` $push_out^)?
    attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The largest capacity of one that is created.
    int64_t getLargestCapacity() { return getAtMost().value_or(int64_t(1) << 24); }
    /// The root of the tree.
    NodeOp getRoot();
    /// The field of that name, or null.
    FieldOp getField(StringRef name);
    /// The variable tables and the states that the caller writes, node by node in
    /// the order of the text.
    SmallVector<Operation *> getParameters();
    /// Whether something inside may leave later, though nothing comes to the root.
    bool decidesLate();
    /// Whether a leaf serves flows in the order of their packets' arrival.
    bool keepsFlowsInOrder();
    /// Whether it drops packets, by being full or by a rule.
    bool dropsPackets();
    /// All fields, in the order of their declaration.
    SmallVector<FieldOp, 4> getFields();
  }];
}

def Pifo_FieldOp : Pifo_Op<"field", [Symbol, HasParent<"::mlir::pifo::SchedulerOp">]> {
  let summary = "a field of a packet";
  let description = [{
    An unsigned integer of 1 to 64 bits that every packet carries. With
    `below N`, only 0 to N - 1 exist: a packet with another value is refused as
    unknown. State and tables keyed by the field have one entry for each value.
    A `writable` field may be changed when the packet leaves
    (`pifo.write_field`).

    Tools give a meaning to these names: `length` (bytes), `arrival`
    (time), `flow`, `class`.

    * `pifo_field_c1`: the type is a signless integer of 1 to 64 bits.
    * `pifo_field_c2`: the bound is at least 1 and at most 2^width.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type,
                       OptionalAttr<I64Attr>:$below, UnitAttr:$writable);
  let assemblyFormat = [{
    (`writable` $writable^)? $sym_name `:` $type (`below` $below^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getWidth() { return ::llvm::cast<IntegerType>(getType()).getWidth(); }
    /// The largest value.
    uint64_t getMaxValue();
  }];
}

def Pifo_TableOp : Pifo_Op<"table", [Symbol,
    ParentOneOf<["::mlir::pifo::SchedulerOp", "::mlir::pifo::NodeOp"]>]> {
  let summary = "constants, one for each value of a field or each child";
  let description = [{
    ```mlir
    pifo.table @weight by @flow = dense<[1, 9]> : tensor<2xi32>
    pifo.table @share by child = dense<[1, 9]> : tensor<2xi32>
    ```

    A table of a scheduler serves all nodes; a table of a node that node only. The caller may change the values of a
    `variable` one while the scheduler runs: they are those with which it begins.

    ```mlir
    pifo.table variable @span by child = dense<[9, 1]> : tensor<2xi64>
    ```

    * `pifo_table_c1`: the values are integers of 1 to 64 bits in one dimension.
    * `pifo_table_c2`: there is one value for each value of the key.
    * `pifo_table_c3`: only a table of an inner node is keyed by `child`.
    * `pifo_table_c4`: a variable table stands in a node, and its values have 64 bits.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<FlatSymbolRefAttr>:$key,
                       ElementsAttr:$values, UnitAttr:$variable);
  let assemblyFormat = [{
    (`variable` $variable^)? $sym_name `by` custom<Key>($key) `=` $values attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Keyed by the child through which an element came.
    bool isByChild() { return !getKeyAttr(); }
    IntegerType getElementType();
  }];
}

def Pifo_StateOp : Pifo_Op<"state", [Symbol, HasParent<"::mlir::pifo::NodeOp">]> {
  let summary = "a state variable of a node";
  let description = [{
    A scalar, or one variable for each value of a field or each child. Only the
    transactions of its node see it.

    ```mlir
    pifo.state @virtual written_by(dequeue) = 0 : i64
    pifo.state @finish by @flow written_by(enqueue) = 0 : i64
    pifo.state @served by child written_by(any) = 0 : i32
    pifo.state @most written_by(caller) = 64 : i64
    ```

    What is `written_by(caller)` is a parameter: no transaction writes it, but the caller may while the scheduler runs.

    * `pifo_state_c1`: the initial value is a signless integer of 1 to 64 bits.
    * `pifo_state_c3`: what the caller writes has 64 bits and no key.
    * `pifo_state_c2`: a key is a field with at most 2^24 values, or `child` in an
      inner node.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<FlatSymbolRefAttr>:$key,
                       UnitAttr:$by_child, Pifo_WriterAttr:$writer,
                       TypedAttrInterface:$init);
  let assemblyFormat = [{
    $sym_name (`by` custom<StateKey>($key, $by_child)^)?
    `written_by` `(` custom<Writer>($writer) `)` `=` $init attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    IntegerType getType() { return ::llvm::cast<IntegerType>(getInit().getType()); }
    bool isKeyed() { return getKeyAttr() || getByChild(); }
  }];
}

def Pifo_BacklogOp : Pifo_Op<"backlog", [Symbol, HasParent<"::mlir::pifo::NodeOp">]> {
  let summary = "how much is inside, below a node";
  let description = [{
    Counts the packets that went through the node on their way in and are still inside, or
    their bytes (the field `length`): all of them, or those with each value of a field. It is kept
    by the scheduler. Packets that rest for a shaping transaction are inside. `pifo.inside` reads it.

    ```mlir
    pifo.backlog @queue packets by @flow
    pifo.backlog @all bytes
    ```

    * `pifo_backlog_c1`: the key is a field with at most 2^24 values that is not writable.
    * `pifo_backlog_c2`: bytes need a field `length` of at most 32 bits that is not writable.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, UnitAttr:$bytes,
                       OptionalAttr<FlatSymbolRefAttr>:$key);
  let assemblyFormat = [{
    $sym_name (`bytes` $bytes^) : (`packets`)? (`by` $key^)? attr-dict
  }];
}

def Pifo_NodeOp : Pifo_Op<"node", [
    Symbol, SymbolTable, NoTerminator, SingleBlock, NoRegionArguments,
    ParentOneOf<["::mlir::pifo::SchedulerOp", "::mlir::pifo::NodeOp"]>]> {
  let summary = "a PIFO of the tree with its transactions";
  let description = [{
    A node without nodes inside is a leaf and holds packets; any other holds
    references to the nodes inside it, its children, numbered from 0 in order.

    A rank has N bits. What the scheduling transaction yields, a signed integer
    of any width, becomes a rank by a rule:

    * `saturate`: below 0 is 0, above 2^N - 1 is 2^N - 1 (a value of N or fewer bits is taken as it is); ranks compare as
      unsigned numbers.
    * `wrap`: the low N bits; ranks compare as serial numbers, that is, by their distance
      from an origin that moves with the queue. The *base* is the rank pushed onto the
      empty queue, later any rank popped that lies ahead of it; the origin is the
      base minus 2^(N-1) (what is pushed out does not move it), rounded down to a multiple of 2^(N-6). Ranks up to
      2^(N-1) behind and 2^(N-1) - 2^(N-6) ahead of the base compare as their numbers do.
    * `window`: as `wrap`, but a value farther off is refused (the packet is not taken, and no state
      has changed).

    Under `wrap` and `window`, `pifo.rank` gives the popped rank with the upper
    bits that its distance from the base says, so that virtual times may be wider than ranks.

    With the rule `late`, a node orders nothing when packets come. It counts how many elements of each child it knows, and at each
    dequeue `pifo.select` says of every child that has something to send whether it may, and with which rank; the least one does, of
    equal ranks the first child. The ranks are not kept: a child that may not send now, or that is overtaken, is asked again at
    the next dequeue. That is eligibility at dequeue (PIEO, Shrivastav, SIGCOMM 2019) with a program as predicate; it takes time for each child
    that has packets. What is pushed out comes from the child with the most elements, of equals the last.

    A `transit` node has no transactions: it stands between a node and some of that node's
    children, and what it holds was pushed with the rank that the node gave it ("Formal Abstractions for
    Packet Scheduling", OOPSLA 2023). Both pop the same element, so that departures are those of the tree
    without it. Children are numbered as if it were not there.

    ```mlir
    pifo.node @fair_via0 rank(i18, wrap) transit {
      pifo.predicate { ... }
      pifo.node @a rank(i18, wrap) { ... }
      pifo.node @b rank(i18, wrap) { ... }
    }
    ```

    * `pifo_node_c1`: the rank is a signless integer of 1 to 63 bits; of 6 or more for
      `wrap` and `window`; of 64 for `late`.
    * `pifo_node_c2`: there is exactly one scheduling transaction, and at most one of
      each other kind; `pifo.evict` only where the scheduler has `push_out`, `pifo.deliver` only in leaves.
    * `pifo_node_c3`: every node but the root has a predicate; the root has neither predicate nor
      shaping.
    * `pifo_node_c4`: of the predicates of the children of a node, exactly one holds for each packet
      that the predicates of the node and its ancestors let through.
    * `pifo_node_c5`: no ancestor of a node with shaping has the rule `window`: nobody
      could be told of the refusal.
    * `pifo_node_c7`: a node with the rule `late` has children, none of them transit nodes, exactly one `pifo.select`, and neither scheduling nor
      shaping; all nodes above it have that rule too. `pifo.select` and `pifo.wake` stand in such nodes only.
    * `pifo_node_c8`: `pifo.eligible` stands in a leaf with the rule `saturate` that is the root, or in which all nodes above decide late.
    * `pifo_node_c6`: a transit node is not the root, holds a predicate and nodes only, at least one
      of these, and has the rank and the rule of the node that it is in.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$rank, Pifo_RankRuleAttr:$rule,
                       UnitAttr:$transit);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `rank` `(` $rank `,` custom<Rule>($rule) `)` (`transit` $transit^)? attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The node that it is in, or null for the root.
    NodeOp getParentNode();
    /// The nodes in it.
    SmallVector<NodeOp, 4> getInside();
    /// The same, with those in a transit node in its place: what `pifo.child`
    /// numbers.
    SmallVector<NodeOp, 4> getChildren();
    bool isLeaf();
    unsigned getRankWidth() { return ::llvm::cast<IntegerType>(getRank()).getWidth(); }
    /// The transactions; null where there is none.
    PredicateOp getPredicate();
    SchedulingOp getScheduling();
    ShapingOp getShaping();
    DequeueOp getDequeue();
    AdmitOp getAdmit();
    DeliverOp getDeliver();
    EvictOp getEvict();
    SelectOp getSelect();
    EligibleOp getEligible();
    WakeOp getWake();
    InOrderOp getInOrder();
    /// Whether it orders its children when something leaves.
    bool isLate() { return getRule() == RankRule::Late; }
    /// The backlog of that name of the node or the nearest node above it, or null.
    BacklogOp getBacklog(StringRef name);
    /// The node's state of that name, or null.
    StateOp getState(StringRef name);
    /// The table of that name, of the node or the scheduler, or null.
    TableOp getTable(StringRef name);
    SchedulerOp getScheduler();
  }];
}

#endif // NM_DIALECT_PIFO_IR_PIFOSTRUCTURE_TD
