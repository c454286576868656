//===- Translate.cpp - nm-translate between encodings of programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-translate/Translation.h"
#include "nm/Isa/Encoding.h"
#include "nm/Target/Attacc/Attacc.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

namespace {

/// One spelling of a program outside MLIR.
struct Encoding {
  const char *name;
  const char *words;
  std::string (*write)(const code::Program &);
  code::Result<code::Program> (*read)(std::string_view, const std::string &);
};

constexpr Encoding encodings[] = {
    {"binary", "a binary program", code::writeBinary, code::readBinary},
    {"asm", "assembly", code::writeAssembly, code::readAssembly},
    {"json", "JSON", code::writeJson, code::readJson}};

} // namespace

/// The program in the main file; null after an error.
static std::optional<code::Program> readMain(const Encoding &from,
                                             const llvm::SourceMgr &sources,
                                             MLIRContext *context,
                                             std::string &file) {
  const llvm::MemoryBuffer *buffer =
      sources.getMemoryBuffer(sources.getMainFileID());
  file = buffer->getBufferIdentifier().str();
  code::Result<code::Program> program = from.read(
      std::string_view(buffer->getBufferStart(), buffer->getBufferSize()),
      file);
  if (program)
    return std::move(*program);
  // The message names file and place, "file:line:column: " in texts.
  StringRef message = program.error().message, rest = message;
  unsigned line = 0, column = 0;
  Location loc = UnknownLoc::get(context);
  if (rest.consume_front(file) && rest.consume_front(":") &&
      !rest.consumeInteger(10, line) && rest.consume_front(":") &&
      !rest.consumeInteger(10, column) && rest.consume_front(": ")) {
    loc = FileLineColLoc::get(context, file, line, column);
    message = rest;
  }
  emitError(loc) << message;
  return std::nullopt;
}

static LogicalResult exportModule(const Encoding &to, Operation *op,
                                  llvm::raw_ostream &os) {
  SmallVector<ProgramOp> programs;
  op->walk([&](ProgramOp program) { programs.push_back(program); });
  if (programs.size() != 1)
    return emitError(op->getLoc(), "holds ")
           << programs.size()
           << " operations attacc.program, expected exactly one";
  FailureOr<code::Program> program = exportProgram(programs[0]);
  if (failed(program))
    return failure();
  os << to.write(*program);
  return success();
}

void attacc::registerProgramTranslations(
    std::function<void(DialectRegistry &)> registerDialects) {
  for (const Encoding &entry : encodings) {
    const Encoding *one = &entry;
    std::string name = one->name, words = one->words;
    // Registrations keep the texts by reference.
    static llvm::StringSet<> texts;
    auto keep = [&](const std::string &text) {
      return texts.insert(text).first->getKey();
    };
    TranslateFromMLIRRegistration(
        keep("attacc-to-" + name), keep("encode an attacc.program as " + words),
        [one](Operation *op, llvm::raw_ostream &os) {
          return exportModule(*one, op, os);
        },
        registerDialects);
    TranslateToMLIRRegistration(
        keep(name + "-to-attacc"), keep("read an attacc.program from " + words),
        [one](llvm::SourceMgr &sources,
              MLIRContext *context) -> OwningOpRef<Operation *> {
          std::string file;
          auto program = readMain(*one, sources, context, file);
          if (!program)
            return nullptr;
          return importProgram(context, *program, file)
              .release()
              .getOperation();
        },
        [](DialectRegistry &registry) { registry.insert<AttaccDialect>(); });
    for (const Encoding &target : encodings) {
      if (&target == one)
        continue;
      const Encoding *to = &target;
      TranslateRegistration(
          keep(name + "-to-" + to->name),
          keep("turn " + words + " into " + to->words),
          [one, to](const std::shared_ptr<llvm::SourceMgr> &sources,
                    llvm::raw_ostream &os,
                    MLIRContext *context) -> LogicalResult {
            std::string file;
            auto program = readMain(*one, *sources, context, file);
            if (!program)
              return failure();
            os << to->write(*program);
            return success();
          });
    }
  }
}
