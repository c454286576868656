//===- StructuredEncoding.cpp - #nm.sparsity as structured levels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Conversion/Utils/StructuredEncoding.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::nm;
using sparse_tensor::LevelFormat;
using sparse_tensor::LevelType;
using sparse_tensor::SparseTensorEncodingAttr;

RankedTensorType mlir::nm::toStructuredType(RankedTensorType type,
                                            std::string &reason) {
  SparsityAttr sparsity = nm::getSparsity(type);
  int64_t n = sparsity.getN(), m = sparsity.getM(), axis = sparsity.getAxis();
  MLIRContext *context = type.getContext();
  // `j mod 1` is 0, and no level stores the constant 0.
  if (m == 1) {
    reason = "a structured level needs M of 2 or more, got " +
             sparsity.getPatternString();
    return {};
  }
  SmallVector<AffineExpr> levels;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (d != axis)
      levels.push_back(getAffineDimExpr(d, context));
  AffineExpr position = getAffineDimExpr(axis, context);
  levels.push_back(position.floorDiv(m));
  levels.push_back(position % m);
  LevelType dense =
      *sparse_tensor::buildLevelType(LevelFormat::Dense, true, true);
  SmallVector<LevelType> types(type.getRank(), dense);
  types.push_back(
      *sparse_tensor::buildLevelType(LevelFormat::NOutOfM, true, true, n, m));
  auto encoding = SparseTensorEncodingAttr::get(
      context, types, AffineMap::get(type.getRank(), 0, levels, context));
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               encoding);
}

bool mlir::nm::hasStructuredLevel(Type type) {
  auto encoding = sparse_tensor::getSparseTensorEncoding(type);
  return encoding && llvm::any_of(encoding.getLvlTypes(), [](LevelType level) {
           return sparse_tensor::isNOutOfMLT(level);
         });
}

RankedTensorType mlir::nm::toEncodedType(RankedTensorType type,
                                         std::string &reason) {
  auto encoding = sparse_tensor::getSparseTensorEncoding(type);
  ArrayRef<LevelType> levels = encoding.getLvlTypes();
  AffineMap map = encoding.getDimToLvl();
  auto refuse = [&](const Twine &why) {
    reason = why.str();
    return RankedTensorType();
  };
  if (encoding.getExplicitVal() || encoding.getImplicitVal() ||
      encoding.isSlice())
    return refuse("the encoding has an explicit or implicit value, or slices");
  if (!llvm::all_of(levels.drop_back(), [](LevelType level) {
        return sparse_tensor::isDenseLT(level);
      }))
    return refuse("the levels before the structured one are not all dense");
  int64_t n = sparse_tensor::getN(levels.back());
  int64_t m = sparse_tensor::getM(levels.back());

  // Each dimension is one level, except the sparse one, which is the last two.
  AffineExpr position;
  for (unsigned d = 0; d < map.getNumDims(); ++d) {
    AffineExpr dim = getAffineDimExpr(d, type.getContext());
    if (!llvm::is_contained(map.getResults().drop_back(2), dim))
      position = position ? AffineExpr() : dim;
  }
  ArrayRef<AffineExpr> last = map.getResults().take_back(2);
  if (levels.size() != static_cast<size_t>(type.getRank()) + 1 || !position ||
      last[0] != position.floorDiv(m) || last[1] != position % m)
    return refuse("the last two levels are not floordiv and mod " + Twine(m) +
                  " of the one dimension that is no level of its own");
  auto axis = cast<AffineDimExpr>(position).getPosition();
  // The attribute's own verifiers know the reasons.
  MLIRContext *context = type.getContext();
  std::string message;
  ScopedDiagnosticHandler capture(context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto emitError = [&] { return mlir::emitError(UnknownLoc::get(context)); };
  auto sparsity = SparsityAttr::getChecked(emitError, context, n, m,
                                           static_cast<int64_t>(axis));
  if (!sparsity || failed(sparsity.verifyEncoding(
                       type.getShape(), type.getElementType(), emitError)))
    return refuse(message);
  return nm::getEncodedType(type, sparsity);
}

LogicalResult mlir::nm::checkTensorTypes(
    Operation *op, function_ref<LogicalResult(RankedTensorType)> check) {
  SmallVector<Type> types(op->getOperandTypes());
  llvm::append_range(types, op->getResultTypes());
  if (auto function = dyn_cast<FunctionOpInterface>(op)) {
    llvm::append_range(types, function.getArgumentTypes());
    llvm::append_range(types, function.getResultTypes());
  }
  for (Region &region : op->getRegions())
    for (Block &block : region)
      llvm::append_range(types, block.getArgumentTypes());
  for (Type type : types)
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      if (failed(check(tensor)))
        return failure();
  return success();
}
