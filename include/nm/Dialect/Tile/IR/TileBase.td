//===- TileBase.td - Dialect, values and interface -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_IR_TILEBASE_TD
#define NM_DIALECT_TILE_IR_TILEBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "nm/Dialect/Attacc/IR/AttaccBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::mlir::tiles";
  let summary = "what the engines of an accelerator do, on values";
  let description = [{
    The level above the instructions of [attacc](Attacc.md). A tile on chip is an SSA value, a builtin tensor of static
    sizes; what computes it has the name and the attributes of the instruction that it becomes. Nothing here has an
    address, a slot or a semaphore until a pass says so. Passes go down in steps, and the IR can be printed and read
    between any two:

    | after | the IR says |
    |---|---|
    | whoever makes a program | `tile.rows`: what happens to the rows of DRAM tensors; `tile.product`: matrix products of them; `tile.attention` |
    | `tile-fuse-rows` | fewer of them, without the tensors in between |
    | `tile-block-rows` | `tile.kernel` and `tile.for`: blocks of rows, what is loaded once and what in each round |
    | `tile-block-products` | the same of products: loops over tokens, outputs and strips of the sum; `tile.in_place` of what takes the place of its operand |
    | `tile-block-attention` | the same of attention, in its dataflow: places that loops fill part by part, and phases of steps that run side by side |
    | `tile-assign-engines` | `tile.channel` of each transfer |
    | `tile-choose-slots` | `tile.slots` of each value: how many rounds of it are on chip at once |
    | `tile-insert-sync` | semaphores, and `tile.sync`, for each dependence between two engines |
    | `tile-allocate` | `tile.addresses` of each value in the scratchpad |
    | `tile-to-attacc` | instructions of attacc |

    An instruction of this dialect obeys the numbered rules of the one that it becomes (`attacc_row_c1`): its verifier
    asks the same checker. Rules of its own have numbers too (`tile_rows_c1`). docs/rationale/Tile.md says why the level
    is as it is.
  }];
  let hasOperationAttrVerify = 1;
  let useDefaultAttributePrinterParser = 1;
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

// Attacc_HigherLevel, whose file would bring the operations of attacc along.
def Tile_HigherLevel : NativeOpTrait<"Trait"> {
  let cppNamespace = "::mlir::attacc::HigherLevel";
}

def Tile_Value : Type<
    CPred<"::mlir::tiles::isTileType($_self)">,
    "tile of rank 1 to 4 and static sizes, of f32, f16, bf16 or i8", "::mlir::RankedTensorType">;

def Tile_Instruction : OpInterface<"Instruction"> {
  let cppNamespace = "::mlir::tiles";
  let description = [{An operation that becomes one instruction of an engine.}];
  let methods = [
    InterfaceMethod<"unit that runs it", "::mlir::attacc::Engine", "getEngine">,
    InterfaceMethod<"semaphores taken at the start", "::mlir::MutableOperandRange",
                    "getWaitsMutable">,
    InterfaceMethod<"semaphores raised at the end", "::mlir::MutableOperandRange",
                    "getSignalsMutable">
  ];
}

/// A view of another value: the same bytes, and no instruction.
def Tile_View : OpInterface<"View"> {
  let cppNamespace = "::mlir::tiles";
  let description = [{A value that is another one, or a part of it, in the same place.}];
  let methods = [
    InterfaceMethod<"what it is a view of", "::mlir::Value", "getViewed">
  ];
}

#endif // NM_DIALECT_TILE_IR_TILEBASE_TD
