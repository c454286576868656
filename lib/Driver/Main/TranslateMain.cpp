//===- TranslateMain.cpp - nm-translate -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The options of upstream's mlir-translate. Its main writes files itself and
// takes no stream, so that it cannot be called.
//
//===----------------------------------------------------------------------===//

#include "Translations.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "mlir/Support/ToolUtilities.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Support/Text.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::nm::driver;
namespace cl = llvm::cl;

namespace {

using VerifyLevel = SourceMgrDiagnosticVerifierHandler::Level;

/// Lives while the tool works: no library has global options.
struct TranslateOptions {
  cl::opt<std::string> input{cl::Positional, cl::desc("<input file>"),
                             cl::init("-")};
  cl::opt<std::string> output{"o", cl::desc("output file"),
                              cl::value_desc("file"), cl::init("-")};
  cl::alias outputName{"output", cl::desc("the same as -o"),
                       cl::aliasopt(output)};
  cl::opt<bool> allowUnregistered{
      "allow-unregistered-dialect",
      cl::desc("take operations of dialects that are not registered")};
  cl::opt<std::string> splitMarker{
      "split-input-file", cl::ValueOptional, cl::value_desc("marker"),
      cl::desc("translate the parts between markers (default: // -----) one "
               "by one")};
  cl::opt<std::string> outputMarker{
      "output-split-marker", cl::value_desc("marker"),
      cl::desc("what stands between the parts of the output")};
  cl::opt<VerifyLevel> verify{
      "verify-diagnostics", cl::ValueOptional, cl::init(VerifyLevel::None),
      cl::desc("check diagnostics against the file's expected-* comments:"),
      cl::values(clEnumValN(VerifyLevel::All, "all", "every diagnostic"),
                 clEnumValN(VerifyLevel::All, "", "the same"),
                 clEnumValN(VerifyLevel::OnlyExpected, "only-expected",
                            "those that are expected"))};
  cl::opt<bool> errorsOnly{"error-diagnostics-only",
                           cl::desc("print errors, no warnings and remarks")};
  cl::list<const Translation *, bool, TranslationParser> translations{
      "", cl::desc("translations, in order:")};
};

/// One translation of one part of the file.
class Job {
public:
  Job(const TranslateOptions &options, TimingScope &timing)
      : options(options), timing(timing) {}

  /// `isWhole`: the part is all of its file, and as large as that.
  LogicalResult run(std::unique_ptr<llvm::MemoryBuffer> part, bool isWhole,
                    raw_ostream &os) const {
    std::string name = part->getBufferIdentifier().str(), result;
    // Parsers ask for a zero at the end, which a part of a buffer has not.
    if (!isWhole)
      part = llvm::MemoryBuffer::getMemBufferCopy(part->getBuffer(), name);
    for (const Translation *translation : options.translations) {
      if (!part)
        part = llvm::MemoryBuffer::getMemBufferCopy(result, name);
      result.clear();
      llvm::raw_string_ostream stream(result);
      if (failed(translate(*translation, std::move(part), stream)))
        return failure();
    }
    os << result;
    return success();
  }

private:
  LogicalResult translate(const Translation &translation,
                          std::unique_ptr<llvm::MemoryBuffer> content,
                          raw_ostream &os) const {
    TimingScope scope = timing.nest(translation.getDescription());
    MLIRContext context;
    context.allowUnregisteredDialects(options.allowUnregistered);
    auto sources = std::make_shared<llvm::SourceMgr>();
    sources->AddNewSourceBuffer(withPrintableName(std::move(content)), SMLoc());
    if (options.verify.getNumOccurrences()) {
      // Failing may be what is expected.
      context.printOpOnDiagnostic(false);
      SourceMgrDiagnosticVerifierHandler handler(*sources, &context,
                                                 options.verify);
      (void)translation(sources, os, &context);
      return handler.verify();
    }
    SourceMgrDiagnosticHandler handler(*sources, &context);
    escapeDiagnostics(context);
    std::optional<ScopedDiagnosticHandler> filter;
    if (options.errorsOnly)
      filter.emplace(&context, [](Diagnostic &diagnostic) {
        return success(diagnostic.getSeverity() != DiagnosticSeverity::Error);
      });
    return translation(sources, os, &context);
  }

  const TranslateOptions &options;
  TimingScope &timing;
};

} // namespace

static int translate(const TranslateOptions &options) {
  if (options.translations.empty())
    return reportError(makeError("no translation is named; nm-translate --help "
                                 "lists them, such as --attacc-to-binary"));
  DefaultTimingManager manager;
  applyDefaultTimingManagerCLOptions(manager);
  TimingScope timing = manager.getRootScope();
  std::string message;
  auto alignment = options.translations.front()->getInputAlignment();
  std::unique_ptr<llvm::MemoryBuffer> input =
      alignment ? openInputFile(options.input, *alignment, &message)
                : openInputFile(options.input, &message);
  if (!input)
    return reportError(makeError("{0}", ::nm::support::printable(message)));
  std::string marker = options.splitMarker;
  if (options.splitMarker.getNumOccurrences() && marker.empty())
    marker = kDefaultSplitMarker;
  Job job(options, timing);
  bool succeeded = false;
  if (llvm::Error error = writeOutput(
          options.output, options.input,
          [&](raw_ostream &os) {
            return mlir::succeeded(splitAndProcessBuffer(
                std::move(input),
                [&](std::unique_ptr<llvm::MemoryBuffer> part, raw_ostream &os) {
                  return job.run(std::move(part), marker.empty(), os);
                },
                os, marker, options.outputMarker));
          },
          succeeded))
    return reportError(std::move(error));
  return succeeded ? 0 : 1;
}

static ::nm::support::Manual manual() {
  ::nm::support::Manual manual;
  manual.tool = "nm-translate";
  manual.about = "translates into and out of the dialects of nm";
  manual.examples = {
      "nm-translate --import-onnx model.onnx -o model.mlir",
      "nm-translate --binary-to-asm program.nmb",
      "nm-translate --pifo-to-systemverilog mesh.mlir -o mesh.sv"};
  ::nm::support::Manual::Entry input;
  input.value = "file";
  input.help = "what is translated; - is standard input";
  manual.files = {input};
  return manual;
}

int mlir::nm::driver::translateMain(int argc, char **argv) {
  return runTool(argc, argv, [&] {
    registerTranslations();
    TranslateOptions options;
    registerAsmPrinterCLOptions();
    registerMLIRContextCLOptions();
    registerTranslationCLOptions();
    registerDefaultTimingManagerCLOptions();
    auto &known = options.translations.getParser();
    auto describe = [&](StringRef name) -> ManualRow {
      for (unsigned i = 0; i != known.getNumOptions(); ++i)
        if (known.getOption(i) == name)
          return {"Translations", known.getDescription(i).str()};
      return {};
    };
    cl::ParseCommandLineOptions(argc,
                                answerManual(argc, argv, manual(), describe),
                                "nm translation driver\n");
    return translate(options);
  });
}
