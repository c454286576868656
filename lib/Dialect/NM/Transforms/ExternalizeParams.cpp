//===- ExternalizeParams.cpp - Checkpoint parameters become function arguments -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IntegerSign.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Dialect/NM/IR/GroupForm.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Support/JsonWriter.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::nm {
#define GEN_PASS_DEF_EXTERNALIZEPARAMS
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;
using ::nm::support::jsonText;
using ::nm::support::JsonWriter;

namespace {

/// A parameter as the manifest lists it. Attributes are uniqued, so equal
/// parameters compare equal and are passed once.
struct Parameter {
  StringAttr key, scope;
  RankedTensorType type;
  ::nm::support::DType dtype;
  LayoutAttr layout;
  SmallVector<Type> storage;

  /// What two parameters that are one have in common.
  using Identity = std::tuple<Attribute, Attribute, Type, Attribute, unsigned>;
  Identity identity() const {
    return {key, scope, type, layout, static_cast<unsigned>(dtype)};
  }
};

std::optional<Parameter> getParameter(Operation *op) {
  if (auto packed = dyn_cast<PackedParamOp>(op)) {
    auto type = cast<RankedTensorType>(packed.getType());
    // Packed integers are what products take, which is signed.
    bool isDense = packed.getLayout().isDense();
    return Parameter{packed.getKeyAttr(),
                     packed.getScopeAttr(),
                     type,
                     isDense ? storedDType(packed->getResult(0))
                             : toDType(type.getElementType()),
                     packed.getLayout(),
                     llvm::to_vector(packed->getResultTypes())};
  }
  if (auto param = dyn_cast<ParamOp>(op))
    return Parameter{param.getKeyAttr(),
                     param.getScopeAttr(),
                     param.getResult().getType(),
                     storedDType(param.getResult()),
                     DenseLayoutAttr::get(op->getContext()),
                     {param.getResult().getType()}};
  return std::nullopt;
}

void writeParameter(JsonWriter &json, const Parameter &parameter) {
  json.field("key", parameter.key.getValue());
  json.field("scope",
             parameter.scope ? parameter.scope.getValue() : StringRef());
  json.list("shape", parameter.type.getShape());
  json.field("dtype", ::nm::support::dtypeName(parameter.dtype));
  if (SparsityAttr sparsity = getSparsity(parameter.type))
    json.object("sparsity", [&] {
      json.field("n", sparsity.getN());
      json.field("m", sparsity.getM());
      json.field("axis", sparsity.getAxis());
      if (sparsity.isQuantized()) {
        json.field("bits", sparsity.getBits());
        json.field("group", sparsity.getGroup());
        if (sparsity.getScale())
          json.field("scale",
                     ::nm::support::dtypeName(getGroupForm(sparsity).scale));
        if (sparsity.getZeros())
          json.field("zeros", true);
      }
    });
  else
    json.field("sparsity", nullptr);
  json.field("layout",
             parameter.layout.getSpecString(getSparsity(parameter.type)));
}

void writeManifest(JsonWriter &json, ArrayRef<Parameter> parameters) {
  json.field("version", 1);
  json.array("parameters", [&] {
    for (const Parameter &parameter : parameters)
      json.object([&] { writeParameter(json, parameter); });
  });
}

struct ExternalizeParamsPass
    : public mlir::nm::impl::ExternalizeParamsBase<ExternalizeParamsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTableCollection symbols;
    for (auto func : module.getOps<func::FuncOp>())
      if (failed(collect(func, symbols)))
        return signalPassFailure();
    for (auto &[func, parameters] : required)
      addArguments(func, parameters);
    for (auto &[func, parameters] : required)
      func.walk([&](func::CallOp call) { extendCall(call, symbols); });

    std::string manifests = jsonText(0, [&](JsonWriter &json) {
      json.object([&] {
        for (auto func : module.getOps<func::FuncOp>())
          if (func.isPublic() && !func.isExternal())
            json.object(func.getName(),
                        [&] { writeManifest(json, required[func]); });
      });
    });
    module->setAttr("nm.manifest", StringAttr::get(&getContext(), manifests));
  }

private:
  /// Parameters that `func` and its callees read, in order of first use.
  LogicalResult collect(func::FuncOp func, SymbolTableCollection &symbols) {
    if (required.count(func))
      return success();
    if (!active.insert(func).second)
      return func.emitOpError("reads parameters in a recursive call cycle, "
                              "which nm-externalize-params does not handle");
    SmallVector<Parameter> list;
    llvm::DenseSet<Parameter::Identity> known;
    auto append = [&](const Parameter &parameter) {
      if (known.insert(parameter.identity()).second)
        list.push_back(parameter);
    };
    WalkResult result = func.walk([&](Operation *op) {
      if (std::optional<Parameter> parameter = getParameter(op))
        append(*parameter);
      if (auto call = dyn_cast<func::CallOp>(op)) {
        auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
            call, call.getCalleeAttr());
        if (!callee || callee.isExternal())
          return WalkResult::advance();
        if (failed(collect(callee, symbols)))
          return WalkResult::interrupt();
        llvm::for_each(required[callee], append);
      }
      return WalkResult::advance();
    });
    active.erase(func);
    if (result.wasInterrupted())
      return failure();
    required[func] = std::move(list);
    return success();
  }

  void addArguments(func::FuncOp func, ArrayRef<Parameter> parameters) {
    if (func.isExternal())
      return;
    Builder builder(func.getContext());
    // Callers keep their inputs: nothing is written in place of an argument but
    // the result that they ask for.
    NamedAttribute readOnly(
        builder.getStringAttr(
            bufferization::BufferizationDialect::kWritableAttrName),
        builder.getBoolAttr(false));
    if (func.isPublic())
      for (unsigned i = 0; i < func.getNumArguments(); ++i)
        if (isa<RankedTensorType>(func.getArgumentTypes()[i]) &&
            !func.getArgAttr(i, kInPlaceAttrName))
          func.setArgAttr(i, readOnly.getName(), readOnly.getValue());
    // All at once: each insertion writes the whole type of the function anew.
    SmallVector<Type> types;
    for (const Parameter &parameter : parameters)
      llvm::append_range(types, parameter.storage);
    unsigned next = func.getNumArguments();
    (void)func.insertArguments(
        SmallVector<unsigned>(types.size(), next), types,
        SmallVector<DictionaryAttr>(
            types.size(),
            builder.getDictionaryAttr(
                {readOnly,
                 builder.getNamedAttr(kParamAttrName, builder.getUnitAttr())})),
        SmallVector<Location>(types.size(), func.getLoc()));
    ArgumentsOf &own = arguments[func];
    for (const Parameter &parameter : parameters)
      for (size_t i = 0; i != parameter.storage.size(); ++i)
        own[parameter.identity()].push_back(func.getArgument(next++));
    func.walk([&](Operation *op) {
      std::optional<Parameter> parameter = getParameter(op);
      if (!parameter)
        return;
      op->replaceAllUsesWith(own.find(parameter->identity())->second);
      op->erase();
    });
  }

  void extendCall(func::CallOp call, SymbolTableCollection &symbols) {
    auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    if (!callee || callee.isExternal())
      return;
    auto caller = call->getParentOfType<func::FuncOp>();
    SmallVector<Value> values;
    ArgumentsOf &own = arguments[caller];
    for (const Parameter &parameter : required[callee])
      llvm::append_range(values, own.lookup(parameter.identity()));
    call.getOperandsMutable().append(values);
  }

  llvm::MapVector<func::FuncOp, SmallVector<Parameter>> required;
  using ArgumentsOf =
      llvm::DenseMap<Parameter::Identity, SmallVector<Value, 2>>;
  llvm::DenseMap<func::FuncOp, ArgumentsOf> arguments;
  llvm::SmallPtrSet<Operation *, 8> active;
};

} // namespace
