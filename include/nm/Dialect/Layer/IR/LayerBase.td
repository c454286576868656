//===- LayerBase.td - Dialect definition -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_LAYER_IR_LAYERBASE_TD
#define NM_DIALECT_LAYER_IR_LAYERBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Layer_Dialect : Dialect {
  let name = "layer";
  let cppNamespace = "::mlir::layer";
  let summary = "what the layers of a model compute, by the names that papers give it";
  let description = [{
    Norms, embeddings and rotary embeddings are operations on tensors in destination style. Activations are functions
    of one number, as those of `math` are: they stand in the body of a
    `linalg.generic` or in the epilogue of an `nm.matmul`, and on whole tensors they
    are elementwise. Softmax is `linalg.softmax`, attention `flat.attention`.

    `layer-lower-to-linalg` says what the operations mean. Elements of less than
    32 bits are computed in f32 and rounded once, at the end.

    Constraints are numbered (`layer_norm_c2`); verifier messages carry the same
    numbers. See docs/rationale/Layer.md.
  }];
  // What the operations are lowered to.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

class Layer_Op<string mnemonic, list<Trait> traits = []>
    : Op<Layer_Dialect, mnemonic, [Pure] # traits>;

def Layer_Tensor : Type<
    CPred<"::llvm::isa<::mlir::RankedTensorType>($_self) && "
          "!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding() && "
          "::llvm::isa<::mlir::Float64Type, ::mlir::Float32Type, ::mlir::Float16Type, "
          "::mlir::BFloat16Type>("
          "::llvm::cast<::mlir::RankedTensorType>($_self).getElementType())">,
    "ranked tensor of f64, f32, f16 or bf16 without encoding", "::mlir::RankedTensorType">;

def Layer_Indices : Type<
    CPred<"::llvm::isa<::mlir::RankedTensorType>($_self) && "
          "!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding() && "
          "::llvm::cast<::mlir::RankedTensorType>($_self).getElementType().isSignlessIntOrIndex() && "
          "!::llvm::cast<::mlir::RankedTensorType>($_self).getElementType().isInteger(1)">,
    "ranked tensor of signed integers or indices without encoding", "::mlir::RankedTensorType">;

#endif // NM_DIALECT_LAYER_IR_LAYERBASE_TD
