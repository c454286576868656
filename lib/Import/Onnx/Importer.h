//===- Importer.h - A graph, node by node -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_IMPORTER_H
#define NM_LIB_IMPORT_ONNX_IMPORTER_H

#include "Node.h"
#include "nm/Support/Text.h"
#include <map>

namespace mlir::nm::onnx {

inline std::string quoted(StringRef name) {
  return ::nm::support::quote({name.data(), name.size()});
}

/// The values of a graph by name; those around it are seen from inside.
struct Scope {
  const Scope *parent = nullptr;
  std::map<std::string, Val, std::less<>> values;
};

class Importer {
public:
  Importer(const pb::Model &model, MLIRContext *context,
           const OnnxImportOptions &options)
      : model(model), options(options), builder(context) {}

  llvm::Expected<OwningOpRef<ModuleOp>> run();

  const pb::Model &model;
  const OnnxImportOptions &options;
  OpBuilder builder;
  Emit::Memo memo;
  std::vector<std::string> errors;
  std::vector<std::string> arguments;

  /// The values of an argument for the one call that the model is imported
  /// for; null if there is no such call.
  const ::nm::rt::Tensor *valuesOf(const Val &value) const {
    return value.argument && options.argument
               ? options.argument(arguments, *value.argument)
               : nullptr;
  }

  /// Records a problem; all are reported together.
  void report(const std::string &text);
  /// "node 'x' (Foo, operator set 17)", and its text if it has one.
  std::string describe(const pb::Node &node, int64_t opset) const;

  /// Element type and values of a tensor: a parameter of this key if it is
  /// large enough and there is one, else a constant.
  FailureOr<Val> constant(Emit &emit, const pb::Tensor &tensor, StringRef key);
  FailureOr<Val> constant(Emit &emit, const pb::SparseTensor &tensor,
                          StringRef key);

  /// Whether the node that is imported stands in the model's graph itself.
  bool isInMainGraph() const {
    return functionDepth == 0 && current && !current->parent;
  }

  LogicalResult importNodes(ArrayRef<pb::Node> nodes, Scope &scope,
                            ArrayRef<pb::OperatorSet> opsets,
                            ArrayRef<pb::Attribute> attributes);
  LogicalResult importInitializers(const pb::Graph &graph, Scope &scope,
                                   bool asParams);
  /// The value of a name, null if there is none. Values of outer graphs are
  /// copied in.
  Val *find(Scope &scope, StringRef name);
  LogicalResult define(Scope &scope, StringRef name, Val value,
                       const Twine &what);
  /// That not too many nodes are copied in place of one.
  LogicalResult countInlined(NodeEmit &node, size_t count);

  /// Where the node that is being imported stands.
  Scope *current = nullptr;
  ArrayRef<pb::OperatorSet> currentOpsets;
  ArrayRef<pb::Attribute> currentAttributes;

private:
  void checkOperators(ArrayRef<pb::Node> nodes,
                      ArrayRef<pb::OperatorSet> opsets, int depth);
  LogicalResult importNode(const pb::Node &node, Scope &scope);
  LogicalResult callFunction(const pb::Function &function, NodeEmit &call);
  const pb::Function *findFunction(const pb::Node &node) const;
  int64_t opsetOf(StringRef domain, ArrayRef<pb::OperatorSet> sets) const;
  std::optional<int64_t> fixedSize(const pb::ValueInfo &input, size_t d) const;
  /// That each size the options give has a dimension.
  LogicalResult checkSizes();
  /// The sizes of the call's arrays: callSizes, callShapes.
  LogicalResult readCallSizes(const Scope &scope);
  LogicalResult addArguments(func::FuncOp func, Scope &scope);
  FailureOr<Val> fromData(Emit &emit, const ::nm::rt::Tensor &data,
                          int32_t type);
  LogicalResult finish(func::FuncOp func, Scope &scope);
  llvm::Error allErrors() const;

  llvm::StringMap<const pb::Function *> functions;
  /// A size that an array of the call gives to a symbol, and where.
  struct CallSize {
    int64_t size;
    std::string place; ///< "dimension 0 of 'x'"
  };
  llvm::StringMap<CallSize> callSizes;
  /// The shapes of the call's arrays, by input.
  llvm::StringMap<std::vector<int64_t>> callShapes;
  int functionDepth = 0;
  /// Nodes of functions so far, as often as each was inlined.
  size_t inlinedNodes = 0;
};

/// Whether the module can hold such elements; reports if not.
bool checkType(Importer &importer, Emit &emit, StringRef name, int32_t type);

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_IMPORTER_H
