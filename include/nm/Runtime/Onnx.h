//===- Onnx.h - ONNX models as they lie in the file -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The messages of onnx.proto that models are made of (IR versions 3 to 13),
// read from the file's bytes. Texts and tensor data are views of these bytes:
// nothing of a weight is copied, and files beyond the 2 GiB of protobuf's own
// library can be read. Fields that a newer version adds are passed over, as
// protobuf asks; element types are numbers, so that one that is new is named,
// not lost.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_ONNX_H
#define NM_RUNTIME_ONNX_H

#include "nm/Runtime/DType.h"
#include "nm/Runtime/Result.h"
#include "nm/Runtime/Tensor.h"
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nm::onnx {

using rt::Result;
using rt::Status;

/// TensorProto.DataType.
enum ElementType : int32_t {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  Bfloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  Uint4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  Uint2 = 25,
  Int2 = 26
};

/// "float16", or "element type 99".
std::string elementTypeName(int32_t type);

/// The runtime's type; Unknown for those it has none for.
rt::DType toDType(int32_t type);

/// Bits of an element; 0 for strings and for types that are not known.
int64_t elementBits(int32_t type);

/// TensorProto. The values lie in one of the fields; `raw` comes before others.
struct Tensor {
  std::string_view name;
  int32_t type = Undefined;
  std::vector<int64_t> dims;
  bool hasRaw = false;
  std::string_view raw;
  /// float_data, double_data: packed little-endian bytes, or their pieces put
  /// together where the file spreads them.
  std::string floats, doubles;
  std::vector<int64_t> int32s, int64s;
  std::vector<uint64_t> uint64s;
  std::vector<std::string_view> strings;
  /// data_location = EXTERNAL.
  bool external = false;
  std::string_view location;
  int64_t offset = 0;
  int64_t length = -1; ///< -1: to the end of the file
};

/// SparseTensorProto.
struct SparseTensor {
  Tensor values, indices;
  std::vector<int64_t> dims;
};

struct Graph;

/// AttributeProto.
struct Attribute {
  enum Kind : int32_t {
    None = 0,
    F = 1,
    I = 2,
    S = 3,
    T = 4,
    G = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8,
    Tensors = 9,
    Graphs = 10,
    Sparse = 11,
    SparseList = 12,
    TypeProto = 13,
    TypeProtos = 14
  };
  std::string_view name;
  int32_t kind = None;
  /// The attribute of the function that it stands for.
  std::string_view reference;
  /// The values by the names that onnx.proto gives them.
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  std::shared_ptr<Tensor> t;
  std::shared_ptr<Graph> g;
  std::shared_ptr<SparseTensor> sparse;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
};

/// NodeProto.
struct Node {
  std::vector<std::string_view> inputs, outputs;
  std::string_view name, opType, domain, overload, doc;
  std::vector<Attribute> attributes;
};

/// TensorShapeProto.Dimension.
struct Dimension {
  int64_t value = -1; ///< -1: not known
  std::string_view symbol;
};

/// ValueInfoProto of a tensor.
struct ValueInfo {
  std::string_view name, doc;
  /// Not a tensor: a sequence, map, optional or sparse tensor.
  std::string_view otherKind;
  int32_t type = Undefined;
  bool hasShape = false;
  std::vector<Dimension> shape;
};

/// GraphProto.
struct Graph {
  std::string_view name, doc;
  std::vector<Node> nodes;
  std::vector<ValueInfo> inputs, outputs, values;
  std::vector<Tensor> initializers;
  std::vector<SparseTensor> sparseInitializers;
};

struct OperatorSet {
  std::string_view domain;
  int64_t version = 0;
};

/// FunctionProto.
struct Function {
  std::string_view name, domain, overload, doc;
  std::vector<std::string_view> inputs, outputs, attributes;
  std::vector<Attribute> defaults;
  std::vector<Node> nodes;
  std::vector<OperatorSet> opsets;
};

/// ModelProto. It keeps the bytes alive that its views show.
struct Model {
  std::string path;
  int64_t irVersion = 0;
  std::string_view producer, producerVersion, domain, doc;
  std::vector<OperatorSet> opsets;
  Graph graph;
  std::vector<Function> functions;
  std::shared_ptr<const void> owner;
};

/// Tensors of up to this many elements are no weights but numbers of the
/// program.
inline constexpr int64_t kInlineElements = 64;

/// A tensor of a model's graph that can be a weight; one of the two is set.
struct NamedTensor {
  std::string_view name;
  const Tensor *dense = nullptr;
  const SparseTensor *sparse = nullptr;

  const std::vector<int64_t> &dims() const {
    return dense ? dense->dims : sparse->dims;
  }
  /// What holds its values.
  const Tensor &values() const { return dense ? *dense : sparse->values; }
};

/// The initializers of a graph, and what its nodes Constant hold where that is
/// more than kInlineElements, by the names of their outputs.
std::vector<NamedTensor> namedTensors(const Graph &graph);

/// Whether a file begins as ONNX models do: with its IR version, then a string
/// or the graph.
bool looksLikeModel(const void *data, size_t size);

/// Reads a model from bytes that outlive it. `path` is for messages and for the
/// folder of external data. Errors name the place: the offset in the file and
/// the field.
Result<std::shared_ptr<const Model>>
parseModel(const void *data, size_t size, const std::string &path,
           std::shared_ptr<const void> owner = nullptr);

/// Maps and reads a file.
Result<std::shared_ptr<const Model>> openModel(const std::string &path);

/// The values of a tensor, row-major, as the runtime's element type: a view of
/// the model's file or of a file of external data below the model's folder, or
/// a copy where the message spreads them. Sizes are checked before anything is
/// allocated.
Result<rt::Tensor> readTensor(const Model &model, const Tensor &tensor);

/// The dense form of a sparse tensor.
Result<rt::Tensor> readSparse(const Model &model, const SparseTensor &tensor);

} // namespace nm::onnx

#endif // NM_RUNTIME_ONNX_H
