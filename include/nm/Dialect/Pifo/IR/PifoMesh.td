//===- PifoMesh.td - Compiled meshes of PIFO blocks -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The IR form of include/nm/Model/PifoMesh/Config.h. That structure, its reader
// and its `validate` stay the one place where the rules of a mesh are written:
// pifo.mesh turns itself into it and asks. Names of a mesh live in one space for
// each kind (a leaf and a block may share one), so what is inside is no symbol.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_IR_PIFOMESH_TD
#define NM_DIALECT_PIFO_IR_PIFOMESH_TD

include "nm/Dialect/Pifo/IR/PifoBase.td"
include "nm/Dialect/Pifo/IR/PifoTransactions.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Pifo_OrderPlain : I32EnumAttrCase<"Plain", 0, "plain">;
def Pifo_OrderSerial : I32EnumAttrCase<"Serial", 1, "serial">;
def Pifo_OrderSerialPerPifo : I32EnumAttrCase<"SerialPerPifo", 2, "serial_per_pifo">;
/// How a block sorts: unsigned ranks, serial numbers, or serial numbers of each
/// logical PIFO on its own.
def Pifo_MeshOrder : I32EnumAttr<"MeshOrder", "order of a block's ranks",
    [Pifo_OrderPlain, Pifo_OrderSerial, Pifo_OrderSerialPerPifo]> {
  let cppNamespace = "::mlir::pifo";
  let genSpecializedAttr = 0;
}
def Pifo_MeshOrderAttr : EnumAttr<Pifo_Dialect, Pifo_MeshOrder, "order">;

class Pifo_MeshPart<string mnemonic, string parent, list<Trait> traits = []>
    : Pifo_Op<"mesh." # mnemonic, !listconcat(traits,
        [HasParent<"::mlir::pifo::" # parent>])>;

def Pifo_MeshOp : Pifo_Op<"mesh", [
    Symbol, IsolatedFromAbove, NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "a configured mesh of PIFO blocks";
  let description = [{
    What `pifo-compile-mesh` makes of a scheduler: everything that is written into
    the tables of the hardware, and the programs of its atoms. It says the same
    as the JSON form (docs/pifo-mesh.md), and each can be had from the other without loss
    (`nm-translate --pifo-to-mesh-json`, `--mesh-json-to-pifo`).
    `now` is the type of the clock.

    ```mlir
    pifo.mesh @fifo now(i32) {
      pifo.mesh.field @packet : i32
      pifo.mesh.leaf @root
      pifo.mesh.block @level0 depth(0) elements(64) flows(2) pifos(256) rank(i16, serial_per_pifo) carry [@packet] {
        pifo.mesh.program @arrival {
          %now = pifo.mesh.now : i32
          %rank = arith.trunci %now : i32 to i16
          pifo.mesh.yield rank %rank : i16
        }
        pifo.mesh.pifo @root enqueue(@arrival) {
          pifo.mesh.next flows(0, 1) transmit
        }
        pifo.mesh.route @root to @root flows(0, 0)
      }
      pifo.mesh.root @level0::@root
    }
    ```

    * `pifo_mesh_c1`: what is named exists, and numbers are not negative.
    * `pifo_mesh_c2`: the mesh is well formed, by the rules that the JSON reader
      applies; messages are the same and stand at the operation concerned.
    * `pifo_mesh_c3`: operations stand where the structure has a place for them.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$now);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `now` `(` $now `)` attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def Pifo_MeshFieldOp : Pifo_MeshPart<"field", "MeshOp"> {
  let summary = "a field of a packet as it comes to the mesh";
  let description = [{
    Fields are packed in the order of their declaration, the first in the low
    bits. `packet` is the packet's place in the buffer.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
}

def Pifo_MeshLeafOp : Pifo_MeshPart<"leaf", "MeshOp"> {
  let summary = "a class of packets";
  let description = "Leaves are numbered from 0 in the order of their declaration.";
  let arguments = (ins SymbolNameAttr:$sym_name);
  let assemblyFormat = "$sym_name attr-dict";
}

def Pifo_MeshClassifierOp : Pifo_MeshPart<"classifier", "MeshOp", [
    IsolatedFromAbove, SingleBlock, NoRegionArguments]> {
  let summary = "the leaf of a packet, from its fields";
  let description = [{
    A program that reads fields and yields the number of the leaf; a number that no leaf
    has says that the packet belongs to none. Without it, the leaf comes with the packet.
  }];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
}

def Pifo_MeshRootOp : Pifo_MeshPart<"root", "MeshOp"> {
  let summary = "the logical PIFO that a port dequeues";
  let arguments = (ins SymbolRefAttr:$target);
  let assemblyFormat = "$target attr-dict";
}

def Pifo_MeshBlockOp : Pifo_MeshPart<"block", "MeshOp", [
    NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "a PIFO block";
  let description = [{
    A flow scheduler and a rank store for `elements` elements in `flows` flows
    of at most `pifos` logical PIFOs. `depth` is that of its nodes in the tree, 0 the
    root. A `shaping` block holds references until their time has come. `carry` lists the
    fields in the metadata of its elements, the first in the low bits.
  }];
  let arguments = (ins UnitAttr:$shaping, SymbolNameAttr:$sym_name, I64Attr:$depth,
                       I64Attr:$elements, I64Attr:$flows, I64Attr:$pifos,
                       TypeAttr:$rank, Pifo_MeshOrderAttr:$order,
                       FlatSymbolRefArrayAttr:$carry);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    (`shaping` $shaping^)? $sym_name `depth` `(` $depth `)` `elements` `(` $elements `)`
    `flows` `(` $flows `)` `pifos` `(` $pifos `)` `rank` `(` $rank `,` custom<MeshOrder>($order) `)`
    `carry` $carry attr-dict-with-keyword $body
  }];
}

def Pifo_MeshStateOp : Pifo_MeshPart<"state", "MeshBlockOp"> {
  let summary = "a state variable or array of a block";
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$entries, TypedAttrInterface:$init);
  let assemblyFormat = "$sym_name `[` $entries `]` `=` $init attr-dict";
}

def Pifo_MeshProgramOp : Pifo_MeshPart<"program", "MeshBlockOp", [
    IsolatedFromAbove, SingleBlock, NoRegionArguments]> {
  let summary = "a straight-line program of atoms";
  let description = [{
    Runs at enqueue, if it yields a rank, and at dequeue otherwise. Holds operations of this
    dialect and of arith: `constant`, `addi`, `subi`, `muli`, `andi`, `ori`,
    `xori`, `shli`, `shrui`, `shrsi`, `cmpi`, `select`, `extui`, `extsi`, `trunci`, on integers
    of 1 to 64 bits. A shift by the width or more shifts everything out.
    All stores happen together, after every load.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}

def Pifo_MeshPifoOp : Pifo_MeshPart<"pifo", "MeshBlockOp", [
    NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "a logical PIFO and its next-hop table";
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$enqueue,
                       OptionalAttr<FlatSymbolRefAttr>:$dequeue);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `enqueue` `(` $enqueue `)` (`dequeue` `(` $dequeue^ `)`)?
    attr-dict-with-keyword $body
  }];
}

def Pifo_MeshNextOp : Pifo_MeshPart<"next", "MeshPifoOp"> {
  let summary = "what follows a pop of a range of flows";
  let description = [{
    `flows(first, count)`. The element leaves (`transmit`), refers to another logical PIFO
    that is popped (`dequeue @block::@pifo`), or is a packet of a shaping block
    whose walk to the root goes on as that of a leaf (`resume @leaf`).
  }];
  let arguments = (ins I64Attr:$first_flow, I64Attr:$num_flows,
                       OptionalAttr<SymbolRefAttr>:$target,
                       OptionalAttr<FlatSymbolRefAttr>:$leaf);
  let assemblyFormat = [{
    `flows` `(` $first_flow `,` $num_flows `)` custom<Hop>($target, $leaf) attr-dict
  }];
}

def Pifo_MeshRouteOp : Pifo_MeshPart<"route", "MeshBlockOp"> {
  let summary = "where the packets of a leaf are enqueued in this block";
  let description = [{
    `flows(first, bits)`: the program's flow is added to the first; 2^bits
    flows belong to the route. The walk to the root `suspends` here if the leaf has
    a route in a shaping block of the same depth.
  }];
  let arguments = (ins FlatSymbolRefAttr:$leaf, FlatSymbolRefAttr:$pifo,
                       I64Attr:$first_flow, I64Attr:$flow_bits, UnitAttr:$suspends);
  let assemblyFormat = [{
    $leaf `to` $pifo `flows` `(` $first_flow `,` $flow_bits `)`
    (`suspends` $suspends^)? attr-dict
  }];
}

//===----------------------------------------------------------------------===//
// Inside programs
//===----------------------------------------------------------------------===//

class Pifo_MeshValueOp<string mnemonic, list<Trait> traits = [Pure]>
    : Pifo_Op<"mesh." # mnemonic, !listconcat(traits,
        [ParentOneOf<["::mlir::pifo::MeshProgramOp", "::mlir::pifo::MeshClassifierOp"]>])>;

class Pifo_MeshInputOp<string mnemonic, string text> : Pifo_MeshValueOp<mnemonic> {
  let summary = text;
  let results = (outs Pifo_Int:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}
def Pifo_MeshNowOp : Pifo_MeshInputOp<"now", "the clock">;
def Pifo_MeshRankOp : Pifo_MeshInputOp<"rank", "the rank of the popped element">;
def Pifo_MeshPifoNumberOp
    : Pifo_MeshInputOp<"pifo_number", "the number of the logical PIFO in its block">;
def Pifo_MeshLeafNumberOp
    : Pifo_MeshInputOp<"leaf_number", "the number of the packet's leaf">;

def Pifo_MeshReadOp : Pifo_MeshValueOp<"read"> {
  let summary = "a field of the packet; if it was popped, one that its block carries";
  let arguments = (ins FlatSymbolRefAttr:$field);
  let results = (outs Pifo_Int:$result);
  let assemblyFormat = "$field attr-dict `:` type($result)";
}

def Pifo_MeshLookupOp : Pifo_MeshValueOp<"lookup"> {
  let summary = "an entry of a constant table; 0 beyond its end";
  let arguments = (ins Pifo_Int:$index, DenseI64ArrayAttr:$table);
  let results = (outs Pifo_Int:$result);
  let assemblyFormat = "$index `,` $table attr-dict `:` type($index) `->` type($result)";
}

def Pifo_MeshLoadOp : Pifo_MeshValueOp<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "a state variable, or an entry of an array";
  let arguments = (ins FlatSymbolRefAttr:$state, Optional<Pifo_Int>:$entry);
  let results = (outs Pifo_Int:$result);
  let assemblyFormat = [{
    $state (`[` $entry^ `:` type($entry) `]`)? attr-dict `:` type($result)
  }];
}

def Pifo_MeshStoreOp : Pifo_MeshValueOp<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "set a state variable, or an entry of an array, when the program is done";
  let arguments = (ins Pifo_Int:$value, FlatSymbolRefAttr:$state, Optional<Pifo_Int>:$entry);
  let assemblyFormat = [{
    $value `,` $state (`[` $entry^ `:` type($entry) `]`)? attr-dict `:` type($value)
  }];
}

def Pifo_MeshWriteOp : Pifo_MeshValueOp<"write", [MemoryEffects<[MemWrite]>]> {
  let summary = "set a field of the packet that leaves, when the program is done";
  let arguments = (ins Pifo_Int:$value, FlatSymbolRefAttr:$field);
  let assemblyFormat = "$value `,` $field attr-dict `:` type($value)";
}

def Pifo_MeshYieldOp : Pifo_MeshValueOp<"yield", [
    AttrSizedOperandSegments, Pure, Terminator]> {
  let summary = "the end of a program: rank and flow of an enqueue, leaf of a classifier";
  let description = "Without a flow, elements go to the first of their route.";
  let arguments = (ins Optional<Pifo_Int>:$rank, Optional<Pifo_Int>:$flow,
                       Optional<Pifo_Int>:$leaf);
  let assemblyFormat = [{
    (`rank` $rank^ `:` type($rank))? (`flow` $flow^ `:` type($flow))?
    (`leaf` $leaf^ `:` type($leaf))? attr-dict
  }];
}

#endif // NM_DIALECT_PIFO_IR_PIFOMESH_TD
