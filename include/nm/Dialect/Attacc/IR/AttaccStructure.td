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
    * `attacc_program_c1`: only operations of this dialect stand in it.
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

    ```mlir
    %q = attacc.tensor "q" in : !attacc.region<512x64xf16, dram>
    ```

    * `attacc_tensor_c1`: the name is not empty and no other tensor has it.
    * `attacc_tensor_c2`: one positive stride for each dimension.
  }];
  let arguments = (ins StrAttr:$name, Attacc_RoleAttr:$role,
                       OptionalAttr<DenseI64ArrayAttr>:$strides);
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
  let hasVerifier = 1;
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
  let hasVerifier = 1;
}

def Attacc_TileOp : Attacc_Op<"tile"> {
  let summary = "a box of a tensor or a buffer, stepped by hardware loops";
  let description = [{
    Not an instruction: the address part of those that use it. With loop
    counters i, j, the offset in dimension k is `offsets[k] + i * steps[k] + j *
    steps[rank + k]`, and the slot `(i * slots[0] + j * slots[1]) mod` the
    buffer's slots.

    ```mlir
    %t = attacc.tile %q[0, 0] by (%i) steps [64, 0]
        : !attacc.region<512x64xf16, dram> -> !attacc.region<64x64xf16, dram>
    ```

    * `attacc_tile_c1`: one offset a dimension; `steps` has rank times counters
      entries, `slots` as many as there are counters.
    * `attacc_tile_c2`: element type, memory and rank of source and result agree.
    * `attacc_tile_c3`: the box lies within the source for every value of the
      counters.
    * `attacc_tile_c4`: the source is a tensor or a buffer; slots only of a
      buffer.
    * `attacc_tile_c5`: each counter is that of an enclosing loop.
  }];
  let arguments = (ins Attacc_RegionType:$source, DenseI64ArrayAttr:$offsets,
                       Variadic<Index>:$counters, OptionalAttr<DenseI64ArrayAttr>:$steps,
                       OptionalAttr<DenseI64ArrayAttr>:$slots);
  let results = (outs Attacc_RegionType:$result);
  let assemblyFormat = [{
    $source `` $offsets (`by` `(` $counters^ `)`)? (`steps` $steps^)? (`slots` $slots^)?
    attr-dict `:` type($source) `->` type($result)
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
  let summary = "the sequencer goes on when every queue is empty";
  let assemblyFormat = "attr-dict";
}

#endif // NM_DIALECT_ATTACC_IR_ATTACCSTRUCTURE_TD
