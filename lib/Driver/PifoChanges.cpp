//===- PifoChanges.cpp - Policies that change while they run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Model.h"
#include "nm/Driver/PifoRun.h"
#include "nm/Driver/PifoScheduler.h"
#include "nm/Driver/Support.h"
#include "nm/Import/PifoPolicy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::policy::NamedText;

/// More changes are taken for a mistake.
static constexpr size_t kMostChanges = 10000;
static constexpr int64_t kLatest = int64_t(1) << 62;

int64_t driver::parseTime(StringRef text) {
  StringRef digits = text.take_while(llvm::isDigit);
  StringRef unit = text.drop_front(digits.size());
  int64_t factor = unit == "ns"   ? 1
                   : unit == "us" ? 1000
                   : unit == "ms" ? 1000000
                   : unit == "s"  ? 1000000000
                                  : 0;
  int64_t number;
  if (factor == 0 || digits.getAsInteger(10, number) ||
      number > kLatest / factor)
    return -1;
  return number * factor;
}

static llvm::Error readChanges(StringRef path, std::vector<int64_t> &times,
                               std::vector<NamedText> &policies) {
  auto file = readFile(path);
  if (!file)
    return file.takeError();
  StringRef rest = (*file)->getBuffer();
  for (size_t number = 1; !rest.empty(); ++number) {
    StringRef line;
    std::tie(line, rest) = rest.split('\n');
    line = line.split('#').first.trim();
    if (line.empty())
      continue;
    auto refuse = [&](const std::string &what) {
      return makeError("{0}:{1}: {2}", printable(path), number, what);
    };
    auto [word, name] = line.split(' ');
    int64_t time = parseTime(word);
    name = name.trim();
    if (time < 0 || name.empty())
      return refuse("found '" + printable(line) +
                    "'; expected a time and a policy, such as "
                    "'5ms evening.policy'");
    if (!times.empty() && time < times.back())
      return refuse("a change at " + std::to_string(time) +
                    " ns behind one at " + std::to_string(times.back()) +
                    " ns; expected them in the order of their times");
    if (times.size() == kMostChanges)
      return refuse("more than " + std::to_string(kMostChanges) + " changes");
    SmallString<128> policy(name);
    if (!llvm::sys::path::is_absolute(name)) {
      policy = llvm::sys::path::parent_path(path);
      llvm::sys::path::append(policy, name);
    }
    auto text = readFile(policy);
    if (!text)
      return text.takeError();
    times.push_back(time);
    policies.emplace_back((*text)->getBuffer().str(), policy.str().str());
  }
  if (times.empty())
    return makeError("{0} has no changes; expected lines such as "
                     "'5ms evening.policy'",
                     printable(path));
  return llvm::Error::success();
}

llvm::Expected<OwningOpRef<ModuleOp>>
driver::readSchedulers(const PifoRunOptions &options, llvm::SourceMgr &sources,
                       MLIRContext &context, PifoChanges &changes) {
  if (options.changes.empty())
    return readScheduler(options.schedulerFile, sources, context,
                         options.capacity);
  if (!StringRef(options.schedulerFile).ends_with(".policy"))
    return makeError("--changes is given with '{0}'; expected a policy "
                     "(*.policy), whose numbers change",
                     printable(options.schedulerFile));
  auto first = readFile(options.schedulerFile);
  if (!first)
    return first.takeError();
  std::vector<NamedText> policies;
  std::vector<int64_t> &times = changes.times;
  if (llvm::Error error = readChanges(options.changes, times, policies))
    return std::move(error);
  auto living = ::nm::policy::translateLiving(
      {(*first)->getBuffer().str(), options.schedulerFile}, policies,
      std::vector<uint64_t>(times.begin(), times.end()),
      static_cast<uint64_t>(options.capacity));
  if (!living)
    return makeError("{0}", StringRef(living.error().message).rtrim());
  changes.parameters = std::move(living->changes);
  changes.field = std::move(living->field);
  changes.numbers = std::move(living->numbers);
  changes.leaves = std::move(living->leaves);
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy(
          living->module, options.schedulerFile + " (translated)"),
      llvm::SMLoc());
  auto module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return makeError("'{0}' is not a valid module",
                     printable(options.schedulerFile));
  return std::move(module);
}
