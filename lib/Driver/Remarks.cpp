//===- Remarks.cpp - Collecting and printing remarks -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Remarks.h"
#include "nm/Driver/Compile.h"
#include "nm/Driver/Support.h"
#include "llvm/Remarks/RemarkSerializer.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

namespace {

using remark::detail::MLIRRemarkStreamerBase;

/// Hands every remark to the log and, filtered, to people and files.
class LogStreamer : public MLIRRemarkStreamerBase {
public:
  LogStreamer(CompileLog &log, std::unique_ptr<llvm::Regex> filter,
              bool wantsYaml)
      : log(log), filter(std::move(filter)), os(log.yaml) {
    if (wantsYaml)
      serializer = llvm::cantFail(llvm::remarks::createRemarkSerializer(
          llvm::remarks::Format::YAML, os));
  }

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    StringRef category = remark.getCombinedCategoryName();
    RemarkRecord record{kindOf(remark),
                        category.str(),
                        remark.getRemarkName().str(),
                        describe(remark.getLocation()),
                        "",
                        namesOf(remark.getLocation()),
                        {}};
    for (const auto &arg : remark.getArgs()) {
      if (!record.message.empty() && record.message.back() != ' ')
        record.message += ' ';
      if (arg.key != "Remark" && arg.key != "Reason")
        record.message += arg.key + "=";
      record.message += arg.val;
      record.arguments.push_back({arg.key, arg.val});
    }
    if (filter && filter->match(category))
      llvm::errs() << "remark: " << record.location << ": [" << record.kind
                   << "] " << record.category << ": " << record.name << ": "
                   << record.message << "\n";
    if (serializer)
      serializer->emit(remark.generateRemark());
    log.remarks.push_back(std::move(record));
  }

private:
  /// "file:line:column" if the location has one.
  static std::string describe(Location location) {
    std::string text;
    llvm::raw_string_ostream os(text);
    if (auto file = location->findInstanceOf<FileLineColLoc>())
      os << file.getFilename().getValue() << ":" << file.getLine() << ":"
         << file.getColumn();
    else
      os << location;
    return text;
  }

  static std::string kindOf(const remark::detail::Remark &remark) {
    switch (remark.getRemarkType()) {
    case llvm::remarks::Type::Passed:
      return "passed";
    case llvm::remarks::Type::Missed:
      return "missed";
    case llvm::remarks::Type::Failure:
      return "failed";
    default:
      return "analysis";
    }
  }

  CompileLog &log;
  std::unique_ptr<llvm::Regex> filter;
  llvm::raw_string_ostream os;
  std::unique_ptr<llvm::remarks::RemarkSerializer> serializer;
};

} // namespace

StringRef RemarkRecord::argument(StringRef key) const {
  for (const auto &[name, value] : arguments)
    if (name == key)
      return value;
  return "";
}

static void addNames(Location location, std::vector<std::string> &names) {
  auto add = [&](const Twine &name) {
    std::string text = name.str();
    if (!llvm::is_contained(names, text))
      names.push_back(std::move(text));
  };
  if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      addNames(part, names);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    addNames(call.getCallee(), names);
  } else if (auto named = dyn_cast<NameLoc>(location)) {
    add(named.getName().getValue());
  } else if (auto file = dyn_cast<FileLineColLoc>(location)) {
    add(file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" +
        Twine(file.getColumn()));
  }
}

std::vector<std::string> driver::namesOf(Location location) {
  std::vector<std::string> names;
  addNames(location, names);
  return names;
}

llvm::Error driver::collectRemarks(MLIRContext &context,
                                   const CompileOptions &options,
                                   CompileLog &log) {
  std::unique_ptr<llvm::Regex> filter;
  if (!options.remarksFilter.empty()) {
    filter = std::make_unique<llvm::Regex>(options.remarksFilter);
    std::string message;
    if (!filter->isValid(message))
      return makeError("--remarks-filter '{0}' is not a regular expression: "
                       "{1}",
                       options.remarksFilter, message);
  }
  // `all` only widens the filters of kinds that have one.
  std::string any = ".*";
  remark::RemarkCategories categories{any, any, any, any, any};
  if (failed(remark::enableOptimizationRemarks(
          context,
          std::make_unique<LogStreamer>(log, std::move(filter),
                                        !options.remarksFile.empty()),
          std::make_unique<remark::RemarkEmittingPolicyAll>(), categories)))
    return makeError("cannot enable remarks");
  return llvm::Error::success();
}
