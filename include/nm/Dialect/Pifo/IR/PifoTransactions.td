//===- PifoTransactions.td - Transactions and what they hold -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_IR_PIFOTRANSACTIONS_TD
#define NM_DIALECT_PIFO_IR_PIFOTRANSACTIONS_TD

include "nm/Dialect/Pifo/IR/PifoBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Pifo_Int : Type<CPred<"$_self.isSignlessInteger()">, "signless integer", "::mlir::IntegerType">;

class Pifo_TransactionOp<string mnemonic> : Pifo_Op<mnemonic, [
    HasParent<"::mlir::pifo::NodeOp">, IsolatedFromAbove, SingleBlock,
    NoRegionArguments, SingleBlockImplicitTerminator<"YieldOp">]> {
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
}

def Pifo_PredicateOp : Pifo_TransactionOp<"predicate"> {
  let summary = "whether a packet goes through a node";
  let description = [{
    Yields an i1 from packet fields alone: a field compared with a constant (`eq`,
    `ne`, unsigned order), and any combination of such with and, or, xor. With
    that, it is decided exactly whether the predicates of siblings are disjoint
    and total (`pifo_node_c4`).

    * `pifo_predicate_c1`: the region has that form.
    * `pifo_predicate_c2`: the region yields one i1.
  }];
}

def Pifo_SchedulingOp : Pifo_TransactionOp<"scheduling"> {
  let summary = "the rank of an element about to be pushed";
  let description = [{
    Runs once for each push and yields the rank: a signed integer, which the
    rule of the node turns into a rank. At an inner node the fields are
    those of the packet whose way up brought the reference, and `pifo.child` is the
    child it came from.

    All transactions: only operations of arith on integers of at most 64 bits, without poison (division by zero gives all
    ones, or the largest signed value for `divsi`; a remainder by zero the dividend;
    a shift by the width or more what shifting bit by bit gives), `scf.if`, and the operations
    of this dialect. Overflow wraps; overflow flags are ignored.

    * `pifo_transaction_c1`: no operation but these is inside.
    * `pifo_transaction_c2`: the region yields what its kind asks for.
    * `pifo_transaction_c3`: what it names exists: fields and tables of the scheduler, tables
      and state of its own node; and types agree.
    * `pifo_transaction_c4`: it stores only to state that its side may write: `pifo.admit` and
      `pifo.deliver` to that of `any`, `pifo.evict` and `pifo.wake` to that of `enqueue` and `any`, `pifo.select` to none.
    * `pifo_transaction_c5`: `pifo.rank` stands in `pifo.dequeue` and, but for late nodes, `pifo.evict`; `pifo.offer` in `pifo.select`; `pifo.waiting` in
      the transactions of late nodes; `pifo.write_field`, for writable fields,
      in `pifo.admit`, `pifo.deliver` and the `pifo.dequeue` of leaves; `pifo.child` stands in inner nodes;
      `pifo.inside` and `pifo.room` stand in `pifo.admit` and `pifo.deliver`.
  }];
}

def Pifo_ShapingOp : Pifo_TransactionOp<"shaping"> {
  let summary = "the time at which a push becomes known to the parent";
  let description = [{
    Runs after the element was pushed into the node, and yields the time of release, a
    signed integer of at most 64 bits. The parent sees the element from then on. References that are due are
    released in the order of their times, equal times in the order in which
    they were suspended. When the parent's transactions run, `pifo.now` is the
    time of the call that released the reference.
  }];
}

def Pifo_DequeueOp : Pifo_TransactionOp<"dequeue"> {
  let summary = "what a node does when an element has been popped";
  let description = [{
    Runs once for each pop of the node, from root to leaf, after the packet has been found.
    `pifo.rank` is the rank of the popped element. The fields are those of
    the packet that leaves.
  }];
}

def Pifo_AdmitOp : Pifo_TransactionOp<"admit"> {
  let summary = "whether a node takes a packet";
  let description = [{
    Runs when a packet arrives, before any scheduling transaction, at every node from the leaf to the
    root that has one, until one yields false (an i1): then the packet is dropped.
    What was stored stays, whether or not the packet is taken in the end, so that an average of what arrived
    may be kept. A limit of 100 packets for each flow:

    ```mlir
    pifo.backlog @queue packets by @flow
    pifo.admit {
      %inside = pifo.inside @queue : i64
      %most = arith.constant 100 : i64
      %fits = arith.cmpi ult, %inside, %most : i64
      pifo.yield %fits : i1
    }
    ```
  }];
}

def Pifo_DeliverOp : Pifo_TransactionOp<"deliver"> {
  let summary = "whether a packet that leaves a leaf is sent";
  let description = [{
    Runs when a packet has been popped from the leaf, before all `pifo.dequeue` of its path. If it yields false (an i1), the
    packet is dropped: it leaves the tree like one that is sent, and the dequeue goes on with the next one.
    The packet itself is still in the backlogs that `pifo.inside` reads. Fields that are written here are those that
    everything after it sees: the marks of a queue management that acts at the head of the queue.
  }];
}

def Pifo_EvictOp : Pifo_TransactionOp<"evict"> {
  let summary = "what a node does when an element was pushed out";
  let description = [{
    Runs once for each element that leaves the node because its packet was pushed out, in place of
    `pifo.dequeue`. `pifo.rank` is the rank of the element, the largest of the node; the fields are those of the packet
    that is dropped. State that counts what was pushed is set back here: in start-time fair queueing
    the flow's next packet starts where the one that was pushed out started.

    ```mlir
    pifo.evict {
      %start = pifo.rank : i64
      pifo.store %start, @finish : i64
    }
    ```
  }];
}

def Pifo_SelectOp : Pifo_TransactionOp<"select"> {
  let summary = "whether a child may send, and with which rank";
  let description = [{
    Runs at each dequeue, in nodes with the rule `late`, for every child that has something to send: `pifo.child`, whose next packet is the
    one whose fields are read. Yields

    * i1: whether the child may send now;
    * i64, i64: the rank, and what decides between equal ranks. Both are signed; the least goes first, then the first child;
    * i64: a time after which the answer may be another one, if only time passes: at it the node is asked again. 2^63 - 1 is never.

    It changes nothing. A child that may not send now is not asked: it has told when to ask again. `pifo.offer` is what the
    child itself offers: the rank of its first element, or, if it decides late too, what its own `pifo.select` has yielded for the one
    that goes first.

    ```mlir
    pifo.select {
      %now = pifo.now : i64
      %free = pifo.load @free : i64
      %may = arith.cmpi sle, %free, %now : i64
      %rank, %tie = pifo.offer : i64
      pifo.yield %may, %rank, %tie, %free : i1, i64, i64, i64
    }
    ```
  }];
}

def Pifo_WakeOp : Pifo_TransactionOp<"wake"> {
  let summary = "what a late node does when a child that had nothing gets an element";
  let description = [{
    Runs at the push of the element, in nodes with the rule `late`. The fields are those of the packet whose way up brought it.
  }];
}

def Pifo_EligibleOp : Pifo_TransactionOp<"eligible"> {
  let summary = "the time before which an element does not leave";
  let description = [{
    Runs after the scheduling transaction of a leaf and yields a time, a signed integer of at most 64 bits. Of the elements whose time
    has come, the one with the smallest rank leaves; equal ranks in the order in which they became eligible, equal times in the order of
    their arrival. That is the ordered list of PIEO (Shrivastav, SIGCOMM 2019) with times as predicates. What is pushed
    out is the element that would wait longest, or, if none waits, the one with the largest rank.

    ```mlir
    pifo.eligible {
      %time = pifo.read_field @departure : i64
      pifo.yield %time : i64
    }
    ```
  }];
}

def Pifo_InOrderOp : Pifo_Op<"in_order", [HasParent<"::mlir::pifo::NodeOp">]> {
  let summary = "the packets of a flow leave in the order of their arrival";
  let description = [{
    In a leaf: the packet with the smallest rank, of equal ones the first to come, says which flow is served, and of that flow the packet that came
    first leaves. `pifo.rank` is the rank of the packet that decided. That is the dequeue of pFabric (Alizadeh et al., SIGCOMM 2013) where
    the rank is what remains of a flow. What is pushed out is the packet with the largest rank, of equal ones the last. A flow is a value of the field.

    ```mlir
    pifo.in_order by @flow
    ```

    * `pifo_in_order_c1`: it stands in a leaf with the rule `saturate` and without `pifo.eligible`, once.
    * `pifo_in_order_c2`: the key is a field that is not writable.
  }];
  let arguments = (ins FlatSymbolRefAttr:$key);
  let assemblyFormat = "`by` $key attr-dict";
}

def Pifo_OfferOp : Pifo_Op<"offer", [Pure]> {
  let summary = "the rank that a child offers, and what decides between equal ones";
  let description = "Of a child with another rule than `late`: the rank of its first element, and 0.";
  let results = (outs I64:$rank, I64:$tie);
  let assemblyFormat = "attr-dict `:` type($rank)";
}

def Pifo_WaitingOp : Pifo_Op<"waiting", [MemoryEffects<[MemRead]>]> {
  let summary = "how many elements of the child a late node knows";
  let description = "In `pifo.dequeue` and `pifo.evict` without the one that left.";
  let results = (outs I64:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Pifo_ReadFieldOp : Pifo_Op<"read_field", [Pure]> {
  let summary = "a field of the packet, extended with zeros";
  let description = [{
    The result is at least as wide as the field. In `pifo.dequeue`, the value
    is the one before all `pifo.write_field` of the same packet.
  }];
  let arguments = (ins FlatSymbolRefAttr:$field);
  let results = (outs Pifo_Int:$result);
  let assemblyFormat = "$field attr-dict `:` type($result)";
}

def Pifo_WriteFieldOp : Pifo_Op<"write_field"> {
  let summary = "change a field of the packet";
  let description = [{
    The value has the type of the field. What `pifo.admit` and `pifo.deliver` write, everything after them reads (a mark
    on a packet that comes or leaves); what `pifo.dequeue` writes, only whoever gets the packet.
  }];
  let arguments = (ins Pifo_Int:$value, FlatSymbolRefAttr:$field);
  let assemblyFormat = "$value `,` $field attr-dict `:` type($value)";
}

def Pifo_NowOp : Pifo_Op<"now", [Pure]> {
  let summary = "the time of the call, in ticks";
  let description = "Never less than in an earlier call; the unit is the user's.";
  let results = (outs I64:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Pifo_RankOp : Pifo_Op<"rank", [Pure]> {
  let summary = "the rank of the popped element";
  let description = "The result is at least as wide as the rank, and at most 64 bits.";
  let results = (outs Pifo_Int:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Pifo_ChildOp : Pifo_Op<"child", [Pure]> {
  let summary = "the number of the child that an element refers to";
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Pifo_InsideOp : Pifo_Op<"inside", [MemoryEffects<[MemRead]>]> {
  let summary = "a backlog, without a packet that arrives, with one that leaves";
  let description = [{
    Of the node, or of the nearest node above it that has one of that name; for the packet's value of the
    key, if there is one. Packets or bytes.
  }];
  let arguments = (ins FlatSymbolRefAttr:$backlog);
  let results = (outs I64:$result);
  let assemblyFormat = "$backlog attr-dict `:` type($result)";
}

def Pifo_RoomOp : Pifo_Op<"room", [MemoryEffects<[MemRead]>]> {
  let summary = "how many packets more the scheduler holds: its capacity without those inside";
  let results = (outs I64:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Pifo_LookupOp : Pifo_Op<"lookup", [Pure]> {
  let summary = "the table's value for the packet or the child";
  let arguments = (ins FlatSymbolRefAttr:$table);
  let results = (outs Pifo_Int:$result);
  let assemblyFormat = "$table attr-dict `:` type($result)";
}

def Pifo_LoadOp : Pifo_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "a state variable, for the packet or the child if it is keyed";
  let arguments = (ins FlatSymbolRefAttr:$state);
  let results = (outs Pifo_Int:$result);
  let assemblyFormat = "$state attr-dict `:` type($result)";
}

def Pifo_StoreOp : Pifo_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "write a state variable, for the packet or the child if it is keyed";
  let arguments = (ins Pifo_Int:$value, FlatSymbolRefAttr:$state);
  let assemblyFormat = "$value `,` $state attr-dict `:` type($value)";
}

def Pifo_YieldOp : Pifo_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["::mlir::pifo::PredicateOp", "::mlir::pifo::SchedulingOp",
                 "::mlir::pifo::ShapingOp", "::mlir::pifo::DequeueOp",
                 "::mlir::pifo::AdmitOp", "::mlir::pifo::DeliverOp",
                 "::mlir::pifo::EvictOp", "::mlir::pifo::SelectOp",
                 "::mlir::pifo::WakeOp", "::mlir::pifo::EligibleOp"]>]> {
  let summary = "the result of a transaction";
  let arguments = (ins Variadic<Pifo_Int>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  /// Yields nothing.
  let builders = [OpBuilder<(ins)>, OpBuilder<(ins "Value":$value), [{
    $_state.addOperands(value);
  }]>];
  let extraClassDeclaration = [{
    /// The only value, or null if there is none.
    Value getValue() { return getValues().empty() ? Value() : getValues().front(); }
  }];
}

#endif // NM_DIALECT_PIFO_IR_PIFOTRANSACTIONS_TD
