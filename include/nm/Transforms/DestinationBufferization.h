//===- DestinationBufferization.h - Bufferization of fused operations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRANSFORMS_DESTINATIONBUFFERIZATION_H
#define NM_TRANSFORMS_DESTINATIONBUFFERIZATION_H

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

namespace mlir::nm {

/// Bufferization of a destination-style operation with one region and its
/// destination as last operand, which it writes and does not read: the same
/// operation on buffers, without result.
template <typename OpTy>
struct DestinationBufferization
    : public bufferization::DstBufferizableOpInterfaceExternalModel<
          DestinationBufferization<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const bufferization::AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (!isa<TensorType>(operand.getType())) {
        operands.push_back(operand);
        continue;
      }
      FailureOr<Value> buffer =
          bufferization::getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      operands.push_back(*buffer);
    }
    rewriter.setInsertionPoint(op);
    OperationState buffered(op->getLoc(), op->getName(), operands,
                            /*types=*/TypeRange{}, op->getAttrs());
    buffered.propertiesAttr = op->getPropertiesAsAttribute();
    buffered.addRegion()->takeBody(op->getRegion(0));
    rewriter.create(buffered);
    bufferization::replaceOpWithBufferizedValues(rewriter, op, operands.back());
    return success();
  }
};

} // namespace mlir::nm

#endif // NM_TRANSFORMS_DESTINATIONBUFFERIZATION_H
