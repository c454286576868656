//===- MutateModule.cpp - Random changes to modules ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MutateModule.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/SymbolTable.h"
#include <limits>

using namespace mlir;

namespace {

class Mutation {
public:
  Mutation(ModuleOp module, std::mt19937 &random)
      : module(module), random(random), builder(module.getContext()) {
    module.walk([&](Operation *op) {
      if (op != module.getOperation())
        ops.push_back(op);
    });
  }

  void run() {
    if (ops.empty())
      return;
    switch (random() % 8) {
    case 0:
      return drop(pick(ops));
    case 1: {
      Operation *op = pick(ops);
      if (!op->hasTrait<OpTrait::IsTerminator>())
        op->getBlock()->getOperations().insertAfter(op->getIterator(),
                                                    op->clone());
      return;
    }
    case 2: {
      Operation *op = pick(ops), *next = op->getNextNode();
      if (next && !next->hasTrait<OpTrait::IsTerminator>())
        op->moveAfter(next);
      return;
    }
    case 3:
      return rewire(pick(ops));
    case 4:
      return rename(pick(ops));
    case 5:
      return changeAttribute(pick(ops));
    default:
      return changeType();
    }
  }

private:
  ModuleOp module;
  std::mt19937 &random;
  Builder builder;
  SmallVector<Operation *> ops;

  template <typename T> T pick(ArrayRef<T> list) {
    return list[random() % list.size()];
  }
  template <typename T> T pick(const SmallVector<T> &list) {
    return list[random() % list.size()];
  }
  template <typename T> T oneOf(std::initializer_list<T> list) {
    return list.begin()[random() % list.size()];
  }
  int64_t number() {
    return oneOf<int64_t>({0, 1, 2, 3, 7, -1, 13, 64, 65, 4096, 1 << 20,
                           int64_t(1) << 40,
                           std::numeric_limits<int64_t>::max(),
                           std::numeric_limits<int64_t>::min()});
  }

  /// Another value of the type that is there before `op`.
  Value another(Operation *op, Type type) {
    SmallVector<Value> values;
    for (Operation *at = op; at && at->getBlock(); at = at->getParentOp()) {
      for (BlockArgument argument : at->getBlock()->getArguments())
        if (argument.getType() == type)
          values.push_back(argument);
      for (Operation &before : *at->getBlock()) {
        if (&before == at)
          break;
        for (Value result : before.getResults())
          if (result.getType() == type)
            values.push_back(result);
      }
    }
    return values.empty() ? Value() : pick(values);
  }

  void drop(Operation *op) {
    for (Value result : op->getResults()) {
      if (result.use_empty())
        continue;
      Value other = another(op, result.getType());
      if (!other)
        return;
      result.replaceAllUsesWith(other);
    }
    if (!op->hasTrait<OpTrait::IsTerminator>())
      op->erase();
  }

  void rewire(Operation *op) {
    if (!op->getNumOperands())
      return;
    unsigned index = random() % op->getNumOperands();
    if (Value other = another(op, op->getOperand(index).getType()))
      op->setOperand(index, other);
  }

  void rename(Operation *op) {
    if (op->hasAttr(SymbolTable::getSymbolAttrName()))
      op->setAttr(SymbolTable::getSymbolAttrName(),
                  builder.getStringAttr(random() % 2 ? "other" : "with space"));
    else
      changeAttribute(op);
  }

  Attribute changed(Attribute attribute) {
    if (auto integer = dyn_cast<IntegerAttr>(attribute))
      return IntegerAttr::get(integer.getType(),
                              APInt(integer.getValue().getBitWidth(),
                                    static_cast<uint64_t>(number()), false,
                                    true));
    if (auto real = dyn_cast<FloatAttr>(attribute))
      return FloatAttr::get(real.getType(),
                            oneOf<double>({0, -1, 1e30, NAN, INFINITY}));
    if (isa<StringAttr>(attribute))
      return builder.getStringAttr(random() % 2 ? "" : "other");
    if (auto array = dyn_cast<ArrayAttr>(attribute)) {
      SmallVector<Attribute> elements(array.begin(), array.end());
      if (elements.empty())
        return builder.getArrayAttr({builder.getUnitAttr()});
      size_t at = random() % elements.size();
      if (random() % 2)
        elements.erase(elements.begin() + at);
      else
        elements[at] = changed(elements[at]);
      return builder.getArrayAttr(elements);
    }
    if (auto array = dyn_cast<DenseI64ArrayAttr>(attribute)) {
      SmallVector<int64_t> values(array.asArrayRef());
      if (values.empty() || random() % 4 == 0)
        values.push_back(number());
      else
        values[random() % values.size()] = number();
      return builder.getDenseI64ArrayAttr(values);
    }
    return attribute;
  }

  void changeAttribute(Operation *op) {
    ArrayRef<NamedAttribute> attributes = op->getAttrs();
    if (attributes.empty())
      return;
    NamedAttribute attribute = pick(attributes);
    if (random() % 3 != 0) {
      op->setAttr(attribute.getName(), changed(attribute.getValue()));
      return;
    }
    op->removeAttr(attribute.getName());
    // As of every module that was read: what has a default is never absent.
    if (OpaqueProperties properties = op->getPropertiesStorage())
      op->getName().populateDefaultProperties(properties);
  }

  Type changed(RankedTensorType type) {
    if (!type.getRank() || random() % 3 == 0)
      return type.clone(oneOf<Type>(
          {builder.getF16Type(), builder.getBF16Type(), builder.getF32Type(),
           builder.getF64Type(), builder.getI1Type(), builder.getI8Type(),
           builder.getI64Type(), builder.getIndexType()}));
    SmallVector<int64_t> shape(type.getShape());
    int64_t size = oneOf<int64_t>({0, 1, 3, 7, 33, int64_t(1) << 33,
                                   int64_t(1) << 60, ShapedType::kDynamic});
    int64_t &changed = shape[random() % shape.size()];
    // All of a size, as a model's width stands in several places.
    if (random() % 2) {
      int64_t old = changed;
      for (int64_t &other : shape)
        other = other == old ? size : other;
    }
    changed = size;
    return type.clone(shape);
  }

  void changeType() {
    SmallVector<RankedTensorType> types;
    auto add = [&](Value value) {
      if (auto type = dyn_cast<RankedTensorType>(value.getType()))
        types.push_back(type);
    };
    for (Operation *op : ops) {
      for (Value result : op->getResults())
        add(result);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            add(argument);
    }
    if (types.empty())
      return;
    RankedTensorType type = pick(types);
    Type other = changed(type);
    AttrTypeReplacer replacer;
    if (random() % 2) {
      replacer.addReplacement(
          [&](RankedTensorType found) -> std::optional<Type> {
            return found == type ? std::optional<Type>(other) : std::nullopt;
          });
    } else {
      // One size, wherever it stands.
      auto ranked = cast<RankedTensorType>(other);
      int64_t from = 0, to = 0;
      for (auto [a, b] : llvm::zip(type.getShape(), ranked.getShape()))
        if (a != b)
          from = a, to = b;
      replacer.addReplacement(
          [=](RankedTensorType found) -> std::optional<Type> {
            SmallVector<int64_t> shape(found.getShape());
            for (int64_t &size : shape)
              size = size == from ? to : size;
            if (from == to)
              return std::nullopt;
            return found.clone(shape);
          });
    }
    replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};

} // namespace

void nm::test::mutate(ModuleOp module, std::mt19937 &random) {
  Mutation(module, random).run();
}
