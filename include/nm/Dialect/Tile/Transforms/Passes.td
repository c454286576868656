//===- Passes.td - From values to instructions -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_TRANSFORMS_PASSES_TD
#define NM_DIALECT_TILE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

class Tile_Pass<string name> : Pass<name, "::mlir::attacc::ProgramOp"> {
  let dependentDialects = ["::mlir::tiles::TileDialect"];
}

def FuseRows : Tile_Pass<"tile-fuse-rows"> {
  let summary = "operators on rows that follow one another as one";
  let description = [{
    Where a `tile.rows` writes a scratch tensor that the next one alone reads, row for row, both become one: the rows stay on
    chip, in the type that the tensor had, so results are the same bit for bit and the tensor is neither written nor
    read. Operators of which a row does not fit in eight slots stay apart, which the remark
    `NotFused` says; `Fused` says how many bytes of DRAM are saved.
  }];
}

def BlockRows : Tile_Pass<"tile-block-rows"> {
  let summary = "operators on rows to kernels that pass blocks of rows through the chip";
  let description = [{
    A `tile.rows` becomes a `tile.kernel`: vectors come in once, and what depends on them alone is computed once; a
    `tile.for` loads a block of rows of each input, does what the region says, and stores.

    A block is as many rows as fill 2 KiB, as a sixth of what DRAM delivers in its latency, and as a thousandth of all
    rows, or what fits beside eight slots of each value that engines hand on: six transfers that follow hide the
    latency, and small blocks cost little at both ends. Rows of which no two fit are an error that says
    what they need. Products keep their stationary operand if the array can, else they take the first that it has.
    The remark `Blocked` says what was chosen and what bounds it.
  }];
  let options = [
    Option<"device", "device", "std::string", "\"\"",
           "name or file of the accelerator that the program is for; its name in the program if empty">
  ];
}

def BlockProducts : Tile_Pass<"tile-block-products"> {
  let summary = "matrix products to kernels that pass blocks through the chip";
  let description = [{
    A `tile.product` becomes a `tile.kernel`: loops over blocks of outputs, in them over blocks of tokens, in them one over strips of
    the reduction, which adds them up, and one over chunks of the block's rows, which takes the sums through the region's
    instructions to the output. Vectors come in for each block of outputs, matrices for each chunk. What the chain of
    instructions makes on the way lies in the place of the sums: `tile.in_place`.

    Blocks, strips, the stationary operand and slots of rings are those of the cost model's best tiling
    (docs/model.md) that fits with its epilogue; chunks are a sixteenth of a block or 2 KiB, or what fits. The remark `Projection` says
    what was chosen. What fits in no way is an error that says what it needs.
  }];
  let options = [
    Option<"device", "device", "std::string", "\"\"",
           "name or file of the accelerator that the program is for; its name in the program if empty">
  ];
}

def BlockAttention : Tile_Pass<"tile-block-attention"> {
  let summary = "attention to kernels whose steps run side by side";
  let description = [{
    A `tile.attention` becomes a `tile.kernel`: loops over rounds of heads, blocks of rows, tiles of keys and packs of heads, in the order of its dataflow, and in them a step, in phases: logits, softmax, output, results. What
    is staged lies in a `tile.place` of the loop that it outlives, what passes by in one of the loop that it passes in. Slots are those of the cost model's layout (docs/model.md): as many as hide the latency of DRAM, or fit.
    The output's phases are one step late, or four if the logits pass through DRAM. The remark `Blocked` says the dataflow. What does not fit is an error that says what it needs.
  }];
  let options = [
    Option<"device", "device", "std::string", "\"\"",
           "name or file of the accelerator that the program is for; its name in the program if empty">
  ];
}

def AssignEngines : Tile_Pass<"tile-assign-engines"> {
  let summary = "a channel for each transfer";
  let description = [{
    What computes has one engine that can. Of the loads of a loop each takes the next channel, and what is loaded once
    the one behind them; stores take channels in the same way. Where a kernel sums, the loads of each operand of the array have a channel,
    and all other transfers the one behind these. Where steps overlap, transfers of one `lane` share a channel. `tile.channel` says it.
  }];
}

def ChooseSlots : Tile_Pass<"tile-choose-slots"> {
  let summary = "how many rounds of a value are on chip at once";
  let description = [{
    A value that a round hands from one engine to another needs slots, if the engines are to work on different rounds:
    eight, or as many as fit. A value that is used before it can be made again, by the order of the engines and
    by other values, needs one. A kernel with `rings` has so many slots of what comes in for a sum, twice as many of parts of sums on their way out, and two
    of what an outer loop hands on; the sums have two if they fit, so that the array goes on while they leave. `tile.slots` says how many each result has. The remark `Slots` says what was
    chosen and what bounds it.
  }];
}

def InsertSync : Tile_Pass<"tile-insert-sync"> {
  let summary = "semaphores for the dependences between engines";
  let description = [{
    The rule that `attacc-verify-program` proves, run forward. Each engine keeps program order; so what has to be said
    is, for a value and each other engine that uses it, that the first use comes after the value is made (*full*, which
    counts 0 at the start), and for its place, that it is made again after the last use of each
    engine as many rounds before as there are slots (*free*, which counts the slots at the start). The second is left out
    where other values, and the order of the engines from one round to the next, lead from that use to the maker anyway. What is made before a loop is
    waited for before it, and given back behind it, by a `tile.sync`. A sum's semaphores stand on its loop: the first round waits, the last one signals.
    Kernels whose steps overlap have no order yet: `tile-to-attacc` gives them one, and semaphores by the same rule.
  }];
}

def Allocate : Tile_Pass<"tile-allocate"> {
  let summary = "addresses in the scratchpad";
  let description = [{
    Values that engines hand on have places of their own for the whole kernel, since rounds overlap. Values that one
    engine makes and uses share places where one ends before the other begins, in program order. Kernels begin at address 0
    again. `tile.addresses` has the address of each result; the remark `Allocated` how much of the scratchpad a kernel
    takes. What does not fit is an error.
  }];
}

def TileToAttacc : Tile_Pass<"tile-to-attacc"> {
  let summary = "kernels to instructions";
  let description = [{
    Says the same in attacc: each value's place is a buffer, each instruction has the name that it had, a `tile.for` is a hardware
    loop of its whole blocks with the last, smaller one behind it (of a sum the first and the last stand alone), and a barrier ends the kernel. Decides nothing:
    what no pass has said (a channel, slots, addresses) is an error.

    A kernel of steps is done round by round, phases of earlier steps between those of the step at hand, and each instruction noted: what repeats becomes a hardware loop. Where an instruction touches
    what another engine touched later than is known to have ended, by a vector clock as in `attacc-verify-program`, the two get a semaphore. The remark `Steps` says how many instructions and semaphores there are.
  }];
}

#endif // NM_DIALECT_TILE_TRANSFORMS_PASSES_TD
