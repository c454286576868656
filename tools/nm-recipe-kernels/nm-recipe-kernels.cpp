//===- nm-recipe-kernels.cpp - The kernels of recipes on the command line -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Target/RecipeKernels/RecipeKernels.h"

int main(int argc, char **argv) {
  return mlir::step::recipeKernelsMain(argc, argv);
}
