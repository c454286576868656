//===- nm.hpp - compiled models as C++ objects -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Owners for what nm/nm_model.h gives out. Messages of the library become
// exceptions. C++17; a file to copy.

#ifndef NM_EXAMPLES_CALLERS_NM_HPP
#define NM_EXAMPLES_CALLERS_NM_HPP

#include "nm/nm_model.h"
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace nm {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Takes over `error`.
inline void check(nm_status status, nm_error *error) {
  if (status == NM_OK)
    return;
  std::unique_ptr<nm_error, decltype(&nm_error_free)> owner(error,
                                                            nm_error_free);
  throw Error(nm_error_message(error));
}

/// An array that the library made, which lives as long as this.
class Result {
public:
  Result() { nm_value_init(&value); }
  Result(Result &&other) noexcept : value(other.value) {
    nm_value_init(&other.value);
  }
  Result &operator=(Result &&) = delete;
  ~Result() { nm_value_free(&value); }

  nm_value value;
};

/// A row-major array of the caller's.
struct Array {
  nm_dtype dtype;
  std::vector<int64_t> shape;
  const void *data;
  size_t bytes;
};

/// Threads may share one.
class Model {
public:
  explicit Model(const std::string &path) : model(nullptr, nm_model_free) {
    nm_model *loaded = nullptr;
    nm_error *error = nullptr;
    check(nm_model_load(path.c_str(), nullptr, &loaded, &error), error);
    model.reset(loaded);
  }

  nm_value_type input(size_t function, size_t index) const {
    return describe(nm_model_input, function, index);
  }
  nm_value_type output(size_t function, size_t index) const {
    return describe(nm_model_output, function, index);
  }

  std::vector<Result> run(size_t function,
                          const std::vector<Array> &arrays) const {
    std::vector<nm_value> inputs(arrays.size());
    for (size_t i = 0; i < arrays.size(); ++i) {
      nm_value_init(&inputs[i]);
      inputs[i].dtype = arrays[i].dtype;
      inputs[i].rank = arrays[i].shape.size();
      inputs[i].shape = arrays[i].shape.data();
      inputs[i].data = const_cast<void *>(arrays[i].data); // is only read
      inputs[i].bytes = arrays[i].bytes;
    }
    std::vector<Result> results(nm_model_num_outputs(model.get(), function));
    std::vector<nm_value> outputs(results.size());
    for (nm_value &output : outputs)
      nm_value_init(&output);
    nm_error *error = nullptr;
    check(nm_model_run(model.get(), function, inputs.data(), inputs.size(),
                       outputs.data(), outputs.size(), nullptr, &error),
          error);
    for (size_t i = 0; i < results.size(); ++i)
      results[i].value = outputs[i];
    return results;
  }

private:
  template <typename Function>
  nm_value_type describe(Function query, size_t function, size_t index) const {
    nm_value_type type{sizeof(type), nullptr, NM_UNKNOWN, 0, nullptr};
    nm_error *error = nullptr;
    check(query(model.get(), function, index, &type, &error), error);
    return type;
  }

  std::unique_ptr<nm_model, decltype(&nm_model_free)> model;
};

} // namespace nm

#endif // NM_EXAMPLES_CALLERS_NM_HPP
