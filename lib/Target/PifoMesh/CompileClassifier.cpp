//===- CompileClassifier.cpp - The predicates of a tree as a program ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pifo;

using AtomOp = mesh::Op;

namespace {
/// Predicates have passed pifo_predicate_c1: fields, constants, comparisons,
/// and, or, xor.
class Classifier {
public:
  Classifier(const MeshContext &context, mesh::Program &program)
      : context(context), program(program), builder(program) {
    for (auto [number, leaf] : llvm::enumerate(context.leaves))
      numbers[leaf] = number;
  }

  LogicalResult run(SchedulerOp scheduler) {
    // The number after the last leaf says that there is none.
    width = mesh::indexBits(context.leaves.size() + 1);
    FailureOr<int> leaf = leafBelow(scheduler.getRoot());
    if (failed(leaf))
      return failure();
    int none = builder.constant(width, context.leaves.size());
    int result = *leaf;
    for (FieldOp field : scheduler.getFields()) {
      if (field.getMaxValue() == mesh::maskOf(field.getWidth()))
        continue;
      int value = fieldValue(context, builder, field);
      int most = builder.constant(field.getWidth(), field.getMaxValue());
      result = builder.select(builder.add(AtomOp::ULe, 1, value, most), result,
                              none);
    }
    program.name = "classifier";
    program.flow = result;
    return success();
  }

private:
  const MeshContext &context;
  mesh::Program &program;
  ProgramBuilder builder;
  DenseMap<Operation *, unsigned> numbers;
  unsigned width = 1;

  /// The predicates of the children cover what comes to `node`, so the last one
  /// takes what the others leave.
  FailureOr<int> leafBelow(NodeOp node) {
    if (node.isLeaf())
      return builder.constant(width, numbers.lookup(node));
    SmallVector<NodeOp, 4> children = node.getChildren();
    int result = -1;
    for (NodeOp child : llvm::reverse(children)) {
      FailureOr<int> leaf = leafBelow(child);
      if (failed(leaf))
        return failure();
      if (result < 0) {
        result = *leaf;
        continue;
      }
      FailureOr<int> holds = predicate(child.getPredicate());
      if (failed(holds))
        return failure();
      result = builder.select(*holds, *leaf, result);
    }
    return result;
  }

  FailureOr<int> predicate(PredicateOp op) {
    DenseMap<Value, int> values;
    Block &body = op.getBody().front();
    for (Operation &inner : body.without_terminator()) {
      for (Value value : inner.getResults())
        if (value.getType().getIntOrFloatBitWidth() > 64)
          return inner.emitError("has a result of ")
                 << value.getType()
                 << ", expected at most 64 bits, the widest an atom has";
      auto binary = [&](AtomOp kind, Value a, Value b) {
        int x = values.lookup(a), y = values.lookup(b);
        values[inner.getResult(0)] = builder.add(kind, 1, x, y);
      };
      llvm::TypeSwitch<Operation *>(&inner)
          .Case([&](ReadFieldOp read) {
            FieldOp field =
                MeshContext(context).scheduler.getField(read.getField());
            values[read] =
                builder.resize(fieldValue(context, builder, field),
                               read.getType().getIntOrFloatBitWidth());
          })
          .Case([&](arith::ConstantOp constant) {
            APInt number = cast<IntegerAttr>(constant.getValue()).getValue();
            values[constant] =
                builder.constant(number.getBitWidth(), number.getZExtValue());
          })
          .Case([&](arith::AndIOp both) {
            binary(AtomOp::And, both.getLhs(), both.getRhs());
          })
          .Case([&](arith::OrIOp either) {
            binary(AtomOp::Or, either.getLhs(), either.getRhs());
          })
          .Case([&](arith::XOrIOp differ) {
            binary(AtomOp::Xor, differ.getLhs(), differ.getRhs());
          })
          .Case([&](arith::CmpIOp compare) {
            using P = arith::CmpIPredicate;
            P p = compare.getPredicate();
            Value a = compare.getLhs(), b = compare.getRhs();
            if (p == P::ugt || p == P::uge)
              std::swap(a, b);
            binary(p == P::eq                   ? AtomOp::Eq
                   : p == P::ne                 ? AtomOp::Ne
                   : p == P::ult || p == P::ugt ? AtomOp::ULt
                                                : AtomOp::ULe,
                   a, b);
          });
    }
    return values.lookup(cast<YieldOp>(body.getTerminator()).getValue());
  }
};
} // namespace

void MeshCompiler::classify() {
  mesh::Program program;
  if (::failed(Classifier(context, program).run(context.scheduler))) {
    failed = true;
    return;
  }
  config.classifier = std::move(program);
}
