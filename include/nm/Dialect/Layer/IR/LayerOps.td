//===- LayerOps.td - Norms, tokens, positions, activations -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_LAYER_IR_LAYEROPS_TD
#define NM_DIALECT_LAYER_IR_LAYEROPS_TD

include "nm/Dialect/Layer/IR/LayerBase.td"

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// A norm over the dimensions of a tensor from `axis` on.
class Layer_RowOp<string mnemonic, list<Trait> traits = []>
    : Layer_Op<mnemonic, [DestinationStyleOpInterface] # traits> {
  let results = (outs Layer_Tensor:$result);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// The operands that follow the normalised dimensions alone.
    SmallVector<Value> getVectors();
  }];
}

def Layer_NormOp : Layer_RowOp<"norm", [AttrSizedOperandSegments]> {
  let summary = "layer norm";
  let description = [{
    With m the mean and v the variance (the mean of (x - m)^2) of the elements along
    the dimensions from `axis` on:

        y = (x - m) / sqrt(v + epsilon) * scale + bias

    `scale` and `bias` have the shape of these dimensions; without them they are 1 and 0.
    (Ba, Kiros, Hinton: Layer Normalization, arXiv 1607.06450.)

    ```mlir
    %y = layer.norm axis(1) epsilon(1.0e-5) ins(%x : tensor<128x768xf32>)
        scale(%g : tensor<768xf32>) bias(%b : tensor<768xf32>)
        outs(%init : tensor<128x768xf32>) -> tensor<128x768xf32>
    ```

    * `layer_norm_c1`: input, destination and result have one type.
    * `layer_norm_c2`: `axis` is a dimension of the input.
    * `layer_norm_c3`: scale and bias have the input's element type and the sizes of its dimensions
      from `axis` on.
    * `layer_norm_c4`: epsilon is finite and not negative.
  }];
  let arguments = (ins Layer_Tensor:$input, Optional<Layer_Tensor>:$scale,
                       Optional<Layer_Tensor>:$bias, Layer_Tensor:$init, I64Attr:$axis,
                       F64Attr:$epsilon);
  let assemblyFormat = [{
    `axis` `(` $axis `)` `epsilon` `(` $epsilon `)` `ins` `(` $input `:` type($input) `)`
    (`scale` `(` $scale^ `:` type($scale) `)`)? (`bias` `(` $bias^ `:` type($bias) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)
  }];
}

def Layer_RMSNormOp : Layer_RowOp<"rms_norm"> {
  let summary = "norm by the root of the mean square";
  let description = [{
    With v the mean of x^2 along the dimensions from `axis` on:

        y = x / sqrt(v + epsilon) * scale

    `scale` has the shape of these dimensions; without it, it is 1.
    (Zhang, Sennrich: Root Mean Square Layer Normalization, arXiv 1910.07467.)

    ```mlir
    %y = layer.rms_norm axis(1) epsilon(1.0e-6) ins(%x : tensor<128x768xf32>)
        scale(%g : tensor<768xf32>) outs(%init : tensor<128x768xf32>) -> tensor<128x768xf32>
    ```

    * `layer_rms_norm_c1` to `layer_rms_norm_c4`: as `layer_norm_c1` to `layer_norm_c4`.
  }];
  let arguments = (ins Layer_Tensor:$input, Optional<Layer_Tensor>:$scale, Layer_Tensor:$init,
                       I64Attr:$axis, F64Attr:$epsilon);
  let assemblyFormat = [{
    `axis` `(` $axis `)` `epsilon` `(` $epsilon `)` `ins` `(` $input `:` type($input) `)`
    (`scale` `(` $scale^ `:` type($scale) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)
  }];
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

def Layer_EmbeddingOp : Op<Layer_Dialect, "embedding",
    [NoMemoryEffect, DestinationStyleOpInterface]> {
  let summary = "rows of a table, by indices";
  let description = [{
    Row `indices[i..]` of `table` for each i..: the result has the dimensions of the indices,
    then those of the table but the first. With `from_end`, row -1 is the last one, as ONNX and
    NumPy count. An index of a row that the table does not have ends the call (`nm.require`).

    ```mlir
    %y = layer.embedding from_end ins(%ids : tensor<2x?xi64>) table(%words : tensor<50257x768xf32>)
        outs(%init : tensor<2x?x768xf32>) -> tensor<2x?x768xf32>
    ```

    * `layer_embedding_c1`: destination and result have one type, with the table's elements.
    * `layer_embedding_c2`: the table has two dimensions or more.
    * `layer_embedding_c3`: the result has the sizes of the indices, then those of the table from
      dimension 1 on.
  }];
  let arguments = (ins Layer_Indices:$indices, Layer_Tensor:$table, Layer_Tensor:$init,
                       UnitAttr:$from_end);
  let results = (outs Layer_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = [{
    (`from_end` $from_end^)? `ins` `(` $indices `:` type($indices) `)`
    `table` `(` $table `:` type($table) `)` `outs` `(` $init `:` type($init) `)`
    attr-dict `->` type($result)
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

def Layer_RotaryOp : Layer_Op<"rotary", [DestinationStyleOpInterface,
    TypesMatchWith<"sines have the type of cosines", "cosines", "sines", "$_self">]> {
  let summary = "rotary position embedding";
  let description = [{
    Turns pairs of elements along the last dimension by the angle of their position, which
    counts along the dimension `axis`. With c and s the cosine and the sine of an angle, a
    pair (x, y) becomes

        (c x - s y, s x + c y)

    Of A angles, pair k is elements k and k + A, or, `interleaved`, 2 k and 2 k + 1. Elements
    from 2 A on stay. Cosines and sines are [positions, A], or [first dimension of the input,
    positions, A]. (Su et al.: RoFormer, arXiv 2104.09864.)

    ```mlir
    %y = layer.rotary axis(1) ins(%x : tensor<2x128x12x64xf32>)
        angles(%cos, %sin : tensor<128x32xf32>) outs(%init : tensor<2x128x12x64xf32>)
        -> tensor<2x128x12x64xf32>
    ```

    * `layer_rotary_c1`: input, destination and result have one type, of rank 2 or more.
    * `layer_rotary_c2`: `axis` is a dimension of the input but the last, and not the first if angles have three
      dimensions.
    * `layer_rotary_c3`: cosines and sines have one type, of rank 2 or 3; their sizes but the last are those of
      the input's dimensions.
    * `layer_rotary_c4`: twice their last size is at most the input's.
  }];
  let arguments = (ins Layer_Tensor:$input, Layer_Tensor:$cosines, Layer_Tensor:$sines,
                       Layer_Tensor:$init, I64Attr:$axis, UnitAttr:$interleaved);
  let results = (outs Layer_Tensor:$result);
  let hasVerifier = 1;
  let assemblyFormat = [{
    `axis` `(` $axis `)` (`interleaved` $interleaved^)? `ins` `(` $input `:` type($input) `)`
    `angles` `(` $cosines `,` $sines `:` type($cosines) `)` `outs` `(` $init `:` type($init) `)`
    attr-dict `->` type($result)
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// The dimension of the input that a dimension of the angles but the last follows.
    int64_t getInputDim(int64_t dim) {
      bool isBatch = getCosines().getType().getRank() == 3 && dim == 0;
      return isBatch ? 0 : static_cast<int64_t>(getAxis());
    }
  }];
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// A function of one number; elementwise on vectors and tensors.
class Layer_FunctionOp<string mnemonic>
    : Layer_Op<mnemonic, [SameOperandsAndResultType] # ElementwiseMappable.traits> {
  let arguments = (ins FloatLike:$operand);
  let results = (outs FloatLike:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}

def Layer_GeluOp : Layer_FunctionOp<"gelu"> {
  let summary = "GELU: x by the probability that a normal number is less";
  let description = [{
    x (1 + erf(x / sqrt(2))) / 2. (Hendrycks, Gimpel: Gaussian Error Linear Units,
    arXiv 1606.08415.)

    ```mlir
    %y = layer.gelu %x : f32
    ```
  }];
}

def Layer_GeluTanhOp : Layer_FunctionOp<"gelu_tanh"> {
  let summary = "GELU, approximated by tanh";
  let description = [{
    x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, section 2 of the paper of `layer.gelu`.

    ```mlir
    %y = layer.gelu_tanh %x : f32
    ```
  }];
}

def Layer_SwishOp : Layer_FunctionOp<"swish"> {
  let summary = "x by the logistic function of alpha x";
  let description = [{
    x / (1 + exp(-alpha x)). With alpha 1, the default, it is SiLU; with 1.702 it is quick GELU, the other
    approximation of the paper of `layer.gelu`. SwiGLU is a product of it and a gate.

    ```mlir
    %silu = layer.swish %x : f32
    %quick = layer.swish %x {alpha = 1.702 : f64} : f32
    ```

    * `layer_swish_c1`: alpha is finite.
  }];
  let arguments = (ins FloatLike:$operand, DefaultValuedAttr<F64Attr, "1.0">:$alpha);
  let hasVerifier = 1;
}

#endif // NM_DIALECT_LAYER_IR_LAYEROPS_TD
