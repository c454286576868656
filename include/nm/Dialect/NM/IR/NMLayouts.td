//===- NMLayouts.td - Layouts of N:M weights -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NMLAYOUTS_TD
#define NM_DIALECT_NM_IR_NMLAYOUTS_TD

include "nm/Dialect/NM/IR/NMBase.td"

def NM_LayoutInterface : AttrInterface<"LayoutAttr"> {
  let cppNamespace = "::mlir::nm";
  let description = [{
    How the storage of an N:M sparse tensor lies in memory. Names, parameters,
    sizes and packing are the runtime library's (`lib/Runtime/Layouts`), which has no
    MLIR; what products by a layout cost and which kernel they take stands in
    `lib/Dialect/NM/Transforms/Layouts`.
  }];
  let methods = [
    InterfaceMethod<"The layout as the runtime library writes it, \"panel<rows = 3, ...>\", for a "
                    "tensor with this pattern (null where there is none).",
                    "std::string", "getSpecString", (ins "::mlir::Attribute":$sparsity)>
  ];
  let extraClassDeclaration = [{
    /// Types of the storage (values, then metadata if the layout has any) of a
    /// tensor of the encoded type `type`. Fails, with a message, when the
    /// layout cannot hold the type.
    FailureOr<SmallVector<RankedTensorType>>
    getStorageTypes(RankedTensorType type,
                    function_ref<InFlightDiagnostic()> emitError) const;
    /// Whether the storage is the tensor itself.
    bool isDense() const;
  }];
}

/// A layout of the runtime library: `attrMnemonic` is its name, `fields` are its
/// parameters, members of LayoutSpec.
class NM_Layout<string name, string attrMnemonic, list<string> fields>
    : NM_Attr<name, attrMnemonic, [DeclareAttrInterfaceMethods<NM_LayoutInterface>]> {
  let genVerifyDecl = !not(!empty(fields));
  let hasCustomAssemblyFormat = !empty(fields);
  let extraClassDefinition =
    "std::string $cppClass::getSpecString(::mlir::Attribute sparsity) const {\n"
    "  auto spec = ::nm::rt::LayoutSpec::named(\"" # attrMnemonic # "\");\n" #
    !foldl("", fields, acc, each, acc # "  spec." # each # " = getImpl()->" # each # ";\n") #
    "  return printSpec(spec, sparsity);\n}\n" #
    !if(!empty(fields),
        "::mlir::Attribute $cppClass::parse(::mlir::AsmParser &parser, ::mlir::Type) {\n"
        "  if (::mlir::succeeded(parser.parseOptionalLess())) {\n"
        "    parser.emitError(parser.getCurrentLocation())\n"
        "        << \"layout " # attrMnemonic # " takes no parameters\";\n"
        "    return {};\n  }\n"
        "  return get(parser.getContext());\n}\n"
        "void $cppClass::print(::mlir::AsmPrinter &) const {}\n",
        "::llvm::LogicalResult $cppClass::verify(\n"
        "    ::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError" #
        !foldl("", fields, acc, each, acc # ", int64_t " # each) # ") {\n"
        "  auto spec = ::nm::rt::LayoutSpec::named(\"" # attrMnemonic # "\");\n" #
        !foldl("", fields, acc, each, acc # "  spec." # each # " = " # each # ";\n") #
        "  return verifyLayout(emitError, spec);\n}\n");
}

def NM_DenseLayout : NM_Layout<"DenseLayout", "dense", []> {
  let summary = "row-major storage with its zeros";
  let description = [{
    `#nm.dense`: no metadata. Byte-exact definitions of all layouts stand in
    docs/runtime.md.
  }];
}

def NM_CanonicalLayout : NM_Layout<"CanonicalLayout", "canonical", []> {
  let summary = "storage for interchange: kept elements, bit-packed indices";
  let description = [{
    `#nm.canonical`: values keep the tensor's rank; the sparse axis shrinks to
    K/M*N. Metadata are bit-packed indices within the group, ceil(log2 M) bits each,
    LSB first.
  }];
}

def NM_PanelLayout : NM_Layout<"PanelLayout", "panel", ["rows", "cols", "depth"]> {
  let summary = "storage for matrix products with many columns";
  let description = [{
    `#nm.panel<rows = R, cols = C, depth = D>`: R rows of the weight are interleaved
    by four slots, the contraction is cut into blocks of D, and the metadata are u16
    element offsets into an activation panel of D rows by C columns.

    * `nm_panel_c1`: rows, cols and depth are positive, and depth * cols is at most
      65536, so that an offset fits u16.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "int64_t":$depth);
  let assemblyFormat = "`<` struct(params) `>`";
}

def NM_SharedLayout : NM_Layout<"SharedLayout", "shared", ["rows", "cols", "depth"]> {
  let summary = "panel storage for rows that share their mask";
  let description = [{
    `#nm.shared<rows = R, cols = C, depth = D>`: as `#nm.panel`, for weights in which R
    consecutive rows keep the same positions; one offset serves all of them.

    * `nm_shared_c1`: as `nm_panel_c1`.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "int64_t":$depth);
  let assemblyFormat = "`<` struct(params) `>`";
}

def NM_WholeLayout : NM_Layout<"WholeLayout", "whole", ["rows", "cols", "depth"]> {
  let summary = "panel storage of all elements of a group";
  let description = [{
    `#nm.whole<rows = R, cols = C, depth = D>`: as `#nm.panel` of a dense weight, for weights
    whose pattern gains nothing in a product: all M elements of a group, the pruned ones as
    zeros, and no metadata. The pattern stays the tensor's: what is packed has it.

    * `nm_whole_c1`: as `nm_panel_c1`.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "int64_t":$depth);
  let assemblyFormat = "`<` struct(params) `>`";
}

def NM_PairedLayout : NM_Layout<"PairedLayout", "paired", ["cols", "depth", "window"]> {
  let summary = "panel storage of rows that meet in pairs";
  let description = [{
    `#nm.paired<cols = C, depth = D, window = W>`: as much as `#nm.panel<rows = 2, cols = C, depth = D>`,
    in another order of rows and slots. In every block the rows of each W consecutive ones are a
    chain that closes, in which each stands between two that share much with it; a row lies half beside the
    one before it, half beside the next. The positions that both keep come first, two to a step, and a
    product loads an activation once for both. The metadata end with a head for every row: its
    place in the window, and the steps that it shares with the next. N < M.

    * `nm_paired_c1`: cols and depth are positive, depth is at most 1024 and depth * cols at most
      65536; window is even, from 2 to 384.
  }];
  let parameters = (ins "int64_t":$cols, "int64_t":$depth, "int64_t":$window);
  let assemblyFormat = "`<` struct(params) `>`";
}

def NM_LaneLayout : NM_Layout<"LaneLayout", "lane", ["lanes", "interleave"]> {
  let summary = "storage for matrix products with few columns";
  let description = [{
    `#nm.lane<lanes = L, interleave = I>`: the kept elements that multiply L
    consecutive activations lie in one register of L elements, for as many rows as
    fit; an in-register permute by 2-, 4- or 8-bit indices, packed in 32-bit words,
    brings the activations to them. The values of I (1 if absent) consecutive
    registers alternate in memory: 32-bit lanes then hold I narrow values, which
    widen by shifts. M of 2, 4, 8, 16 or 32.

    * `nm_lane_c1`: lanes is a power of two from 4 to 64, interleave is 1, 2 or 4.
  }];
  let parameters = (ins "int64_t":$lanes, DefaultValuedParameter<"int64_t", "1">:$interleave);
  let assemblyFormat = "`<` struct(params) `>`";
}

def NM_GroupedLayout : NM_Layout<"GroupedLayout", "grouped", ["rows", "depth"]> {
  let summary = "storage of integers in groups for products with few columns";
  let description = [{
    `#nm.grouped<rows = R, depth = D>`: one stream of scales, positions and integers,
    in registers of R rows; D elements of a row share a scale. The type of the tensor
    says of how many bits integers are, what scales are and whether groups have zero points. Products round the activations: 32 consecutive ones of a column to a scale times integers from -127
    to 127.

    * `nm_grouped_c1`: rows is 16 or 32, depth 32, 64 or 128.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$depth);
  let assemblyFormat = "`<` struct(params) `>`";
}

def NM_LanePanelLayout : NM_Layout<"LanePanelLayout", "lane_panel",
                                   ["lanes", "interleave", "rows", "cols", "depth"]> {
  let summary = "lane and panel storage, one behind the other";
  let description = [{
    `#nm.lane_panel<lanes = L, interleave = I, rows = R, cols = C, depth = D>`: for products
    whose number of columns is known only when they run. Values are those of
    `#nm.lane<lanes = L, interleave = I>`, then those of `#nm.panel<rows = R, cols = C, depth = D>`;
    so are the metadata, in bytes. The second parts begin at multiples of 64 bytes.
    A product compares its columns once and reads one of the two.

    * `nm_lane_panel_c1`: as `nm_lane_c1` and `nm_panel_c1`.
  }];
  let parameters = (ins "int64_t":$lanes, DefaultValuedParameter<"int64_t", "1">:$interleave,
                        "int64_t":$rows, "int64_t":$cols, "int64_t":$depth);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // NM_DIALECT_NM_IR_NMLAYOUTS_TD
