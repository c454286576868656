//===- Diagnostics.cpp - MLIR's messages on a terminal -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Diagnostics.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "nm/Support/Text.h"

using namespace mlir;
using namespace mlir::nm::driver;
namespace support = ::nm::support;

std::string mlir::nm::driver::printableLines(StringRef message) {
  std::string text;
  while (true) {
    auto [line, rest] = message.split('\n');
    text += support::printable({line.data(), line.size()});
    if (line.size() == message.size())
      return text;
    text += '\n';
    message = rest;
  }
}

static Location printableLocation(Location location) {
  auto file = dyn_cast<FileLineColLoc>(location);
  if (!file)
    return location;
  StringRef name = file.getFilename();
  std::string shown = support::printable({name.data(), name.size()});
  return shown == name ? location
                       : FileLineColLoc::get(location.getContext(), shown,
                                             file.getLine(), file.getColumn());
}

static bool isPrintable(Diagnostic &diagnostic) {
  std::string text = diagnostic.str();
  Location location = diagnostic.getLocation();
  return printableLines(text) == text &&
         printableLocation(location) == location &&
         llvm::all_of(diagnostic.getNotes(), isPrintable);
}

void mlir::nm::driver::escapeDiagnostics(MLIRContext &context) {
  DiagnosticEngine &engine = context.getDiagEngine();
  // Handlers are asked from the latest to the first.
  engine.registerHandler([&engine](Diagnostic &diagnostic) -> LogicalResult {
    if (isPrintable(diagnostic))
      return failure();
    Diagnostic clean(printableLocation(diagnostic.getLocation()),
                     diagnostic.getSeverity());
    clean << printableLines(diagnostic.str());
    for (Diagnostic &note : diagnostic.getNotes())
      clean.attachNote(printableLocation(note.getLocation()))
          << printableLines(note.str());
    engine.emit(std::move(clean));
    return success();
  });
}

void mlir::nm::driver::escapeDiagnostics(DialectRegistry &registry) {
  // Contexts load dialects as a module needs them, which is after the handlers.
  registry.addExtension(+[](MLIRContext *context, func::FuncDialect *) {
    escapeDiagnostics(*context);
  });
}

std::unique_ptr<llvm::MemoryBuffer> mlir::nm::driver::withPrintableName(
    std::unique_ptr<llvm::MemoryBuffer> buffer) {
  StringRef name = buffer->getBufferIdentifier();
  std::string shown = support::printable({name.data(), name.size()});
  if (shown == name)
    return buffer;
  return llvm::MemoryBuffer::getMemBufferCopy(buffer->getBuffer(), shown);
}
