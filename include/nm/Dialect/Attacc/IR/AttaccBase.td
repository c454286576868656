//===- AttaccBase.td - Dialect, types and attributes -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_ATTACC_IR_ATTACCBASE_TD
#define NM_DIALECT_ATTACC_IR_ATTACCBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"

def Attacc_Dialect : Dialect {
  let name = "attacc";
  let cppNamespace = "::mlir::attacc";
  let summary = "instructions of ATTACC attention accelerators";
  let description = [{
    The instruction level of the accelerators of the FLAT paper (arXiv
    2107.06419; not the processing-in-memory design of the same name, ASPLOS
    2024). A machine has load and store channels between DRAM and a scratchpad,
    an array for matrix products and a special function unit for rows and
    elements.

    Each engine (each channel being one for loads and one for stores) has a
    sequencer of its own, which walks the whole `attacc.program` with its
    hardware loops and runs the instructions of its engine in order, one at a
    time. An instruction begins when each semaphore that it waits for counts at
    least one, takes one from each, and adds one to each that it signals when it
    has ended. Nothing else orders two engines but `attacc.barrier`. Every
    semaphore has one signalling and one waiting engine, so which signal meets
    which wait does not depend on time. Arithmetic is f32; what is written is
    rounded once, to nearest even.

    The dialect spells what `nm/Isa/Program.h` holds, and translates to and from
    it without loss (`nm-translate --attacc-to-binary`). docs/attacc-isa.md
    defines what each instruction does.

    Constraints are numbered (`attacc_gemm_c1`); messages carry the same numbers.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

class Attacc_Type<string name, string typeMnemonic> : TypeDef<Attacc_Dialect, name> {
  let mnemonic = typeMnemonic;
}

class Attacc_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::attacc";
  let genSpecializedAttr = 0;
}

// Space, Role, Part, Stationary, Binary, Unary, Engine: of nm/Isa/Instructions.def.
include "nm/Dialect/Attacc/IR/AttaccIsaEnums.td"

def Attacc_RoleAttr : EnumAttr<Attacc_Dialect, Attacc_Role, "role">;
def Attacc_PartAttr : EnumAttr<Attacc_Dialect, Attacc_Part, "part"> {
  let assemblyFormat = "`<` $value `>`";
}
def Attacc_StationaryAttr : EnumAttr<Attacc_Dialect, Attacc_Stationary, "stationary">;
def Attacc_BinaryAttr : EnumAttr<Attacc_Dialect, Attacc_Binary, "binary">;
def Attacc_UnaryAttr : EnumAttr<Attacc_Dialect, Attacc_Unary, "unary">;
def Attacc_EngineAttr : EnumAttr<Attacc_Dialect, Attacc_Engine, "engine">;

def Attacc_RegionType : Attacc_Type<"Region", "region"> {
  let summary = "elements in one of the two memories";
  let description = [{
    A box of elements in DRAM or in the scratchpad: a tensor, a buffer or a tile
    of either.

    ```mlir
    !attacc.region<512x64xf16, dram>
    ```

    * `attacc_region_c1`: rank 1 to 4; every size is 1 to 2^31 - 1, and there
      are at most 2^48 elements.
    * `attacc_region_c2`: elements are f32, f16, bf16 or i8; i8 holds packed
      indices of N:M weights.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        "::mlir::attacc::Space":$space);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    /// Elements; saturates at 2^62.
    int64_t getNumElements() const;
    int64_t getElementBytes() const { return getElementType().getIntOrFloatBitWidth() / 8; }
    /// Bytes without gaps; saturates.
    int64_t getBytes() const;
  }];
}
def Attacc_SemaphoreType : Attacc_Type<"Semaphore", "semaphore"> {
  let summary = "counting semaphore between two engines";
}
class Attacc_In<string space> : Type<
    CPred<"::llvm::isa<::mlir::attacc::RegionType>($_self) && ::llvm::cast<"
          "::mlir::attacc::RegionType>($_self).getSpace() == ::mlir::attacc::Space::" # space>,
    "region in " # !tolower(space), "::mlir::attacc::RegionType">;
def Attacc_Dram : Attacc_In<"Dram">;
def Attacc_Pad : Attacc_In<"Scratchpad">;

def Attacc_DeviceAttr : AttrDef<Attacc_Dialect, "Device"> {
  let mnemonic = "device";
  let summary = "what a program must know of the machine to be legal on it";
  let description = [{
    Facts of a device description (docs/model.md) that bound a program: bytes of
    the scratchpad, channels that load and that store, products that the array
    runs side by side on segments of its columns, and N:M patterns it decodes,
    separated by commas. No times: those are the simulator's.

    ```mlir
    #attacc.device<name = "edge", scratchpad = 524288, channels = 4, segments = 4, patterns = "1:4,2:4">
    ```

    * `attacc_device_c1`: the scratchpad has 1 to 2^40 bytes; channels are 1 to
      64, segments at least 1 (the value if absent).
    * `attacc_device_c2`: each pattern is N:M with 1 <= N <= M <= 64.
  }];
  let parameters = (ins StringRefParameter<"">:$name, "int64_t":$scratchpad, "int64_t":$channels,
                        DefaultValuedParameter<"int64_t", "1">:$segments,
                        StringRefParameter<"">:$patterns);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // NM_DIALECT_ATTACC_IR_ATTACCBASE_TD
