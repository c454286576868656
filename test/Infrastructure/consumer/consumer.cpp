//===- consumer.cpp - A project outside nm that uses its dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/MLIRContext.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

int main() {
  mlir::MLIRContext context;
  context.loadDialect<mlir::nm::NMDialect>();
  mlir::Type type = mlir::parseType(
      "tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>", &context);
  if (!type || !mlir::nm::getSparsity(type))
    return 1;
  llvm::outs() << type << "\n";
  return 0;
}
