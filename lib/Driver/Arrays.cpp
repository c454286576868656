//===- Arrays.cpp - npy files in and out -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Arrays.h"
#include "mlir/IR/BuiltinTypes.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/Checkpoint.h"
#include "nm/Runtime/Writer.h"
#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Expected<rt::Tensor> driver::allocateTensor(rt::DType dtype,
                                                  std::vector<int64_t> shape) {
  rt::Result<int64_t> count = rt::checkedCount(shape, rt::elementBytes(dtype));
  if (!count)
    return toError(count.error());
  constexpr size_t align = 64;
  size_t bytes = static_cast<size_t>(*count * rt::elementBytes(dtype));
  void *data = std::aligned_alloc(align, (bytes / align + 1) * align);
  if (!data)
    return makeError("cannot allocate {0} bytes for a tensor of shape {1}",
                     bytes, shapeText(shape));
  std::shared_ptr<const void> owner(
      data, [](const void *memory) { std::free(const_cast<void *>(memory)); });
  return rt::Tensor{rt::denseView(data, dtype, std::move(shape)),
                    std::move(owner)};
}

llvm::Expected<rt::Tensor> driver::readArray(StringRef path) {
  auto file = rt::Checkpoint::open(path.str());
  if (!file)
    return toError(file.error());
  if ((*file)->format() != rt::Checkpoint::Format::Npy)
    return makeError("'{0}' is not an npy file; expected one array as "
                     "numpy.save writes it",
                     path);
  auto loaded = (*file)->read((*file)->tensors().front().name);
  if (!loaded)
    return toError(loaded.error());
  auto contiguous = rt::toContiguous(loaded->tensor);
  if (!contiguous)
    return toError(contiguous.error());
  return *contiguous;
}

std::string driver::integerName(rt::DType dtype) {
  StringRef name = rt::dtypeName(dtype);
  return ((name.front() == 'u' ? "uint" : "int") + name.drop_front()).str();
}

/// NumPy's spelling, for suggestions.
static std::string numpyName(rt::DType dtype) {
  if (dtype == rt::DType::Bool)
    return "bool";
  if (dtype == rt::DType::BF16) // as bits
    return integerName(rt::DType::U16);
  if (rt::isFloat(dtype))
    return "float" + std::to_string(8 * rt::elementBytes(dtype));
  return integerName(dtype);
}

/// Whether the bits of an array may be passed as they are: integers do not
/// have a sign in MLIR.
static bool isPassable(rt::DType found, rt::DType expected) {
  if (found == expected)
    return true;
  if (expected == rt::DType::BF16)
    return found == rt::DType::U16;
  auto isInteger = [](rt::DType dtype) {
    return dtype != rt::DType::Bool && dtype != rt::DType::Unknown &&
           dtype != rt::DType::F8E4M3 && dtype != rt::DType::F8E5M2 &&
           !rt::isFloat(dtype);
  };
  return isInteger(found) && isInteger(expected) &&
         rt::elementBytes(found) == rt::elementBytes(expected);
}

static llvm::Error checkInput(const Argument &argument, size_t index,
                              StringRef path, const rt::TensorView &array) {
  const ValueType &type = argument.type;
  std::string what = llvm::formatv("argument {0} ('{1}') is {2}", index,
                                   argument.name, type.str());
  if (!isPassable(array.dtype, type.dtype)) {
    std::string advice = numpyName(type.dtype);
    std::string how =
        type.dtype == rt::DType::BF16
            ? "pass the upper 16 bits of the float32 values as uint16"
            : llvm::formatv("convert it with .astype(numpy.{0})", advice).str();
    return makeError("{0}, but '{1}' holds {2}; {3}", what, path,
                     rt::dtypeName(array.dtype), how);
  }
  bool fits = array.rank() == type.rank();
  for (int64_t d = 0; fits && d < type.rank(); ++d)
    fits =
        ShapedType::isDynamic(type.shape[d]) || type.shape[d] == array.shape[d];
  if (fits)
    return llvm::Error::success();
  StringRef hint = array.rank() == type.rank()
                       ? "recompile for that shape, or use '?' in the module"
                       : "reshape it in NumPy";
  return makeError("{0}, but '{1}' has shape {2}; expected {3}; {4}", what,
                   path, shapeText(array.shape), shapeText(type.shape), hint);
}

llvm::Expected<std::vector<const Binding *>>
driver::assignInputs(const Signature &function, ArrayRef<Binding> bindings) {
  std::vector<const Binding *> files(function.arguments.size());
  for (const Binding &binding : bindings) {
    if (binding.name.empty())
      continue;
    llvm::Expected<size_t> index = function.findArgument(binding.name);
    if (!index)
      return index.takeError();
    if (files[*index])
      return makeError("argument '{0}' is given twice, as '{1}' and '{2}'",
                       binding.name, files[*index]->path, binding.path);
    files[*index] = &binding;
  }
  size_t next = 0;
  for (const Binding &binding : bindings) {
    if (!binding.name.empty())
      continue;
    while (next < files.size() && files[next])
      ++next;
    if (next == files.size())
      return makeError("'{0}' is one --input too many: function '{1}' takes "
                       "{2}",
                       binding.path, function.name, files.size());
    files[next] = &binding;
  }
  return files;
}

llvm::Expected<std::vector<rt::Tensor>>
driver::readInputs(const Signature &function, ArrayRef<Binding> bindings) {
  auto assigned = assignInputs(function, bindings);
  if (!assigned)
    return assigned.takeError();
  const std::vector<const Binding *> &files = *assigned;
  std::vector<rt::Tensor> inputs;
  for (auto [i, argument] : llvm::enumerate(function.arguments)) {
    if (!files[i])
      return makeError("function '{0}' needs argument {1} ('{2}', {3}); give "
                       "--input {2}=FILE.npy",
                       function.name, i, argument.name, argument.type.str());
    llvm::Expected<rt::Tensor> array = readArray(files[i]->path);
    if (!array)
      return array.takeError();
    if (llvm::Error error =
            checkInput(argument, i, files[i]->path, array->view))
      return std::move(error);
    auto copy = allocateTensor(argument.type.dtype, array->view.shape);
    if (!copy)
      return copy.takeError();
    auto *data = const_cast<unsigned char *>(copy->view.data);
    if (array->view.bytes())
      std::memcpy(data, array->view.data, array->view.bytes());
    if (argument.type.dtype == rt::DType::Bool)
      for (int64_t k = 0; k < copy->view.bytes(); ++k)
        data[k] = data[k] != 0;
    inputs.push_back(std::move(*copy));
  }
  return inputs;
}

llvm::Expected<std::vector<std::pair<size_t, std::string>>>
driver::assignResults(StringRef option, const Signature &function,
                      ArrayRef<Binding> bindings) {
  std::vector<std::pair<size_t, std::string>> assigned;
  SmallVector<bool> used(function.results.size());
  for (const Binding &binding : bindings) {
    size_t index = 0;
    if (binding.name.empty())
      while (index < used.size() && used[index])
        ++index;
    else if (StringRef(binding.name).getAsInteger(10, index))
      return makeError("--{0} {1}={2} does not name a result; expected a "
                       "number, such as 0={2}",
                       option, binding.name, binding.path);
    if (index >= used.size())
      return makeError("--{0} '{1}' asks for result {2}, but function '{3}' "
                       "returns {4}",
                       option, binding.path, index, function.name, used.size());
    if (used[index])
      return makeError("--{0} names result {1} twice", option, index);
    used[index] = true;
    assigned.push_back({index, binding.path});
  }
  return assigned;
}

llvm::Error driver::writeArray(const CommandOptions &options,
                               const std::string &path,
                               const rt::Tensor &tensor) {
  rt::TensorView view = tensor.view;
  if (view.dtype == rt::DType::BF16)
    view.dtype = rt::DType::U16;
  if (llvm::Error error = flushOutput())
    return error;
  auto file = options.files->open(path);
  if (!file)
    return toError(file.error());
  rt::Status status = rt::writeNpy(**file, path, view);
  if (!status)
    return toError(status.error());
  return llvm::Error::success();
}
