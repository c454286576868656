//===- ModelDescription.h - What a compiled library says of itself -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_MODELDESCRIPTION_H
#define NM_RUNTIME_MODELDESCRIPTION_H

#include "nm/Runtime/DType.h"
#include "nm/Runtime/Result.h"
#include <string>
#include <vector>

namespace nm::rt {

/// A tensor or a scalar that crosses the boundary of a compiled function.
struct ModelValue {
  std::string name;
  DType dtype = DType::Unknown;
  /// Passed by value.
  bool isScalar = false;
  /// kDynamicSize where the size is known at the call only.
  std::vector<int64_t> shape;
  /// Of an output: the input in whose memory it is; kReturned if it has memory
  /// of its own.
  int64_t input = kReturned;
  /// Of such an output: the dimension in which it is longer than the input,
  /// whose strides tell how much room there is; kNowhere if it is as long.
  int64_t grows = kNowhere;

  static constexpr int64_t kNowhere = -1;
  static constexpr int64_t kReturned = -1;
};

constexpr int64_t kDynamicSize = -1;

struct ModelFunction {
  std::string name;
  /// What follows nm_invoke_ and nm_manifest_ in the library's symbols.
  std::string symbol;
  std::vector<ModelValue> inputs, outputs;

  /// The dimension in which an input grows, ModelValue::kNowhere if it does
  /// not.
  int64_t dimensionThatGrows(size_t input) const;
};

/// What the symbol kDescriptionSymbol of a compiled library says.
struct ModelDescription {
  static constexpr int kVersion = 4;
  /// The processor: "x86_64" and "avx2", "fma", ... that the code needs.
  std::string arch;
  std::vector<std::string> features;
  std::vector<ModelFunction> functions;
};

constexpr char kDescriptionSymbol[] = "nm_model_description";

/// As JSON; parseDescription reads it back.
std::string printDescription(const ModelDescription &description);
/// Errors name the field; `where` begins the message.
Result<ModelDescription> parseDescription(std::string_view text,
                                          const std::string &where);

} // namespace nm::rt

#endif // NM_RUNTIME_MODELDESCRIPTION_H
