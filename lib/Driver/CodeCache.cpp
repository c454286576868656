//===- CodeCache.cpp - Machine code that was made before -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/CodeCache.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Machine/Device.h"
#include "nm/Pipelines/Pipelines.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/TextList.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Target/TargetMachine.h"
#include <cstdlib>
#include <elf.h>
#include <link.h>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::FileCache;
using ::nm::support::joinTexts;
using ::nm::support::splitTexts;

namespace {

/// Increment when the content of entries changes.
constexpr const char *kFormat = "nm code 1";
constexpr const char *kFolder = "NM_CODE_CACHE", *kSize = "NM_CODE_CACHE_SIZE";

/// A stream that hashes what is written to it.
class HashStream : public llvm::raw_ostream {
public:
  HashStream() { SetUnbuffered(); }
  std::string digest() {
    llvm::BLAKE3Result<> result = hasher.final();
    return llvm::toHex(result, /*LowerCase=*/true);
  }

private:
  void write_impl(const char *data, size_t bytes) override {
    hasher.update(StringRef(data, bytes));
    position += bytes;
  }
  uint64_t current_pos() const override { return position; }

  llvm::BLAKE3 hasher;
  uint64_t position = 0;
};

/// The linker's identity of an object of this process, in hexadecimal digits;
/// "" where it has none.
std::string buildIdOf(const dl_phdr_info &object) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr) &header = object.dlpi_phdr[i];
    if (header.p_type != PT_NOTE)
      continue;
    const auto *at =
        reinterpret_cast<const char *>(object.dlpi_addr + header.p_vaddr);
    const char *end = at + header.p_memsz;
    auto padded = [](size_t bytes) { return (bytes + 3) / 4 * 4; };
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      const auto *note = reinterpret_cast<const ElfW(Nhdr) *>(at);
      StringRef name(at + sizeof(*note), note->n_namesz);
      StringRef value(at + sizeof(*note) + padded(note->n_namesz),
                      note->n_descsz);
      if (note->n_type == NT_GNU_BUILD_ID && name == StringRef("GNU\0", 4))
        return llvm::toHex(value, /*LowerCase=*/true);
      at = value.data() + padded(value.size());
    }
  }
  return "";
}

/// The build ids of what generates code: this program and the libraries of
/// LLVM. A version number would stay the same after a change of a pass.
const std::string &buildIds() {
  static const std::string ids = [] {
    std::string all;
    dl_iterate_phdr(
        [](dl_phdr_info *object, size_t, void *data) {
          auto &all = *static_cast<std::string *>(data);
          StringRef path = object->dlpi_name;
          bool isProgram = all.empty();
          if (!isProgram && !path.contains("libLLVM") &&
              !path.contains("libMLIR"))
            return 0;
          std::string id = buildIdOf(*object);
          if (id.empty()) { // cannot be told from another
            all.clear();
            return 1;
          }
          all += id + "\n";
          return 0;
        },
        &all);
    return all;
  }();
  return ids;
}

/// Splits a list of texts whose number the reader knows.
llvm::Expected<std::vector<std::string_view>> split(std::string_view list,
                                                    size_t count) {
  auto texts = splitTexts(list);
  if (!texts)
    return toError(texts.error());
  if (texts->size() != count)
    return makeError("it has {0} parts, expected {1}", texts->size(), count);
  return std::move(*texts);
}

std::string printRemark(const RemarkRecord &remark) {
  std::vector<std::string> arguments;
  for (const auto &[name, value] : remark.arguments)
    arguments.insert(arguments.end(), {name, value});
  return joinTexts({remark.kind, remark.category, remark.name, remark.location,
                    remark.message, joinTexts(remark.names),
                    joinTexts(arguments)});
}

llvm::Error parseRemark(std::string_view text, RemarkRecord &remark) {
  auto parts = split(text, 7);
  if (!parts)
    return parts.takeError();
  std::string *targets[] = {&remark.kind, &remark.category, &remark.name,
                            &remark.location, &remark.message};
  for (auto [target, part] : llvm::zip(targets, *parts))
    *target = part;
  auto names = splitTexts((*parts)[5]);
  if (!names)
    return toError(names.error());
  remark.names.assign(names->begin(), names->end());
  auto arguments = splitTexts((*parts)[6]);
  if (!arguments)
    return toError(arguments.error());
  if (arguments->size() % 2 != 0)
    return makeError("an argument of a remark has no value");
  for (size_t i = 0; i < arguments->size(); i += 2)
    remark.arguments.emplace_back((*arguments)[i], (*arguments)[i + 1]);
  return llvm::Error::success();
}

std::string describe(const Signature &function) {
  std::string text = function.name + "(";
  for (const Argument &argument : function.arguments)
    text += llvm::formatv("{0}: {1} {2},", argument.name, argument.type.str(),
                          argument.grows.value_or(-1));
  text += ") -> (";
  for (auto [i, type] : llvm::enumerate(function.results)) {
    std::optional<size_t> argument = function.argumentOf(i);
    text += llvm::formatv("{0} {1},", type.str(),
                          argument ? static_cast<int64_t>(*argument) : -1);
  }
  return text + ")";
}

} // namespace

std::string driver::printKeptCode(const KeptCode &code) {
  std::vector<std::string> remarks;
  for (const RemarkRecord &remark : code.remarks)
    remarks.push_back(printRemark(remark));
  return joinTexts({code.manifests, joinTexts(remarks), code.object});
}

llvm::Expected<KeptCode> driver::parseKeptCode(StringRef content) {
  auto parts = split({content.data(), content.size()}, 3);
  if (!parts)
    return parts.takeError();
  KeptCode code;
  code.manifests = (*parts)[0];
  auto remarks = splitTexts((*parts)[1]);
  if (!remarks)
    return toError(remarks.error());
  for (std::string_view remark : *remarks) {
    code.remarks.emplace_back();
    if (llvm::Error error = parseRemark(remark, code.remarks.back()))
      return std::move(error);
  }
  code.object = (*parts)[2];
  return std::move(code);
}

llvm::Expected<std::string> driver::codeKey(ModuleOp module,
                                            const llvm::TargetMachine &machine,
                                            const CPUPipelineOptions &pipeline,
                                            ArrayRef<Signature> functions,
                                            StringRef entry) {
  auto device = ::nm::machine::findDevice(pipeline.target);
  if (!device)
    return toError(device.error());
  HashStream hash;
  if (failed(writeBytecodeToFile(module, hash)))
    return makeError("the module has no bytecode");
  std::vector<std::string> parts = {
      kFormat,
      buildIds(),
      llvmVersion(),
      machine.getTargetTriple().str(),
      machine.getTargetCPU().str(),
      machine.getTargetFeatureString().str(),
      ::nm::machine::printDevice(*device),
      llvm::formatv("dense {0}, parallel {1}, reference {2}, verify {3}, "
                    "measure {4}, input {5}",
                    pipeline.dense, pipeline.parallel, pipeline.reference,
                    pipeline.verifyAtRuntime, pipeline.measure,
                    pipeline.isInput),
      entry.str(),
      hash.digest()};
  for (const Signature &function : functions)
    parts.push_back(describe(function));
  return joinTexts(parts);
}

llvm::Expected<CodeCache> CodeCache::open() {
  CodeCache cache;
  const char *given = std::getenv(kFolder), *size = std::getenv(kSize);
  int64_t most = int64_t(512) << 20;
  if (size && (!::nm::support::parseWholeNumber(size, most) || most < 1))
    return makeError("{0} is {1}, expected a number of bytes, such as 512M",
                     kSize, ::nm::support::quote(size));
  std::string folder = given ? given : "";
  if (folder == "off")
    return std::move(cache);
  if (given && !StringRef(folder).starts_with("/"))
    return makeError("{0} is {1}, expected off or the absolute path of a "
                     "folder",
                     kFolder, ::nm::support::quote(folder));
  if (!given)
    folder = ::nm::support::userCacheFolder("nm/code");
  if (folder.empty()) {
    cache.text = "off: neither XDG_CACHE_HOME nor HOME names a folder";
    return std::move(cache);
  }
  if (buildIds().empty()) {
    cache.text = "off: this build has no identity (--build-id of the linker)";
    return std::move(cache);
  }
  auto files = FileCache::open(folder, static_cast<uint64_t>(most));
  if (!files) {
    cache.text = "off: " + printable(files.error().message);
    // A note where the user named the folder; the default folder is optional.
    if (given)
      llvm::WithColor::note()
          << "compiled code is not kept: " << printable(files.error().message)
          << "\n";
    return std::move(cache);
  }
  cache.files = std::move(*files);
  return std::move(cache);
}

bool CodeCache::find(std::string name, ModuleOp module, CompileLog &log,
                     SmallVectorImpl<char> &object) {
  if (!files)
    return false;
  key = std::move(name);
  remarksBefore = log.remarks.size();
  auto refuse = [&](StringRef why) {
    llvm::WithColor::note() << "compiled code that was kept is of no use, and "
                               "is made anew: "
                            << printable(why) << "\n";
    return false;
  };
  auto content = files->find(key);
  if (!content)
    return refuse(content.error().message);
  if (!*content)
    return false;
  auto code = parseKeptCode(**content);
  if (!code)
    return refuse(files->pathOf(key) + ": " + llvm::toString(code.takeError()));
  module->setAttr("nm.manifest",
                  StringAttr::get(module.getContext(), code->manifests));
  llvm::append_range(log.remarks, code->remarks);
  object.assign(code->object.begin(), code->object.end());
  text = "found";
  return true;
}

void CodeCache::keep(ModuleOp module, const CompileLog &log, StringRef object) {
  auto manifests = module->getAttrOfType<StringAttr>("nm.manifest");
  if (!files || !manifests)
    return;
  KeptCode code;
  code.manifests = manifests.getValue();
  code.remarks.assign(log.remarks.begin() +
                          static_cast<ptrdiff_t>(remarksBefore),
                      log.remarks.end());
  code.object = object;
  ::nm::support::Status kept = files->keep(key, printKeptCode(code));
  text = kept ? "kept" : "not kept: " + printable(kept.error().message);
}
