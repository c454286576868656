//===- PifoBase.td - Dialect definition -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_IR_PIFOBASE_TD
#define NM_DIALECT_PIFO_IR_PIFOBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Pifo_Dialect : Dialect {
  let name = "pifo";
  let cppNamespace = "::mlir::pifo";
  let summary = "programmable packet schedulers as trees of push-in first-out queues";
  let description = [{
    A PIFO is a queue into which an element is pushed at the place its rank
    gives, and which is popped at the head; equal ranks leave in the order in
    which they came. A scheduler is a tree of PIFOs (Sivaraman et al.,
    "Programmable Packet Scheduling at Line Rate", SIGCOMM 2016): the leaves hold
    packets, every other node holds references to its children. What a node does
    is written as small programs, the *transactions*, on packet fields, the time
    and the node's own state:

    * `pifo.scheduling` computes the rank before a push;
    * `pifo.shaping` computes the time at which the parent learns of the push;
    * `pifo.dequeue` runs when an element of the node has been popped;
    * `pifo.select`, in nodes that decide late, says at each dequeue which child may send, and when.

    The operations say what a scheduler means. What a switch can run at line
    rate is a question of the target and not asked here. Constraints are
    numbered (`pifo_node_c3`); verifier messages carry the same numbers.
    See docs/rationale/Pifo.md.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

class Pifo_Op<string mnemonic, list<Trait> traits = []>
    : Op<Pifo_Dialect, mnemonic, traits>;

def Pifo_RuleSaturate : I32EnumAttrCase<"Saturate", 0, "saturate">;
def Pifo_RuleWrap : I32EnumAttrCase<"Wrap", 1, "wrap">;
def Pifo_RuleWindow : I32EnumAttrCase<"Window", 2, "window">;
def Pifo_RuleLate : I32EnumAttrCase<"Late", 3, "late">;
/// How a computed value becomes a rank of N bits, and how ranks compare.
def Pifo_RankRule : I32EnumAttr<"RankRule", "order of ranks",
    [Pifo_RuleSaturate, Pifo_RuleWrap, Pifo_RuleWindow, Pifo_RuleLate]> {
  let cppNamespace = "::mlir::pifo";
  let genSpecializedAttr = 0;
}
def Pifo_RankRuleAttr : EnumAttr<Pifo_Dialect, Pifo_RankRule, "rule">;

def Pifo_WriterEnqueue : I32EnumAttrCase<"Enqueue", 0, "enqueue">;
def Pifo_WriterDequeue : I32EnumAttrCase<"Dequeue", 1, "dequeue">;
def Pifo_WriterAny : I32EnumAttrCase<"Any", 2, "any">;
def Pifo_WriterCaller : I32EnumAttrCase<"Caller", 3, "caller">;
/// Which transactions may write a state variable.
def Pifo_Writer : I32EnumAttr<"Writer", "writers of a state variable",
    [Pifo_WriterEnqueue, Pifo_WriterDequeue, Pifo_WriterAny, Pifo_WriterCaller]> {
  let cppNamespace = "::mlir::pifo";
  let genSpecializedAttr = 0;
}
def Pifo_WriterAttr : EnumAttr<Pifo_Dialect, Pifo_Writer, "writer">;

#endif // NM_DIALECT_PIFO_IR_PIFOBASE_TD
