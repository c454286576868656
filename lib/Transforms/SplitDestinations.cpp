//===- SplitDestinations.cpp - A destination of its own for each op -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_SPLITDESTINATIONS
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Users of one destination: enough to work in few buffers, few enough that
/// comparing each with each costs nothing.
constexpr unsigned kUsers = 16;

struct SplitDestinationsPass
    : public nm::impl::SplitDestinationsBase<SplitDestinationsPass> {
  void runOnOperation() override {
    llvm::DenseMap<tensor::EmptyOp, Group> groups;
    getOperation().walk([&](Operation *user) {
      if (isa<tensor::DimOp>(user))
        return;
      for (OpOperand &use : user->getOpOperands())
        if (auto empty = use.get().getDefiningOp<tensor::EmptyOp>())
          use.set(assign(empty, user, groups[empty]));
    });
  }

private:
  /// The users, one after another in one block, that share a destination.
  struct Group {
    tensor::EmptyOp destination;
    Block *block = nullptr;
    unsigned users = 0;
  };

  static tensor::EmptyOp assign(tensor::EmptyOp empty, Operation *user,
                                Group &group) {
    if (!group.destination)
      group = {empty, user->getBlock()};
    if (group.users == kUsers || group.block != user->getBlock()) {
      OpBuilder builder(user);
      auto own = cast<tensor::EmptyOp>(builder.clone(*empty));
      group = {own, user->getBlock()};
    }
    ++group.users;
    return group.destination;
  }
};

} // namespace
