//===- FlatRows.td - Rows of eight bits -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_IR_FLATROWS_TD
#define NM_DIALECT_FLAT_IR_FLATROWS_TD

include "nm/Dialect/Flat/IR/FlatBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// A conversion of every row along the last dimension.
class Flat_RowsOp<string mnemonic> : Flat_Op<mnemonic, [Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Flat_QuantizeRowsOp : Flat_RowsOp<"quantize_rows"> {
  let summary = "rows of floats as eight-bit integers with a scale each";
  let description = [{
    A row x of D numbers along the last dimension becomes D + 4 bytes: integers

        s   = max |x| / 127
        q_i = clamp(round(x_i / s), -127, 127)        (round half to even)

    and the four bytes of s, an f32, the lowest first. Where s is 0, the integers are 0; where the row
    holds an infinity or NaN, s is NaN and they are 0. All in f32.

    ```mlir
    %r = flat.quantize_rows %k : tensor<1x8x1x64xf32> -> tensor<1x8x1x68xi8>
    ```

    * `flat_quantize_rows_c1`: the result has the shape of the input, with 4 more in the last dimension.
    * `flat_quantize_rows_c2`: the last dimension is known, and 1 or more.
  }];
  let arguments = (ins RankedTensorOf<[F32, BF16, F16]>:$input);
  let results = (outs RankedTensorOf<[I8]>:$result);
  let builders = [OpBuilder<(ins "Value":$input)>];
}

def Flat_DequantizeRowsOp : Flat_RowsOp<"dequantize_rows"> {
  let summary = "the numbers of rows that flat.quantize_rows made";
  let description = [{
    q_i s of every row, computed in f32 and rounded to the result's type.

    `cache` names the argument of the function that holds the rows, in the caller's memory: the whole of
    it would be copied as floats if no `flat.attention` read the rows as they are. Canonicalisation moves the operation behind slices
    and reshapes that leave rows whole, and into attention. What is left is refused by `flat-lower-rows`.

    * `flat_dequantize_rows_c1`: the input has the shape of the result, with 4 more in the last dimension.
    * `flat_dequantize_rows_c2`: the last dimension is known, and 1 or more in the result.
  }];
  let arguments = (ins RankedTensorOf<[I8]>:$input, OptionalAttr<StrAttr>:$cache);
  let results = (outs RankedTensorOf<[F32, BF16, F16]>:$result);
  let builders = [OpBuilder<(ins "Value":$input, "Type":$element, "StringAttr":$cache)>];
  let hasCanonicalizer = 1;
}

#endif // NM_DIALECT_FLAT_IR_FLATROWS_TD
