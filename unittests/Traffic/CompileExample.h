//===- CompileExample.h - Schedulers of the examples as code -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_TRAFFIC_COMPILEEXAMPLE_H
#define NM_UNITTESTS_TRAFFIC_COMPILEEXAMPLE_H

#include "Oracles.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "nm/Driver/PifoScheduler.h"
#include "nm/Registration.h"
#include "gtest/gtest.h"

namespace nm::traffic::test {

/// The scheduler of examples/pifo/<name>.mlir; null with a failure of the test
/// if there is none.
inline std::unique_ptr<mlir::nm::driver::PifoScheduler>
compileExample(const std::string &name, const char *container = "auto",
               const std::vector<std::string> &columns = kColumns) {
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(
      NM_SOURCE "/examples/pifo/" + name + ".mlir", &context);
  if (!module)
    return nullptr;
  auto scheduler = mlir::nm::driver::PifoScheduler::create(
      *module, "", container, 0, columns, {});
  if (!scheduler) {
    ADD_FAILURE() << name << ": " << llvm::toString(scheduler.takeError());
    return nullptr;
  }
  return std::move(*scheduler);
}

} // namespace nm::traffic::test

#endif // NM_UNITTESTS_TRAFFIC_COMPILEEXAMPLE_H
