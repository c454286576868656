//===- TorchCheckpoint.cpp - a file of torch.save as a checkpoint ---------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pickle of such a file is read as a description (Pickle.h). A tensor in it
// is what a call of torch._utils._rebuild_tensor_v2(storage, offset, shape,
// strides, ...) would give, whose storage is a persistent id (TorchStorages.h).
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "TorchStorages.h"
#include <unordered_set>

namespace nm::rt {

using Kind = PickleValue::Kind;

namespace {
struct TorchType {
  const char *storage; ///< of torch.<storage>
  const char *name;    ///< of torch.<name>
  DType dtype;
};
} // namespace

static constexpr TorchType kTypes[] = {
    {"FloatStorage", "float32", DType::F32},
    {"DoubleStorage", "float64", DType::F64},
    {"HalfStorage", "float16", DType::F16},
    {"BFloat16Storage", "bfloat16", DType::BF16},
    {"LongStorage", "int64", DType::I64},
    {"IntStorage", "int32", DType::I32},
    {"ShortStorage", "int16", DType::I16},
    {"CharStorage", "int8", DType::I8},
    {"ByteStorage", "uint8", DType::U8},
    {"BoolStorage", "bool", DType::Bool},
    {nullptr, "uint16", DType::U16},
    {nullptr, "uint32", DType::U32},
    {nullptr, "uint64", DType::U64},
    {nullptr, "float8_e4m3fn", DType::F8E4M3},
    {nullptr, "float8_e5m2", DType::F8E5M2},
};

/// Storages of which no tensor is read, but which lie between others.
static constexpr std::pair<std::string_view, int64_t> kOtherStorages[] = {
    {"UntypedStorage", 1},      {"QInt8Storage", 1},
    {"QUInt8Storage", 1},       {"QUInt4x2Storage", 1},
    {"QUInt2x4Storage", 1},     {"QInt32Storage", 4},
    {"ComplexFloatStorage", 8}, {"ComplexDoubleStorage", 16},
};

int64_t torchElementBytes(std::string_view type) {
  for (const TorchType &row : kTypes)
    if (row.storage && type == row.storage)
      return elementBytes(row.dtype);
  for (auto [name, bytes] : kOtherStorages)
    if (type == name)
      return bytes;
  return 0;
}

/// A name without its module.
static std::string_view lastName(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

std::optional<TorchStorageId> torchStorageOf(const PickleValue &value) {
  if (!value.is(Kind::Stored) || !value.items[0]->is(Kind::Tuple))
    return std::nullopt;
  const std::vector<PickleValue *> &parts = value.items[0]->items;
  if (parts.size() < 5 || !parts[0]->is(Kind::Text) ||
      parts[0]->text != "storage" || !parts[1]->is(Kind::Global) ||
      !parts[2]->is(Kind::Text))
    return std::nullopt;
  TorchStorageId id{lastName(parts[1]->text), parts[2]->text};
  if (parts[4]->is(Kind::Int))
    id.elements = parts[4]->integer;
  // (key of the view, offset, elements of the view)
  if (parts.size() > 5 && parts[5]->is(Kind::Tuple) &&
      parts[5]->items.size() == 3 && parts[5]->items[1]->is(Kind::Int))
    id.offset = parts[5]->items[1]->integer;
  return id;
}

namespace {
class TorchCheckpoint final : public Checkpoint {
public:
  TorchCheckpoint(const std::string &path, const FileImage &image,
                  std::unique_ptr<TorchStorages> storages)
      : Checkpoint(path, Format::Torch), storages(std::move(storages)) {
    identities.push_back(image.identity);
  }

  Status finish(const PickleValue *root);

protected:
  Result<LoadedTensor> readIndex(size_t index) const override;

private:
  struct Stored {
    TensorInfo info;
    std::string key; ///< of the storage
    int64_t offset = 0;
    std::vector<int64_t> strides;
  };

  std::unique_ptr<TorchStorages> storages;
  std::vector<Stored> stored;
  std::unordered_set<const PickleValue *> onPath;
  size_t visits = 0;

  Status collect(const PickleValue &value, const std::string &name);
  /// Fills in a tensor, or says why there is none.
  Status describe(const PickleValue &arguments, bool typed,
                  Stored &tensor) const;
};
} // namespace

/// The integers of a tuple or a list: a shape, strides.
static bool integersOf(const PickleValue &value, std::vector<int64_t> &out) {
  // torch.Size([...]) is a call with one list.
  const PickleValue *list = &value;
  if (value.is(Kind::Made) && value.items[0]->isGlobal("torch.Size") &&
      value.items[1]->is(Kind::Tuple) && value.items[1]->items.size() == 1)
    list = value.items[1]->items[0];
  if (!list->is(Kind::Tuple) && !list->is(Kind::List))
    return false;
  for (const PickleValue *item : list->items) {
    if (!item->is(Kind::Int) || item->integer < 0)
      return false;
    out.push_back(item->integer);
  }
  return true;
}

/// Bytes from the start of a storage that a strided tensor reaches, checked.
static bool reach(const std::vector<int64_t> &shape,
                  const std::vector<int64_t> &strides, int64_t offset,
                  int64_t elem, int64_t &bytes) {
  int64_t last = offset;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) {
      bytes = 0;
      return true;
    }
    int64_t step;
    if (mulOverflow(shape[d] - 1, strides[d], step) ||
        addOverflow(last, step, last))
      return false;
  }
  return !addOverflow(last, 1, last) && !mulOverflow(last, elem, bytes);
}

/// `arguments` are those of _rebuild_tensor_v2 or, where `typed`, of
/// _rebuild_tensor_v3, whose seventh is the element type.
Status TorchCheckpoint::describe(const PickleValue &arguments, bool typed,
                                 Stored &tensor) const {
  auto fail = [](auto &&...parts) { return makeError(Errc::Format, parts...); };
  const std::vector<PickleValue *> &given = arguments.items;
  if (!arguments.is(Kind::Tuple) || given.size() < (typed ? 7u : 4u))
    return fail("its description has too few parts");
  std::optional<TorchStorageId> storage = torchStorageOf(*given[0]);
  if (!storage)
    return fail("its storage is not described as torch.save does");
  if (!given[1]->is(Kind::Int) || given[1]->integer < 0 ||
      !integersOf(*given[2], tensor.info.shape) ||
      !integersOf(*given[3], tensor.strides) ||
      tensor.strides.size() != tensor.info.shape.size())
    return fail("offset, shape and strides are not non-negative integers, as "
                "many strides as dimensions");
  if (storage->offset < 0 ||
      addOverflow(given[1]->integer, storage->offset, tensor.offset))
    return fail("its storage is a view from element ", storage->offset);
  tensor.info.dtypeText = typed ? lastName(given[6]->text) : storage->type;
  for (const TorchType &row : kTypes)
    if (const char *known = typed ? row.name : row.storage;
        known && tensor.info.dtypeText == known) {
      tensor.info.dtype = row.dtype;
      tensor.info.dtypeText = row.name;
    }
  int64_t elem = elementBytes(tensor.info.dtype);
  Result<int64_t> count = checkedCount(tensor.info.shape, elem);
  if (!count)
    return fail(count.error().message);
  tensor.key = storage->key;
  Result<uint64_t> size = storages->sizeOf(tensor.key);
  if (!size)
    return size.error();
  uint64_t has = *size;
  // torch.Tensor.expand repeats by strides of 0: a few bytes may stand for any
  // number of them.
  if (elem != 0 && uint64_t(*count) > has / uint64_t(elem))
    return fail("shape ", shapeString(tensor.info.shape),
                " repeats its storage "
                "of ",
                has, " bytes; save a contiguous() copy of it");
  int64_t bytes;
  if (elem != 0 &&
      (!reach(tensor.info.shape, tensor.strides, tensor.offset, elem, bytes) ||
       uint64_t(bytes) > has))
    return fail("shape ", shapeString(tensor.info.shape), ", strides ",
                shapeString(tensor.strides), " and offset ", tensor.offset,
                " leave its storage of ", has, " bytes");
  return {};
}

/// The dict or tensor that an object of torch's wraps, else the value itself.
static const PickleValue *unwrap(const PickleValue *value) {
  while (value->is(Kind::Made) && value->items[1]->is(Kind::Tuple) &&
         !value->items[1]->items.empty() &&
         (value->items[0]->isGlobal("torch._utils._rebuild_parameter") ||
          value->items[0]->isGlobal(
              "torch._utils._rebuild_parameter_with_state") ||
          value->items[0]->isGlobal("torch.nn.parameter.Parameter"))) {
    const PickleValue *inner = value->items[1]->items[0];
    if (inner == value)
      break;
    value = inner;
  }
  return value;
}

/// The parts of a semi-structured tensor: the attributes of an object that
/// torch._tensor._rebuild_from_type_v2(function, class, arguments, attributes)
/// would give. Null for other objects.
static const PickleValue *semiStructuredParts(const PickleValue &value) {
  if (!value.is(Kind::Made) ||
      !value.items[0]->isGlobal("torch._tensor._rebuild_from_type_v2") ||
      !value.items[1]->is(Kind::Tuple) || value.items[1]->items.size() < 4)
    return nullptr;
  const std::vector<PickleValue *> &given = value.items[1]->items;
  constexpr std::string_view known =
      "torch.sparse.semi_structured.SparseSemiStructuredTensor";
  if (!given[1]->is(Kind::Global) ||
      given[1]->text.compare(0, known.size(), known) != 0)
    return nullptr;
  const PickleValue *attributes = given[3];
  if (attributes->is(Kind::Tuple) && !attributes->items.empty())
    attributes = attributes->items[0]; // beside those of __slots__
  return attributes->is(Kind::Dict) ? attributes : nullptr;
}

/// Adds every tensor below a value; its name is the path of keys to it.
Status TorchCheckpoint::collect(const PickleValue &given,
                                const std::string &name) {
  // Generous for state dicts of optimizers; hostile pickles share and nest.
  constexpr size_t maxVisits = 10000000, maxDepth = 32;
  const PickleValue &value = *unwrap(&given);
  if (++visits > maxVisits || onPath.size() > maxDepth ||
      onPath.count(&value) != 0)
    return makeError(Errc::Format, path(), ": ", quote(name),
                     " is nested too deep, in itself, or too often");
  if (value.is(Kind::Made)) {
    const std::string &callee = value.items[0]->text;
    bool typed = callee == "torch._utils._rebuild_tensor_v3";
    if (typed || callee == "torch._utils._rebuild_tensor_v2" ||
        callee == "torch._utils._rebuild_tensor") {
      Stored tensor;
      tensor.info.name = name;
      tensor.info.storage = storages->kind();
      if (Status status = describe(*value.items[1], typed, tensor); !status)
        tensor.info.note = status.error().message;
      stored.push_back(std::move(tensor));
      return {};
    }
  }
  if (const PickleValue *parts = semiStructuredParts(value)) {
    for (auto [key, item] : parts->entries)
      if (key->is(Kind::Text) && (key->text == "packed" || key->text == "meta"))
        NM_RETURN_IF_ERROR(collect(*item, name + "." + key->text));
    return {};
  }
  // Entries of a dict or an OrderedDict, items of a list or a tuple. Other
  // objects are not looked into.
  bool isDict = value.is(Kind::Dict) ||
                (value.is(Kind::Made) &&
                 value.items[0]->isGlobal("collections.OrderedDict"));
  bool isList = value.is(Kind::List) || value.is(Kind::Tuple);
  if (!isDict && !isList)
    return {};
  onPath.insert(&value);
  auto below = [&](const std::string &key) {
    return name.empty() ? key : name + "." + key;
  };
  if (isDict)
    for (auto [key, item] : value.entries) {
      if (key->is(Kind::Text))
        NM_RETURN_IF_ERROR(collect(*item, below(key->text)));
      else if (key->is(Kind::Int))
        NM_RETURN_IF_ERROR(collect(*item, below(std::to_string(key->integer))));
    }
  for (size_t i = 0; isList && i < value.items.size(); ++i)
    NM_RETURN_IF_ERROR(collect(*value.items[i], below(std::to_string(i))));
  onPath.erase(&value);
  return {};
}

/// What trainers put around the state dict: its tensors go by their own names.
static const PickleValue *findState(const PickleValue &root,
                                    const std::string &key) {
  for (auto [name, value] : root.entries)
    if (name->is(Kind::Text) && name->text == key && !value->entries.empty())
      return value;
  return nullptr;
}

/// The class of an object; one that is pickled with its source is a persistent
/// id ('module', class, file, source).
static std::string classOf(const PickleValue &callee) {
  if (callee.is(Kind::Stored) && callee.items[0]->is(Kind::Tuple) &&
      callee.items[0]->items.size() > 1)
    return callee.items[0]->items[1]->text;
  return callee.text;
}

Status TorchCheckpoint::finish(const PickleValue *root) {
  for (const char *key : {"state_dict", "model_state_dict", "model"})
    if (const PickleValue *state = findState(*root, key)) {
      root = state;
      break;
    }
  NM_RETURN_IF_ERROR(collect(*root, ""));
  if (stored.empty()) {
    const PickleValue *callee = root->is(Kind::Made) ? root->items[0] : nullptr;
    if (callee && !callee->isGlobal("collections.OrderedDict"))
      return makeError(Errc::Unsupported, path(), ": holds an object of class ",
                       quote(classOf(*callee)),
                       ", not a dict of tensors; load it in PyTorch and save "
                       "its state_dict()");
  }
  return setStored(stored);
}

Result<LoadedTensor> TorchCheckpoint::readIndex(size_t index) const {
  const Stored &tensor = stored[index];
  auto bytes = storages->read(tensor.key);
  if (!bytes)
    return bytes.error();
  TensorView view;
  view.data = bytes->get() + tensor.offset * elementBytes(tensor.info.dtype);
  view.dtype = tensor.info.dtype;
  view.shape = tensor.info.shape;
  view.strides = tensor.strides;
  LoadedTensor loaded;
  loaded.tensor = {std::move(view), *bytes};
  return loaded;
}

Result<CheckpointPtr>
makeTorchCheckpoint(const std::string &path, const FileImage &image,
                    std::unique_ptr<TorchStorages> storages,
                    const Pickle &pickle) {
  auto checkpoint =
      std::make_shared<TorchCheckpoint>(path, image, std::move(storages));
  NM_RETURN_IF_ERROR(checkpoint->finish(pickle.root()));
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
