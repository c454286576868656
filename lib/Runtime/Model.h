//===- Model.h - Compiled models that are run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_MODEL_H
#define NM_LIB_RUNTIME_MODEL_H

#include "CompiledLibrary.h"
#include "nm/nm_model.h"
#include <mutex>

namespace nm::rt {

struct ModelOptions {
  /// Empty: beside the library.
  std::string weights;
  std::vector<ScopePath> scopes;
  ParamsOptions params;
};

/// A compiled library with its parameters. run() is for several threads.
class Model {
public:
  static Result<std::unique_ptr<Model>> load(const std::string &path,
                                             const ModelOptions &options);

  const std::vector<ModelFunction> &functions() const {
    return library->description().functions;
  }

  /// `inputs` and `outputs` are as many as the function has. The fields of
  /// `outputs` are as nm_model_run says.
  Status run(size_t function, const nm_value *const *inputs,
             nm_value *const *outputs);

private:
  /// A function's parameters, which all of its calls share.
  struct Prepared {
    std::vector<const void *> table;
    const void *const *place = nullptr; ///< of `table`
    uint64_t hash = 0;
  };
  /// What one call at a time uses.
  struct Context {
    Workspace workspace;
    std::vector<uint64_t> words;
    std::vector<void *> pointers, slots;
    std::vector<size_t> resultAt;
  };

  Status loadParams(const std::string &path, const ModelOptions &options);
  Status prepare();
  std::unique_ptr<Context> borrow();
  void bringBack(std::unique_ptr<Context> context);
  void fillSlots(size_t function, const nm_value *const *inputs,
                 Context &context) const;
  Status takeResults(const ModelFunction &function, Context &context,
                     const nm_value *const *inputs, nm_value *const *outputs);
  static Status copyResult(const ModelFunction &function, size_t index,
                           const uint64_t *words, const nm_value &output);
  /// What a cache became that has grown in `input`'s memory.
  Status giveGrown(const ModelFunction &function, size_t index,
                   const uint64_t *words, const nm_value &input,
                   Context &context, nm_value &output);
  void giveResult(const ModelValue &type, const uint64_t *words,
                  Context &context, nm_value &output);

  std::unique_ptr<CompiledLibrary> library;
  std::unique_ptr<Params> params;
  std::vector<Prepared> prepared;
  std::mutex mutex;
  std::vector<std::unique_ptr<Context>> contexts;
  std::shared_ptr<BlockPool> pool = std::make_shared<BlockPool>();
};

/// Gives a result of run() back.
void releaseResult(void *owner);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_MODEL_H
