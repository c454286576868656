//===- CodeCache.h - Machine code that was made before -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module whose patterns are known (Stage::Patterns), the processor, the
// options of the pipeline and this build of nm and LLVM determine the code. So
// its key is made there: models are read and checkpoints looked at as ever, all
// passes and the code generator behind that are skipped. Entries hold what the
// rest of a run takes from them: object code, manifests, remarks.
//
// $NM_CODE_CACHE is "off" or the folder to use instead of nm/code in the user's
// cache folder, $NM_CODE_CACHE_SIZE how much may lie in it (512M).
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_CODECACHE_H
#define NM_DRIVER_CODECACHE_H

#include "mlir/IR/BuiltinOps.h"
#include "nm/Driver/Compile.h"
#include "nm/Support/FileCache.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace llvm {
class TargetMachine;
}
namespace mlir::nm {
struct CPUPipelineOptions;
}

namespace mlir::nm::driver {

/// What of a compilation is kept.
struct KeptCode {
  /// The module attribute `nm.manifest`.
  std::string manifests;
  /// Those of passes behind Stage::Patterns.
  std::vector<RemarkRecord> remarks;
  std::string object;
};

/// As the content of an entry, and back; what is no such content is an error.
std::string printKeptCode(const KeptCode &code);
llvm::Expected<KeptCode> parseKeptCode(StringRef content);

/// What code of `entry` depends on, as text: this build, the machine, the
/// pipeline's options, the functions and a hash of the module.
llvm::Expected<std::string> codeKey(ModuleOp module,
                                    const llvm::TargetMachine &machine,
                                    const CPUPipelineOptions &pipeline,
                                    ArrayRef<Signature> functions,
                                    StringRef entry);

/// The cache, for one compilation.
class CodeCache {
public:
  /// Fails where the environment says what cannot be meant. A cache that cannot
  /// be used is one that finds and keeps nothing, as state() says.
  static llvm::Expected<CodeCache> open();

  /// Whether there is code under `key`; it is in `object` then, its manifests
  /// in `module`, and its remarks in `log`. An entry that cannot be used is
  /// told in a note.
  bool find(std::string key, ModuleOp module, CompileLog &log,
            SmallVectorImpl<char> &object);
  /// Keeps what was compiled since find() failed.
  void keep(ModuleOp module, const CompileLog &log, StringRef object);

  /// "off", why there is none, "found", "kept", or why it was not.
  const std::string &state() const { return text; }

private:
  std::optional<::nm::support::FileCache> files;
  std::string key, text = "off";
  size_t remarksBefore = 0;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_CODECACHE_H
