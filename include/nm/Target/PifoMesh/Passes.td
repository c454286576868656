//===- Passes.td - Passes to a PIFO mesh -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_PIFOMESH_PASSES_TD
#define NM_TARGET_PIFOMESH_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyMesh : Pass<"pifo-verify-mesh", "::mlir::pifo::SchedulerOp"> {
  let summary = "check that a scheduler fits a PIFO mesh at line rate";
  let description = [{
    Explains every reason why a scheduler cannot run on a mesh of PIFO blocks
    ("Programmable Packet Scheduling at Line Rate", SIGCOMM 2016): more flows,
    logical PIFOs, blocks or bits than there are, an operation no atom has, a
    state variable that is written by two sides or touched at the index of
    another packet, ranks that are not known to grow within a flow, ranks that
    refuse packets. The limits are the paper's unless options say otherwise.

    Says by remark (category `pifo-verify-mesh`) the atoms each transaction
    needs, which nodes share a program, and what it assumed. Ranks of a flow
    that grow for reasons of the traffic are declared by the attribute
    `pifo.ranks_grow_by = @field` on the node.
  }];
  let options = [
    Option<"blocks", "blocks", "unsigned", "5", "blocks of the mesh">,
    Option<"pifos", "pifos", "unsigned", "256", "logical PIFOs of a block">,
    Option<"flows", "flows", "unsigned", "1024", "flows of a block">,
    Option<"elements", "elements", "unsigned", "65536", "elements of a block">,
    Option<"rankBits", "rank-bits", "unsigned", "16", "bits of a rank">,
    Option<"metadataBits", "metadata-bits", "unsigned", "32",
           "bits of an element's metadata">,
    Option<"timeBits", "time-bits", "unsigned", "32",
           "bits of a release time; times compare as serial numbers">,
    Option<"nowBits", "now-bits", "unsigned", "64", "bits of the clock">
  ];
}

def CompileMesh : Pass<"pifo-compile-mesh", "::mlir::ModuleOp"> {
  let summary = "schedulers to configured meshes of PIFO blocks";
  let description = [{
    Replaces each `pifo.scheduler` of a module by the `pifo.mesh` it compiles to:
    nodes become logical PIFOs, levels blocks, edges next-hop tables and
    transactions atom programs. What does not fit is refused as by
    `pifo-verify-mesh`. `nm-translate --pifo-to-mesh-json` and
    `--pifo-to-systemverilog` print the result, compiled or edited.

    A limit that no option gives is that of the module's attribute
    `pifo.mesh_limits` (`{rank_bits = 24 : i64}`), or the paper's.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let options = [
    Option<"blocks", "blocks", "unsigned", "0", "blocks of the mesh">,
    Option<"pifos", "pifos", "unsigned", "0", "logical PIFOs of a block">,
    Option<"flows", "flows", "unsigned", "0", "flows of a block">,
    Option<"elements", "elements", "unsigned", "0", "elements of a block">,
    Option<"rankBits", "rank-bits", "unsigned", "0", "bits of a rank">,
    Option<"metadataBits", "metadata-bits", "unsigned", "0",
           "bits of an element's metadata">,
    Option<"timeBits", "time-bits", "unsigned", "0", "bits of a release time">,
    Option<"nowBits", "now-bits", "unsigned", "0", "bits of the clock">
  ];
}

def Embed : Pass<"pifo-embed", "::mlir::pifo::SchedulerOp"> {
  let summary = "run a scheduler on another tree, with the same departures";
  let description = [{
    Embeds the tree of a scheduler into one whose nodes have at most `arity`
    children, of the least height, or into a given `shape` ("Formal Abstractions
    for Packet Scheduling", OOPSLA 2023, Theorems 5.10 and 6.1). Transit nodes,
    named `<node>_via<number>`, push references with the rank of the node they
    serve. Subtrees of the shape that nothing is put into are left out.

    They are `transit` nodes of the dialect, which are given the rank: exact for
    every program, but not for a mesh, where what walks up comes to the transit
    node first. With `mesh` they compute the rank anew, with state of their own.
    That is refused where the rank depends on state that elements of all children
    change (the virtual time of fair queueing), and under the rule `window`; under
    `wrap` it is exact for programs whose ranks stay within 2^(N-2) of the rank
    that the node popped last.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let options = [
    Option<"arity", "arity", "unsigned", "2", "children of a node at most">,
    Option<"shape", "shape", "std::string", "\"\"",
           "the tree as text: '.' is a leaf, '(...)' a node with what is inside; "
           "overrides arity">,
    Option<"forMesh", "mesh", "bool", "false",
           "transit nodes compute ranks anew, as a mesh needs it">
  ];
}

#endif // NM_TARGET_PIFOMESH_PASSES_TD
