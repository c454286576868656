//===- ActivationGroups.cpp - Products that share packed activations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ActivationGroups.h"
#include "Layouts/ProductLayout.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mlir::nm;

/// The buffer that `memref` is a view of.
static Value getRoot(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

/// Whether two roots are different memory for certain: one is an allocation,
/// the other something else that it cannot be.
static bool areDistinct(Value a, Value b) {
  auto isFresh = [](Value root) {
    return root.getDefiningOp<memref::AllocOp>() != nullptr;
  };
  return a != b && (isFresh(a) || isFresh(b));
}

/// Whether `op` leaves the memory of `root` as it is.
static bool preserves(Operation *op, Value root) {
  if (auto product = dyn_cast<PackedMatmulOp>(op))
    return areDistinct(getRoot(product.getC()), root);
  auto effects = getEffectsRecursively(op);
  if (!effects)
    return false;
  return llvm::all_of(*effects, [&](const MemoryEffects::EffectInstance &e) {
    if (isa<MemoryEffects::Read, MemoryEffects::Allocate>(e.getEffect()))
      return true;
    if (e.getResource() != SideEffects::DefaultResource::get())
      return true;
    return e.getValue() && areDistinct(getRoot(e.getValue()), root);
  });
}

/// Whether both products read their activations in the same packed form.
static bool packAlike(PackedMatmulOp a, PackedMatmulOp b) {
  if (a.getX() != b.getX() || a.getTransposeX() != b.getTransposeX() ||
      a.getAccumulatorType() != b.getAccumulatorType())
    return false;
  const ProductLayout *left = findProductLayout(a.getLayout());
  const ProductLayout *right = findProductLayout(b.getLayout());
  return left && right && left->activationForm(a) == right->activationForm(b);
}

SmallVector<SmallVector<PackedMatmulOp>>
mlir::nm::groupByActivations(ArrayRef<PackedMatmulOp> products) {
  SmallVector<SmallVector<PackedMatmulOp>> groups;
  for (PackedMatmulOp product : products) {
    auto accepts = [&](SmallVector<PackedMatmulOp> &group) {
      PackedMatmulOp last = group.back();
      if (last->getBlock() != product->getBlock() || !packAlike(last, product))
        return false;
      Value root = getRoot(product.getX());
      for (Operation *op = last; op != product; op = op->getNextNode())
        if (!preserves(op, root))
          return false;
      return true;
    };
    auto found = llvm::find_if(groups, accepts);
    if (found != groups.end())
      found->push_back(product);
    else
      groups.push_back({product});
  }
  return groups;
}
