//===- ModelRun.cpp - Compiled models are run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "Support.h"
#include "nm/Runtime/Tensor.h"
#include <algorithm>
#include <array>

namespace nm::rt {

/// "[2, ?]".
static std::string typeString(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") +
            (shape[i] < 0 ? std::string("?") : std::to_string(shape[i]));
  return text + "]";
}

static std::string shapeOf(const nm_value &value) {
  return value.shape || value.rank == 0
             ? typeString({value.shape, value.shape + value.rank})
             : "of " + std::to_string(value.rank) + " dimensions";
}

static size_t wordsOf(const ModelValue &type) {
  return type.isScalar ? 1 : 3 + 2 * type.shape.size();
}

/// Elements of a shape whose product was checked or that is small.
static Result<int64_t> bytesOf(const nm_value &value, DType dtype) {
  int64_t bytes = elementBytes(dtype);
  bool isEmpty = false;
  for (size_t i = 0; i < value.rank; ++i) {
    if (value.shape[i] < 0)
      return makeError(Errc::Argument, "a size is ", value.shape[i]);
    isEmpty |= value.shape[i] == 0;
    if (value.shape[i] > 1 && mulOverflow(bytes, value.shape[i], bytes))
      return makeError(Errc::Argument, "more bytes than there can be");
  }
  return isEmpty ? 0 : bytes;
}

/// Row-major without gaps; dimensions of size 1 have free strides.
static bool isRowMajor(const nm_value &value) {
  if (!value.strides)
    return true;
  int64_t expected = 1;
  for (size_t i = value.rank; i-- > 0;) {
    if (value.shape[i] == 0)
      return true;
    if (value.shape[i] > 1 && value.strides[i] != expected)
      return false;
    expected *= std::max<int64_t>(value.shape[i], 1);
  }
  return true;
}

/// The sizes of memory in which a cache grows, as its strides tell them.
struct Room {
  std::array<int64_t, size_t(kMaxRank)> shape;
};

/// What is wrong with the strides of a cache that grows in `dim` is an error.
static Result<Room> roomOf(const nm_value &value, size_t dim) {
  Room room = {};
  std::copy(value.shape, value.shape + value.rank, room.shape.begin());
  if (!value.strides)
    return room;
  int64_t expected = 1;
  auto wrong = [&](const std::string &what) {
    return makeError(Errc::Mismatch, "has strides ",
                     typeString({value.strides, value.strides + value.rank}),
                     " for shape ", shapeOf(value), ", expected ", what);
  };
  for (size_t d = value.rank; d-- > 0;) {
    if (d == dim) {
      int64_t stride = value.strides[d - 1];
      if (stride < 0 || stride % expected != 0)
        return wrong("a multiple of " + std::to_string(expected) +
                     " in dimension " + std::to_string(d - 1) +
                     ", which tells how much room there is in dimension " +
                     std::to_string(d));
      room.shape[d] = stride / expected;
      if (room.shape[d] < value.shape[d])
        return wrong("room for " + std::to_string(value.shape[d]) +
                     " in dimension " + std::to_string(d) +
                     ", which they have for " + std::to_string(room.shape[d]));
    }
    if (value.shape[d] > 1 && value.strides[d] != expected)
      return wrong("row-major ones in memory with room in dimension " +
                   std::to_string(dim));
    if (mulOverflow(expected, std::max<int64_t>(room.shape[d], 1), expected))
      return makeError(Errc::Argument, "has strides of more bytes than there "
                                       "can be");
  }
  return room;
}

/// The bytes of memory that a value must have, its strides being right.
static Result<int64_t> bytesNeeded(const nm_value &value, DType dtype,
                                   int64_t grows) {
  if (grows == ModelValue::kNowhere) {
    if (!isRowMajor(value))
      return makeError(Errc::Mismatch, "has strides ",
                       typeString({value.strides, value.strides + value.rank}),
                       " for shape ", shapeOf(value),
                       ", expected row-major ones; copy it to contiguous "
                       "memory");
    return bytesOf(value, dtype);
  }
  Result<Room> room = roomOf(value, size_t(grows));
  if (!room)
    return room.error();
  nm_value memory = value;
  memory.shape = room->shape.data();
  return bytesOf(memory, dtype);
}

/// What is common to inputs and to memory for outputs: the element type and the
/// shape that are expected, any size where it is negative. `grows`: the
/// dimension of a cache that grows. Names are the caller's to add.
static Status checkValue(DType dtype, const int64_t *shape, size_t rank,
                         const nm_value &value,
                         int64_t grows = ModelValue::kNowhere) {
  if (value.dtype != static_cast<nm_dtype>(dtype))
    return makeError(Errc::Mismatch, "has element type ",
                     nm_dtype_name(value.dtype), ", expected ",
                     dtypeName(dtype));
  bool fits = value.rank == rank && (value.shape || !rank);
  for (size_t i = 0; fits && i < rank; ++i)
    fits = shape[i] < 0 || shape[i] == value.shape[i];
  if (!fits)
    return makeError(Errc::Mismatch, "has shape ", shapeOf(value),
                     ", expected ", typeString({shape, shape + rank}));
  Result<int64_t> bytes = bytesOf(value, dtype);
  if (!bytes)
    return makeError(bytes.error().code, "has shape ", shapeOf(value), ": ",
                     bytes.error().message);
  Result<int64_t> needed = bytesNeeded(value, dtype, grows);
  if (!needed)
    return needed.error();
  if (*needed != 0 && !value.data)
    return makeError(Errc::Argument, "has no data");
  if (value.bytes < size_t(*needed))
    return makeError(Errc::Argument, "has ", value.bytes,
                     " bytes of memory, expected ", *needed,
                     grows == ModelValue::kNowhere
                         ? " for shape "
                         : " by its strides for shape ",
                     shapeOf(value));
  return {};
}

static Error named(const char *kind, const ModelValue &type,
                   const ModelFunction &function, const Error &error) {
  return makeError(error.code, kind, " ", quote(type.name), " of ",
                   quote(function.name), " ", error.message);
}

static Status checkInput(const ModelFunction &function, size_t index,
                         const nm_value &value) {
  const ModelValue &type = function.inputs[index];
  Status status = checkValue(type.dtype, type.shape.data(), type.shape.size(),
                             value, function.dimensionThatGrows(index));
  return status ? status
                : Status(named("input", type, function, status.error()));
}

static bool isReturned(const ModelValue &output) {
  return output.input == ModelValue::kReturned;
}

static bool isGrown(const ModelValue &output) {
  return output.grows != ModelValue::kNowhere;
}

/// Where compiled code writes an output's descriptor, scalar or, of a cache
/// that grows, number of rows.
static size_t resultWords(const ModelValue &output) {
  return isGrown(output) ? 1 : isReturned(output) ? wordsOf(output) : 0;
}

/// An output in an input's memory is given there, or nowhere.
static Status checkInPlace(const ModelFunction &function, size_t index,
                           const nm_value *const *inputs,
                           const nm_value &output) {
  const ModelValue &type = function.outputs[index];
  if (isReturned(type) || !output.data)
    return {};
  if (output.data != inputs[type.input]->data)
    return named("memory for output", type, function,
                 makeError(Errc::Argument,
                           "is other memory than that of input ",
                           quote(function.inputs[size_t(type.input)].name),
                           ", which it is written to; expected that or none"));
  // How far a cache has grown is known after the call.
  if (isGrown(type))
    return {};
  const nm_value &input = *inputs[type.input];
  Status status = checkValue(type.dtype, input.shape, input.rank, output);
  return status ? status
                : Status(named("memory for output", type, function,
                               status.error()));
}

std::unique_ptr<Model::Context> Model::borrow() {
  std::unique_ptr<Context> context;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!contexts.empty()) {
      context = std::move(contexts.back());
      contexts.pop_back();
    }
  }
  if (!context)
    context = std::make_unique<Context>();
  pool->drain(context->workspace);
  return context;
}

void Model::bringBack(std::unique_ptr<Context> context) {
  context->workspace.reset();
  std::lock_guard<std::mutex> lock(mutex);
  contexts.push_back(std::move(context));
}

void Model::fillSlots(size_t number, const nm_value *const *inputs,
                      Context &context) const {
  const ModelFunction &function = functions()[number];
  const Prepared &shared = prepared[number];
  size_t words = 0;
  for (const ModelValue &type : function.outputs)
    words += resultWords(type);
  for (const ModelValue &type : function.inputs)
    words += wordsOf(type);
  // Slots point into both: no reallocation from here.
  context.words.assign(words + 1, 0);
  context.pointers.resize(function.outputs.size() + function.inputs.size());
  context.slots.clear();
  context.resultAt.clear();
  uint64_t *at = context.words.data();
  void **pointer = context.pointers.data();
  auto addPointer = [&](void *target) {
    *pointer = target;
    context.slots.push_back(pointer++);
  };
  for (const ModelValue &type : function.outputs) {
    context.resultAt.push_back(size_t(at - context.words.data()));
    if (resultWords(type) == 0)
      continue;
    addPointer(at);
    at += resultWords(type);
  }
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    const ModelValue &type = function.inputs[i];
    const nm_value &value = *inputs[i];
    if (type.isScalar) {
      std::memcpy(at, value.data, size_t(elementBytes(type.dtype)));
      context.slots.push_back(at);
    } else {
      auto address = reinterpret_cast<uint64_t>(value.data);
      at[0] = at[1] = address;
      uint64_t stride = 1;
      bool grows = function.dimensionThatGrows(i) != ModelValue::kNowhere;
      for (size_t d = value.rank; d-- > 0;) {
        at[3 + d] = uint64_t(value.shape[d]);
        at[3 + value.rank + d] =
            grows && value.strides ? uint64_t(value.strides[d]) : stride;
        stride *= uint64_t(value.shape[d]);
      }
      addPointer(at);
    }
    at += wordsOf(type);
  }
  if (shared.table.empty())
    return;
  *at = shared.hash;
  context.slots.push_back(at);
  context.slots.push_back(const_cast<const void **>(
      reinterpret_cast<const void *const *>(&shared.place)));
}

/// Row-major bytes of a result into memory of the caller.
static Status copyStrided(const ModelValue &type, const uint64_t *words,
                          const void *data, void *to) {
  size_t rank = type.shape.size();
  TensorView view;
  view.dtype = type.dtype;
  view.data = static_cast<const unsigned char *>(data);
  view.shape.assign(words + 3, words + 3 + rank);
  view.strides.assign(words + 3 + rank, words + 3 + 2 * rank);
  Result<Tensor> dense = toContiguous(Tensor{view, nullptr});
  if (!dense)
    return dense.error();
  if (int64_t bytes = view.bytes())
    std::memcpy(to, dense->view.data, size_t(bytes));
  return {};
}

Status Model::copyResult(const ModelFunction &function, size_t index,
                         const uint64_t *words, const nm_value &output) {
  const ModelValue &type = function.outputs[index];
  size_t rank = type.shape.size(), bytes = size_t(elementBytes(type.dtype));
  auto *sizes = reinterpret_cast<const int64_t *>(words + 3);
  Status status = checkValue(type.dtype, sizes, rank, output);
  if (!status)
    return named("memory for output", type, function, status.error());
  if (type.isScalar) {
    std::memcpy(output.data, words, bytes);
    return {};
  }
  const void *data =
      reinterpret_cast<const unsigned char *>(words[1]) + words[2] * bytes;
  nm_value result = {};
  result.rank = rank;
  result.shape = sizes;
  result.strides = sizes + rank;
  if (!isRowMajor(result))
    return copyStrided(type, words, data, output.data);
  for (size_t d = 0; d < rank; ++d)
    bytes *= words[3 + d];
  if (bytes != 0)
    std::memcpy(output.data, data, bytes);
  return {};
}

void Model::giveResult(const ModelValue &type, const uint64_t *words,
                       Context &context, nm_value &output) {
  size_t rank = type.shape.size();
  auto elem = size_t(elementBytes(type.dtype));
  Block *block = nullptr;
  const void *data = words;
  size_t bytes = elem;
  if (!type.isScalar) {
    for (size_t d = 0; d < rank; ++d)
      bytes *= words[3 + d];
    data = reinterpret_cast<const unsigned char *>(words[1]) + words[2] * elem;
    block = context.workspace.find(reinterpret_cast<const void *>(words[0]));
  }
  nm_value result = {};
  result.rank = rank;
  result.shape = reinterpret_cast<const int64_t *>(words + 3);
  result.strides = result.shape + rank;
  // A scalar, an argument or a constant that is a result: a copy is given. So
  // it is of a small result in the memory of a large call.
  if (!block || (Workspace::isTooLarge(*block, bytes) && isRowMajor(result))) {
    block = context.workspace.takeResult(bytes);
    if (bytes)
      std::memcpy(block->memory.get(), data, bytes);
    data = block->memory.get();
  }
  for (size_t d = 0; d < rank; ++d) {
    block->shape[d] = int64_t(words[3 + d]);
    block->strides[d] = int64_t(words[3 + rank + d]);
  }
  block->home = pool;
  output.dtype = static_cast<nm_dtype>(type.dtype);
  output.rank = rank;
  output.shape = block->shape;
  output.strides = block->strides;
  output.data = const_cast<void *>(data);
  output.bytes = bytes;
  output.owner = context.workspace.detach(block).release();
}

void releaseResult(void *owner) {
  std::unique_ptr<Block> block(static_cast<Block *>(owner));
  if (!block)
    return;
  std::shared_ptr<BlockPool> home = std::move(block->home);
  home->give(std::move(block));
}

/// What an input became, in the caller's memory.
static void giveInput(const nm_value &input, nm_value &output) {
  nm_value given = input;
  given.struct_size = output.struct_size;
  given.owner = output.owner;
  output = given;
}

Status Model::giveGrown(const ModelFunction &function, size_t index,
                        const uint64_t *words, const nm_value &input,
                        Context &context, nm_value &output) {
  const ModelValue &type = function.outputs[index];
  auto rows = int64_t(*words);
  if (output.data) {
    std::array<int64_t, size_t(kMaxRank)> expected;
    std::copy(input.shape, input.shape + input.rank, expected.begin());
    expected[size_t(type.grows)] = rows;
    Status status =
        checkValue(type.dtype, expected.data(), input.rank, output, type.grows);
    return status ? status
                  : Status(named("memory for output", type, function,
                                 status.error()));
  }
  // The block holds the shape alone.
  Block *block = context.workspace.takeResult(0);
  int64_t stride = 1;
  for (size_t d = input.rank; d-- > 0;) {
    block->shape[d] = int64_t(d) == type.grows ? rows : input.shape[d];
    block->strides[d] = input.strides ? input.strides[d] : stride;
    stride *= input.shape[d];
  }
  block->home = pool;
  giveInput(input, output);
  output.shape = block->shape;
  output.strides = block->strides;
  output.owner = context.workspace.detach(block).release();
  return {};
}

Status Model::takeResults(const ModelFunction &function, Context &context,
                          const nm_value *const *inputs,
                          nm_value *const *outputs) {
  // Copies first: a block that is two results is still there for both.
  for (bool copies : {true, false})
    for (size_t i = 0; i < function.outputs.size(); ++i) {
      const ModelValue &type = function.outputs[i];
      const uint64_t *words = context.words.data() + context.resultAt[i];
      if (bool(outputs[i]->data) != copies)
        continue;
      if (isGrown(type)) {
        NM_RETURN_IF_ERROR(giveGrown(function, i, words, *inputs[type.input],
                                     context, *outputs[i]));
        continue;
      }
      if (!isReturned(type)) {
        if (!copies)
          giveInput(*inputs[type.input], *outputs[i]);
        continue;
      }
      if (copies)
        NM_RETURN_IF_ERROR(copyResult(function, i, words, *outputs[i]));
      else
        giveResult(type, words, context, *outputs[i]);
    }
  return {};
}

Status Model::run(size_t number, const nm_value *const *inputs,
                  nm_value *const *outputs) {
  const ModelFunction &function = functions()[number];
  for (size_t i = 0; i < function.inputs.size(); ++i)
    NM_RETURN_IF_ERROR(checkInput(function, i, *inputs[i]));
  for (size_t i = 0; i < function.outputs.size(); ++i)
    NM_RETURN_IF_ERROR(checkInPlace(function, i, inputs, *outputs[i]));
  std::unique_ptr<Context> context = borrow();
  Status status;
  try {
    fillSlots(number, inputs, *context);
    if (const char *reason =
            library->entry(number)(&context->workspace, context->slots.data()))
      status = makeError(Errc::Mismatch, "function ", quote(function.name),
                         " was not run to its end: ", reason);
    else
      status = takeResults(function, *context, inputs, outputs);
  } catch (...) {
    bringBack(std::move(context));
    throw;
  }
  bringBack(std::move(context));
  return status;
}

} // namespace nm::rt
