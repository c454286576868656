//===- ObserveOperations.cpp - What each operation of a model computes -----===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Driver/Compare.h"
#include "nm/Driver/Profile.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace rt = ::nm::rt;

/// A tensor of floats of known sizes that is computed.
static bool isObserved(Operation *op) {
  if (op->getNumResults() != 1 || matchPattern(op, m_Constant()) ||
      isa<ParamOp, PruneOp, CompressOp, tensor::EmptyOp>(op))
    return false;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  return type && type.hasStaticShape() && !type.getEncoding() &&
         isa<FloatType>(type.getElementType());
}

std::vector<std::string> driver::observeOperations(func::FuncOp function) {
  Block &block = function.getBody().front();
  // An operation of the model may be several: its result is that of the last.
  llvm::MapVector<StringRef, Value> last;
  std::vector<std::vector<std::string>> names;
  for (Operation &op : block)
    if (isObserved(&op)) {
      names.push_back(namesOf(op.getLoc()));
      if (names.back().size() == 1)
        last[StringAttr::get(op.getContext(), names.back()[0]).getValue()] =
            op.getResult(0);
    }
  std::vector<std::string> observed;
  Operation *end = block.getTerminator();
  for (auto &[name, value] : last) {
    observed.push_back(name.str());
    end->insertOperands(end->getNumOperands(), value);
  }
  function.setType(FunctionType::get(function.getContext(),
                                     function.getArgumentTypes(),
                                     end->getOperandTypes()));
  return observed;
}

void driver::compareWithReference(Profile &profile, const Observed &computed,
                                  const Observed &reference) {
  for (OperationProfile &row : profile.operations) {
    auto add = [&](StringRef name) {
      auto have = computed.find(name), want = reference.find(name);
      if (have == computed.end() || want == reference.end())
        return;
      // An infinite tolerance: only the difference is of interest.
      auto comparison =
          compareArrays(have->second.view, want->second.view, name,
                        {std::numeric_limits<double>::infinity(), 0});
      if (!comparison) {
        row.notes.push_back("not compared: " +
                            llvm::toString(comparison.takeError()));
        return;
      }
      row.error = std::max(row.error.value_or(0), comparison->maxRelError);
    };
    add(row.name);
    for (const std::string &name : row.fused)
      add(name);
  }
}
