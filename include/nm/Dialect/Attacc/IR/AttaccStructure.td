//===- AttaccStructure.td - Programs, memory and loops -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_ATTACC_IR_ATTACCSTRUCTURE_TD
#define NM_DIALECT_ATTACC_IR_ATTACCSTRUCTURE_TD

include "nm/Dialect/Attacc/IR/AttaccBase.td"
include "mlir/IR/RegionKindInterface.td"

class Attacc_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attacc_Dialect, mnemonic, traits>;

def Attacc_ProgramOp : Attacc_Op<"program", [
    Symbol, IsolatedFromAbove, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "a program for one device";
  let description = [{
    * `attacc_program_c1`: only operations of this dialect stand in it, and those
      of higher levels ([tile](Tile.md)) until passes have lowered them; a
      program that is encoded or proved has none.
    * `attacc_semaphore_c2`: one engine signals a semaphore and one waits for it;
      no instruction names one twice in a list, and a list has at most 64.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Attacc_DeviceAttr:$device);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `for` $device attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Attacc_TensorOp : Attacc_Op<"tensor", [ParentOneOf<["ProgramOp"]>]> {
  let summary = "entry of the table of DRAM tensors";
  let description = [{
    Whoever runs the program binds an address to it. `strides` are in elements;
    row-major without gaps if absent.

    | role | content |
    | --- | --- |
    | `in` | the caller's, read only |
    | `out` | the caller's, written by the program |
    | `param` | from a checkpoint (`scope`; the only one if absent) under `key`, read only |
    | `constant` | `data`, read only |
    | `scratch` | undefined at the start |

    `host_shape` and `host_type` (f32 if absent) are the tensor as the caller or
    the checkpoint sees it; whoever binds it converts. The `part` of a parameter
    is the whole tensor, its transpose, or the kept `values` [C, K / M * N] or
    their packed `indices` [C, ceil(K / M * N * ceil(log2 M) / 8)] of an N:M
    weight [C, K] with the `pattern` [N, M].

    ```mlir
    %q = attacc.tensor "q" in {host_shape = array<i64: 1, 512, 64>} : !attacc.region<512x64xf16, dram>
    %w = attacc.tensor "w" param {key = "encoder.0.weight"} : !attacc.region<64x64xf16, dram>
    ```

    * `attacc_tensor_c1`: the name is not empty and no other tensor has it.
    * `attacc_tensor_c2`: one positive stride for each dimension, and an end
      within 2^48 elements.
    * `attacc_tensor_c3`: `host_shape` has up to 16 sizes and as many elements
      as the region, but for values and indices; `host_type` is f32, f16, bf16
      or i8.
    * `attacc_tensor_c4`: a parameter has a key, others neither key, scope nor
      part; values, indices and transposes are of rank 2, indices of i8 and
      values not; values and indices have a pattern with 1 <= N < M <= 64.
    * `attacc_tensor_c5`: constants, and no others, have data of the region's
      shape and element type.
  }];
  let arguments = (ins StrAttr:$name, Attacc_RoleAttr:$role,
                       OptionalAttr<DenseI64ArrayAttr>:$strides,
                       OptionalAttr<DenseI64ArrayAttr>:$host_shape,
                       OptionalAttr<TypeAttr>:$host_type, OptionalAttr<StrAttr>:$key,
                       OptionalAttr<StrAttr>:$scope,
                       DefaultValuedAttr<Attacc_PartAttr, "::mlir::attacc::Part::Whole">:$part,
                       OptionalAttr<DenseI64ArrayAttr>:$pattern,
                       OptionalAttr<ElementsAttr>:$data);
  let results = (outs Attacc_Dram:$result);
  let assemblyFormat = "$name $role (`strides` $strides^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Attacc_BufferOp : Attacc_Op<"buffer", [ParentOneOf<["ProgramOp"]>]> {
  let summary = "slots of equal shape at a fixed place of the scratchpad";
  let description = [{
    Slot `s` begins `s` times the bytes of the shape after `address`. Two slots
    are a double buffer. Buffers may share bytes when their contents are not
    needed at the same time.

    ```mlir
    %b = attacc.buffer at 4096 slots 2 : !attacc.region<64x64xf16, scratchpad>
    ```

    * `attacc_buffer_c1`: slots are 1 to 256.
    * `attacc_buffer_c2`: the address is a multiple of the element's bytes and
      the last slot ends within the device's scratchpad.
  }];
  let arguments = (ins I64Attr:$address, DefaultValuedAttr<I64Attr, "1">:$slots);
  let results = (outs Attacc_Pad:$result);
  let assemblyFormat = "`at` custom<Number>($address) `slots` custom<Number>($slots) attr-dict `:` type($result)";
}

def Attacc_SemaphoreOp : Attacc_Op<"semaphore", [ParentOneOf<["ProgramOp"]>]> {
  let summary = "counting semaphore";
  let description = [{
    ```mlir
    %free = attacc.semaphore 2
    ```

    * `attacc_semaphore_c1`: the count at the start is 0 to 255.
  }];
  let arguments = (ins I64Attr:$count);
  let results = (outs Attacc_SemaphoreType:$result);
  let assemblyFormat = "custom<Number>($count) attr-dict";
}

def Attacc_TileOp : Attacc_Op<"tile"> {
  let summary = "a box of a tensor or a buffer, stepped by hardware loops";
  let description = [{
    Not an instruction: the address part of those that use it. With loop
    counters i, j, the offset in dimension k of the source is `offsets[k] + i *
    steps[k] + j * steps[rank + k]`, and the slot `(slot + i * slots[0] + j *
    slots[1]) mod` the buffer's slots. `dims` lists the dimensions of the source
    that the result has, in the result's order; the box has size 1 in those left
    out. Without it the result has them all.

    ```mlir
    %t = attacc.tile %q[0, 0] by (%i) steps [64, 0]
        : !attacc.region<512x64xf16, dram> -> !attacc.region<64x64xf16, dram>
    %column = attacc.tile %q[0, 3] dims [0]
        : !attacc.region<512x64xf16, dram> -> !attacc.region<512xf16, dram>
    %transposed = attacc.tile %q[0, 0] dims [1, 0]
        : !attacc.region<512x64xf16, dram> -> !attacc.region<64x512xf16, dram>
    ```

    * `attacc_tile_c1`: one offset a dimension of the source; `steps` has rank
      times counters entries, `slots` as many as there are counters, none
      negative; the slot is one of the buffer's.
    * `attacc_tile_c2`: element type and memory of source and result agree;
      `dims` names as many dimensions of the source as the result has, each at
      most once.
    * `attacc_tile_c3`: the box lies within the source for every value of the
      counters.
    * `attacc_tile_c4`: the source is a tensor or a buffer; slots only of a
      buffer.
    * `attacc_tile_c5`: each counter is that of an enclosing loop, once.
  }];
  let arguments = (ins Attacc_RegionType:$source, DenseI64ArrayAttr:$offsets,
                       Variadic<Index>:$counters, OptionalAttr<DenseI64ArrayAttr>:$steps,
                       DefaultValuedAttr<I64Attr, "0">:$slot,
                       OptionalAttr<DenseI64ArrayAttr>:$slots,
                       OptionalAttr<DenseI64ArrayAttr>:$dims);
  let results = (outs Attacc_RegionType:$result);
  let assemblyFormat = [{
    $source `` $offsets (`slot` $slot^)? (`dims` $dims^)? (`by` `(` $counters^ `)`)?
    (`steps` $steps^)? (`slots` $slots^)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Attacc_LoopOp : Attacc_Op<"loop", [SingleBlock, NoTerminator]> {
  let summary = "hardware loop of the sequencer";
  let description = [{
    ```mlir
    attacc.loop 8 {
    ^bb0(%i: index):
      attacc.barrier
    }
    ```

    * `attacc_loop_c1`: trips are 1 to 2^31 - 1.
    * `attacc_loop_c2`: one argument, the counter, of type index.
    * `attacc_loop_c3`: at most eight loops are nested.
  }];
  let arguments = (ins I64Attr:$trips);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "custom<Number>($trips) attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Attacc_BarrierOp : Attacc_Op<"barrier"> {
  let summary = "all engines meet: each goes on when all have come here";
  let assemblyFormat = "attr-dict";
}

#endif // NM_DIALECT_ATTACC_IR_ATTACCSTRUCTURE_TD
