//===- Node.h - A node while it is imported -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_NODE_H
#define NM_LIB_IMPORT_ONNX_NODE_H

#include "Emit.h"
#include "nm/Import/Onnx.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::nm::onnx {

namespace pb = ::nm::onnx;

class Importer;

/// Operands, attributes and results of one node, with the means to build what
/// it computes.
class NodeEmit : public Emit {
public:
  NodeEmit(Importer &importer, const pb::Node &node, int64_t opset,
           OpBuilder &b, Location loc)
      : Emit(b, loc), importer(importer), node(node), opset(opset) {
    outputs.resize(node.outputs.size());
  }

  Importer &importer;
  const pb::Node &node;
  /// The version of the operator set of the node's domain.
  int64_t opset;
  SmallVector<Val *> inputs; ///< null where an optional one is left out
  SmallVector<Val> outputs;
  /// The attributes of the calling node, inside of a function.
  ArrayRef<pb::Attribute> attributes;

  Val *in(size_t i) { return i < inputs.size() ? inputs[i] : nullptr; }
  bool has(size_t i) { return in(i) != nullptr; }
  bool wants(size_t i) const {
    return i < node.outputs.size() && !node.outputs[i].empty();
  }
  LogicalResult set(Val value, size_t i = 0) {
    if (i < outputs.size())
      outputs[i] = std::move(value);
    return success();
  }

  const pb::Attribute *attribute(StringRef name) const;
  int64_t intOr(StringRef name, int64_t otherwise) const;
  std::optional<int64_t> intAttribute(StringRef name) const;
  double floatOr(StringRef name, double otherwise) const;
  std::optional<double> floatAttribute(StringRef name) const;
  StringRef stringOr(StringRef name, StringRef otherwise) const;
  std::optional<SmallVector<int64_t>> intsAttribute(StringRef name) const;

  /// Whether an output is a result of the model that is written to the memory
  /// of an input, an argument: a cache of fixed size.
  bool isInPlace(size_t output, size_t input) const;

  /// Records why the node cannot be imported, and what to try; fails.
  LogicalResult fail(const Twine &why);
  /// Whether the operands from the first to the last of these are there.
  LogicalResult needs(size_t count);

  /// An axis from the end or the front; fails beyond the rank.
  FailureOr<int64_t> axis(int64_t value, int64_t rank);
  FailureOr<SmallVector<int64_t>> axes(ArrayRef<int64_t> values, int64_t rank);

  /// Whether the model is imported for a call that gives this argument.
  bool isKnownNow(const Val &value) const;
  /// Whether an operand is known to be zero.
  bool isZero(size_t i);
  /// The constant integers of an operand: of the model, or of the call the
  /// model is imported for.
  FailureOr<SmallVector<int64_t>> constantInts(size_t i, StringRef what);
  /// The same where the attribute of older versions, or else the operand of
  /// newer ones, says it; nothing if neither is there.
  FailureOr<std::optional<SmallVector<int64_t>>>
  attributeOrInput(StringRef name, size_t i);
  /// The elements of a 1-D operand as sizes, known or not.
  FailureOr<SmallVector<OpFoldResult>> sizes(size_t i, StringRef what);
  /// The element of a list that `subject` has to have one of.
  template <typename T>
  FailureOr<T> only(const FailureOr<SmallVector<T>> &values,
                    const Twine &subject) {
    if (failed(values))
      return failure();
    if (values->size() != 1)
      return fail(subject + " has " + Twine(values->size()) +
                  " elements, expected 1");
    return values->front();
  }

  std::optional<Dims> broadcastShapes(ArrayRef<Val *> operands);
};

using Handler = LogicalResult (*)(NodeEmit &);

/// What the elements of an operand may be; an index is of i32 or i64.
enum class Elements : uint8_t { Any, Float, Whole, Index, Truth };

/// One row of the table of operators.
struct Operator {
  Handler handler = nullptr;
  int64_t since = 1;
  StringRef family, domain, name;
  /// What is left out, for the documentation.
  StringRef limits;
  /// Of the operands from the first on; those after them are the handler's to
  /// check.
  SmallVector<Elements, 2> elements;

  /// Fails where an operand has other elements.
  LogicalResult checkElements(NodeEmit &n) const;
};

class OperatorTable {
public:
  /// Names the rows that follow.
  void family(StringRef name, StringRef domain = "");
  void add(StringRef name, Handler handler, int64_t since = 1,
           StringRef limits = "");
  /// What the operands of a row of the present family take.
  void takes(StringRef name, ArrayRef<Elements> elements);
  const Operator *find(StringRef domain, StringRef name) const;
  ArrayRef<Operator> rows() const { return all; }
  SmallVector<StringRef> names(StringRef domain) const;

private:
  StringRef currentFamily, currentDomain;
  std::vector<Operator> all;
  llvm::StringMap<size_t> places;
};

/// Built once; one function for each file of a family.
const OperatorTable &operators();

void addActivations(OperatorTable &table);
void addElementwise(OperatorTable &table);
void addReductions(OperatorTable &table);
void addShapes(OperatorTable &table);
void addPieces(OperatorTable &table);
void addGathers(OperatorTable &table);
void addSelections(OperatorTable &table);
void addProducts(OperatorTable &table);
void addWindows(OperatorTable &table);
void addTransposedConvolution(OperatorTable &table);
void addResize(OperatorTable &table);
void addNormalizations(OperatorTable &table);
void addAttention(OperatorTable &table);
void addRecurrences(OperatorTable &table);
void addRecurrentLayers(OperatorTable &table);
void addLoops(OperatorTable &table);
void addQuantization(OperatorTable &table);
void addControl(OperatorTable &table);
void addMicrosoft(OperatorTable &table);

/// Rows of the table in files of their own.
LogicalResult tensorScatter(NodeEmit &n);
LogicalResult groupQueryAttention(NodeEmit &n);
LogicalResult branch(NodeEmit &n);

/// A graph of an attribute, inlined: the branch of an If, a step of a loop. It
/// takes as many `inputs` as it has.
FailureOr<SmallVector<Val>> importGraph(NodeEmit &node, const pb::Graph &graph,
                                        ArrayRef<Val> inputs);
/// The values of a tensor of the model as they may stand in the module.
FailureOr<Val> importTensor(NodeEmit &node, const pb::Tensor &tensor);
FailureOr<Val> importSparse(NodeEmit &node, const pb::SparseTensor &tensor);

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_NODE_H
