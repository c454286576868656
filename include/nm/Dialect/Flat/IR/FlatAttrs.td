//===- FlatAttrs.td - Dimension order and dataflow -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_IR_FLATATTRS_TD
#define NM_DIALECT_FLAT_IR_FLATATTRS_TD

include "nm/Dialect/Flat/IR/FlatBase.td"

def Flat_OrderAttr : Flat_Attr<"Order", "order"> {
  let summary = "the order in which an operand of attention holds its dimensions";
  let description = [{
    Four letters, outermost dimension first: `b` batch, `h` head, `n` position
    in the sequence (of queries or of keys), `d` width of a head. Exporters
    keep activations as `[batch, position, head * width]`; with the last
    dimension split that is `bnhd`, and attention needs no transpose.

    ```mlir
    #flat.order<bnhd>
    ```

    * `flat_order_c1`: each of the letters b, h, n, d stands once.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t",
      "position of batch, head, sequence and width among the operand's dimensions">:$positions);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [AttrBuilder<(ins), [{
    return $_get($_ctxt, ArrayRef<int64_t>({0, 1, 2, 3}));
  }]>];
  let extraClassDeclaration = [{
    /// True for bhnd.
    bool isIdentity() const;
    /// The four letters.
    std::string getLetters() const;
    /// From the four letters; null if they are no order.
    static OrderAttr getFromLetters(MLIRContext *context, StringRef letters);
  }];
}

def Flat_Guard : I32EnumAttr<"Guard", "which rows give zeros where IEEE arithmetic gives NaN", [
    I32EnumAttrCase<"None", 0, "none">,
    I32EnumAttrCase<"Unseen", 1, "unseen">,
    I32EnumAttrCase<"Undefined", 2, "undefined">]> {
  let cppNamespace = "::mlir::flat";
}

def Flat_Granularity : I32EnumAttr<"Granularity", "what is fused at a time (FLAT, section 4.2)", [
    I32EnumAttrCase<"Batch", 0, "batch">,
    I32EnumAttrCase<"Sample", 1, "sample">,
    I32EnumAttrCase<"Head", 2, "head">,
    I32EnumAttrCase<"Row", 3, "row">]> {
  let cppNamespace = "::mlir::flat";
  let genSpecializedAttr = 0;
}

def Flat_Stationarity : I32EnumAttr<"Stationarity", "which operand stays while the others stream", [
    I32EnumAttrCase<"Output", 0, "output">,
    I32EnumAttrCase<"Weight", 1, "weight">,
    I32EnumAttrCase<"Input", 2, "input">]> {
  let cppNamespace = "::mlir::flat";
  let genSpecializedAttr = 0;
}

def Flat_Interleaving : I32EnumAttr<"Interleaving", "how logit and attend share the machine", [
    I32EnumAttrCase<"Interleaved", 0, "interleaved">,
    I32EnumAttrCase<"Pipelined", 1, "pipelined">,
    I32EnumAttrCase<"Sequential", 2, "sequential">]> {
  let cppNamespace = "::mlir::flat";
  let genSpecializedAttr = 0;
}

def Flat_DataflowAttr : Flat_Attr<"Dataflow", "dataflow"> {
  let summary = "how attention is fused, tiled and staged";
  let description = [{
    A point of FLAT's space. The first word is the granularity: which share of
    the quadratic intermediate exists at a time, namely that of the whole
    `batch`, of a `sample`, of a `head`, or of `rows` rows of one head. What
    stands in `staged` lies in on-chip memory while it is used. `logit` and
    `attend` say which operand of the two products is stationary. `loops` is the
    order of the loops over batch (b), head (h), row blocks (r) and key tiles (k),
    outer loop first. `interleave` says whether the two products take turns on the
    whole machine, are pipelined on its halves, or follow one another. `heads` are
    on chip at a time, `packed` of them side by side on the array.

    `key_tile` goes beyond the paper: keys are visited so many at a time with an
    online softmax, and then the footprint no longer depends on the length.

    ```mlir
    #flat.dataflow<row, rows = 96, key_tile = 256, staged = [k, v, logits, o]>
    #flat.dataflow<head, staged = [q, logits], logit = weight, attend = weight, loops = hbrk>
    ```

    Defaults, which are not printed: nothing staged, output stationary, loops
    bhrk, interleaved, one head, none packed.

    * `flat_dataflow_c1`: `rows` is positive at row granularity and absent otherwise.
    * `flat_dataflow_c2`: `key_tile` is positive or absent, and needs the logits staged.
    * `flat_dataflow_c3`: `loops` is a permutation of the letters b, h, r, k.
    * `flat_dataflow_c4`: `heads` and `packed` are positive, and heads is a multiple of
      packed.
  }];
  let parameters = (ins EnumParameter<Flat_Granularity>:$granularity,
                        "int64_t":$rows, "int64_t":$keyTile, "unsigned":$staged,
                        EnumParameter<Flat_Stationarity>:$logit,
                        EnumParameter<Flat_Stationarity>:$attend,
                        StringRefParameter<>:$loops,
                        EnumParameter<Flat_Interleaving>:$interleaving,
                        "int64_t":$heads, "int64_t":$packed);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    AttrBuilder<(ins "Granularity":$granularity, "int64_t":$rows, "int64_t":$keyTile,
                     "unsigned":$staged), [{
      return $_get($_ctxt, granularity, rows, keyTile, staged, Stationarity::Output,
                   Stationarity::Output, StringRef("bhrk"), Interleaving::Interleaved,
                   /*heads=*/1, /*packed=*/1);
    }]>
  ];
  let extraClassDeclaration = [{
    /// Bits of `staged`.
    enum Staged : unsigned { Q = 1, K = 2, V = 4, Logits = 8, Output = 16, All = 31 };
    bool isStaged(Staged tensor) const { return (getStaged() & tensor) != 0; }
    /// True if keys are visited in tiles with an online softmax.
    bool isOnline() const { return getKeyTile() != 0; }
  }];
}

#endif // NM_DIALECT_FLAT_IR_FLATATTRS_TD
