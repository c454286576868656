//===- Check.cpp - Rules for the tables of a program -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tables first: instructions (CheckCode.cpp) may rely on entries being sound.
// Sums and products are bounded before they are formed, so a hostile program
// overflows nothing.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "nm/Isa/Checker.h"
#include "nm/Isa/Instructions.h"
#include "nm/Support/Text.h"

namespace nm::isa {

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

Status checkShape(const std::string &what, const std::vector<int64_t> &shape) {
  if (shape.empty() || shape.size() > size_t(kMaxRank))
    return makeError(Errc::Format, "[attacc_region_c1] ", what, " has rank ",
                     shape.size(), ", expected 1 to ", kMaxRank);
  for (int64_t size : shape)
    if (size < 1 || size > kMaxSize)
      return makeError(Errc::Format, "[attacc_region_c1] ", what,
                       " has the size ", size, ", expected 1 to ", kMaxSize);
  if (numElements(shape) > kMaxElements)
    return makeError(Errc::Format, "[attacc_region_c1] ", what, " has ",
                     shapeText(shape), " elements, expected at most 2^48");
  return {};
}

Status Checker::checkTarget() {
  place = {Place::OfTarget, 0};
  const Target &target = program.target;
  constexpr int64_t kMostBytes = int64_t(1) << 40;
  auto check = [&](int64_t value, int64_t most, const char *unit) -> Status {
    if (value < 1 || value > most)
      return makeError(Errc::Format, "[attacc_device_c1] ", subject(), " has ",
                       value, " ", unit, ", expected 1 to ", most);
    return {};
  };
  if (Status status =
          check(target.scratchpadBytes, kMostBytes, "bytes of the scratchpad");
      !status)
    return status;
  if (Status status = check(target.channels, kMaxChannels, "channels"); !status)
    return status;
  if (Status status = check(target.segments, kMaxSize, "segments"); !status)
    return status;
  for (SparsePattern pattern : target.patterns)
    if (pattern.n < 1 || pattern.n > pattern.m || pattern.m > 64)
      return makeError(Errc::Format, "[attacc_device_c2] ", subject(),
                       " has the pattern ", pattern.n, ":", pattern.m,
                       ", expected 1 <= N <= M <= 64");
  return {};
}

/// attacc_tensor_c2.
static Status checkStrides(const std::string &what, const Tensor &tensor) {
  if (tensor.strides.empty())
    return {};
  if (tensor.strides.size() != tensor.shape.size())
    return makeError(Errc::Format, "[attacc_tensor_c2] ", what, " has ",
                     tensor.strides.size(), " strides, expected ",
                     tensor.shape.size());
  int64_t last = 0;
  for (size_t k = 0; k < tensor.shape.size(); ++k) {
    int64_t stride = tensor.strides[k], reach;
    if (stride < 1 || stride > kMaxElements ||
        __builtin_mul_overflow(tensor.shape[k] - 1, stride, &reach) ||
        (last += reach) < 0 || last > kMaxElements)
      return makeError(Errc::Format, "[attacc_tensor_c2] ", what,
                       " has the stride ", stride,
                       ", expected 1 or more and an end within 2^48 elements");
  }
  return {};
}

/// attacc_tensor_c3 and c4.
static Status checkSource(const std::string &what, const Tensor &tensor) {
  if (!tensor.hostShape.empty()) {
    for (int64_t size : tensor.hostShape)
      if (size < 1 || size > kMaxSize || tensor.hostShape.size() > 16)
        return makeError(Errc::Format, "[attacc_tensor_c3] ", what,
                         " has the host size ", size, " of rank ",
                         tensor.hostShape.size(), ", expected 1 to ", kMaxSize,
                         " and a rank up to 16");
    bool isSparse = isValues(tensor.part) || isIndices(tensor.part);
    if (!isSparse && numElements(tensor.hostShape) != numElements(tensor.shape))
      return makeError(Errc::Format, "[attacc_tensor_c3] ", what,
                       " has the host shape ", shapeText(tensor.hostShape),
                       ", expected as many elements as ",
                       shapeText(tensor.shape));
  }
  if (tensor.role == Role::Param && tensor.key.empty())
    return makeError(Errc::Format, "[attacc_tensor_c4] ", what,
                     " is a parameter without key, expected one");
  if (tensor.role != Role::Param &&
      (!tensor.key.empty() || !tensor.scope.empty() ||
       tensor.part != Part::Whole))
    return makeError(Errc::Format, "[attacc_tensor_c4] ", what, " is ",
                     toString(tensor.role),
                     " with a key, scope or part, expected them of parameters");
  if (isValues(tensor.part) || isIndices(tensor.part)) {
    SparsePattern p = tensor.pattern;
    if (p.n < 1 || p.n >= p.m || p.m > 64)
      return makeError(Errc::Format, "[attacc_tensor_c4] ", what,
                       " has the pattern ", p.n, ":", p.m,
                       ", expected 1 <= N < M <= 64");
    if ((tensor.type == Type::I8) != isIndices(tensor.part) ||
        tensor.shape.size() != 2)
      return makeError(Errc::Format, "[attacc_tensor_c4] ", what, " holds ",
                       toString(tensor.part), " as ", toString(tensor.type),
                       " of rank ", tensor.shape.size(),
                       ", expected rank 2, indices in i8 and values not");
  } else if (tensor.part == Part::Transposed && tensor.shape.size() != 2) {
    return makeError(Errc::Format, "[attacc_tensor_c4] ", what,
                     " is transposed of rank ", tensor.shape.size(),
                     ", expected 2");
  }
  return {};
}

/// attacc_tensor_c5.
static Status checkContent(const std::string &what, const Tensor &tensor) {
  size_t expected = 0;
  if (tensor.role == Role::Constant)
    expected = static_cast<size_t>(numElements(tensor.shape)) *
               static_cast<size_t>(typeBytes(tensor.type));
  if (tensor.data.size() != expected)
    return makeError(Errc::Format, "[attacc_tensor_c5] ", what, " has ",
                     tensor.data.size(), " bytes of content, expected ",
                     expected);
  return {};
}

/// attacc_program_c3: JSON holds no other texts.
static Status checkTexts(const Program &program) {
  auto refuse = [](const std::string &text) {
    return makeError(Errc::Format, "[attacc_program_c3] the text ",
                     support::quote(text), " is not UTF-8, expected UTF-8");
  };
  for (const std::string *text : {&program.name, &program.target.name})
    if (!support::isUtf8(*text))
      return refuse(*text);
  for (const Tensor &tensor : program.tensors)
    for (const std::string *text : {&tensor.name, &tensor.key, &tensor.scope})
      if (!support::isUtf8(*text))
        return refuse(*text);
  return {};
}

Status Checker::checkTensor(size_t index, bool hasContent) {
  place = {Place::Tensors, index};
  const Tensor &tensor = program.tensors[index];
  std::string what = subject();
  if (tensor.name.empty() || !names.insert(tensor.name).second)
    return makeError(Errc::Format, "[attacc_tensor_c1] ", what,
                     tensor.name.empty() ? " has no name"
                                         : " has the name of another",
                     ", expected a name of its own");
  if (!isKnown(tensor.role) || !isKnown(tensor.type) ||
      !isKnown(tensor.hostType) || !isKnown(tensor.part))
    return makeError(Errc::Format, "[attacc_region_c2] ", what,
                     " has an unknown role, type or part");
  if (Status status = checkShape(what, tensor.shape); !status)
    return status;
  if (Status status = checkStrides(what, tensor); !status)
    return status;
  if (Status status = checkSource(what, tensor); !status)
    return status;
  return hasContent ? checkContent(what, tensor) : Status();
}

Status Checker::checkBuffer(size_t index) {
  place = {Place::Buffers, index};
  const Buffer &buffer = program.buffers[index];
  int64_t capacity = program.target.scratchpadBytes;
  std::string what = subject();
  if (!isKnown(buffer.type))
    return makeError(Errc::Format, "[attacc_region_c2] ", what,
                     " has an unknown type");
  if (Status status = checkShape(what, buffer.shape); !status)
    return status;
  if (buffer.slots < 1 || buffer.slots > kMaxSlots)
    return makeError(Errc::Format, "[attacc_buffer_c1] ", what, " has ",
                     buffer.slots, " slots, expected 1 to ", kMaxSlots);
  int64_t bytes = slotBytes(buffer);
  if (buffer.address < 0 || buffer.address % typeBytes(buffer.type))
    return makeError(Errc::Format, "[attacc_buffer_c2] ", what, " is at ",
                     buffer.address, ", expected a multiple of ",
                     typeBytes(buffer.type));
  if (buffer.address > capacity || bytes > capacity ||
      buffer.address + bytes * buffer.slots > capacity)
    return makeError(Errc::Format, "[attacc_buffer_c2] ", what, " at ",
                     buffer.address, " has ", buffer.slots, " slots of ", bytes,
                     " bytes, expected an end within the ", capacity,
                     " bytes of the scratchpad");
  return {};
}

Status Checker::checkSemaphore(size_t index) {
  place = {Place::Semaphores, index};
  if (program.semaphores[index] < 0 || program.semaphores[index] > kMaxCount)
    return makeError(Errc::Format, "[attacc_semaphore_c1] ", subject(),
                     " starts at ", program.semaphores[index],
                     ", expected 0 to ", kMaxCount);
  return {};
}

std::string Checker::subject() const {
  std::string number = std::to_string(place.index);
  switch (place.table) {
  case Place::OfTarget:
    return "target '" + program.target.name + "'";
  case Place::Tensors:
    return "tensor " + number + " '" + program.tensors[place.index].name + "'";
  case Place::Buffers:
    return "buffer " + number;
  case Place::Semaphores:
    return "semaphore " + number;
  case Place::Code:
    return "instruction " + number + " (" +
           toString(program.code[place.index].opcode) + ")";
  case Place::Whole:
    break;
  }
  return "";
}

Status checkTables(const Program &program) {
  if (program.tensors.size() > kMaxEntries ||
      program.buffers.size() > kMaxEntries ||
      program.semaphores.size() > kMaxEntries || program.code.size() > kMaxCode)
    return makeError(Errc::Format,
                     "[attacc_program_c2] program has a table of more than "
                     "2^20 entries or more than 2^26 instructions");
  return checkTexts(program);
}

Status checkProgram(const Program &program, Place *about) {
  Place unused, &place = about ? *about : unused;
  place = {};
  if (Status status = checkTables(program); !status)
    return status;
  Checker checker(program);
  place = {Place::OfTarget, 0};
  if (Status status = checker.checkTarget(); !status)
    return status;
  auto checkAll = [&](Place::Table table, size_t count, auto check) -> Status {
    for (size_t i = 0; i < count; ++i) {
      place = {table, i};
      if (Status status = (checker.*check)(i); !status)
        return status;
    }
    return {};
  };
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    place = {Place::Tensors, i};
    if (Status status = checker.checkTensor(i); !status)
      return status;
  }
  if (Status status = checkAll(Place::Buffers, program.buffers.size(),
                               &Checker::checkBuffer);
      !status)
    return status;
  if (Status status = checkAll(Place::Semaphores, program.semaphores.size(),
                               &Checker::checkSemaphore);
      !status)
    return status;
  if (Status status = checkAll(Place::Code, program.code.size(),
                               &Checker::checkInstruction);
      !status)
    return status;
  place = {};
  return checker.checkEnd();
}

Result<Program> checkRead(Program program, const std::string &where) {
  if (Status status = checkProgram(program); !status)
    return makeError(status.error().code, where, ": ", status.error().message);
  return program;
}

} // namespace nm::isa
