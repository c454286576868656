//===- BufferizableOpInterfaceImpl.cpp - Bufferization of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::bufferization;

namespace {

struct AttentionModel
    : public DstBufferizableOpInterfaceExternalModel<AttentionModel,
                                                     AttentionOp> {
  /// The destination is only written.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto attention = cast<AttentionOp>(op);
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (!isa<TensorType>(operand.getType())) {
        operands.push_back(operand);
        continue;
      }
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      operands.push_back(*buffer);
    }
    rewriter.setInsertionPoint(op);
    OperationState buffered(op->getLoc(), op->getName(), operands,
                            /*types=*/TypeRange{}, op->getAttrs());
    buffered.propertiesAttr = op->getPropertiesAsAttribute();
    buffered.addRegion()->takeBody(attention.getScore());
    rewriter.create(buffered);
    replaceOpWithBufferizedValues(rewriter, op, operands.back());
    return success();
  }
};

} // namespace

void mlir::flat::registerBufferizableOpInterfaceModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, FlatDialect *) {
    AttentionOp::attachInterface<AttentionModel>(*context);
  });
}
