//===- RecipeKernelsMain.cpp - nm-recipe-kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Options.h"
#include "nm/Support/OutputFile.h"
#include "nm/Support/StandardStreams.h"
#include "nm/Target/RecipeKernels/RecipeKernels.h"
#include <cstdio>
#include <string>

using namespace mlir::step;

static int fail(const std::string &message) {
  std::fprintf(stderr, "nm-recipe-kernels: error: %s\n", message.c_str());
  return 1;
}

static int run(int argc, char **argv) {
  const KernelTarget *target = getKernelTargets().begin();
  KernelOutput emit = KernelOutput::Recipes;
  std::string output = "-", only;
  ::nm::support::CommandLine line("nm-recipe-kernels",
                                  "prints or compiles kernels of recipes");
  line.example("nm-recipe-kernels --target=avx512 --emit=asm "
               "--only=adam_select4_f32");
  line.example("nm-recipe-kernels --target=avx2 --emit=obj -o avx2.o");
  line.paragraph("These are the optimizer steps that libnm_runtime holds, "
                 "recipes of the dialect `step`.");
  std::vector<::nm::support::Word<const KernelTarget *>> targets;
  for (const KernelTarget &known : getKernelTargets())
    targets.push_back({known.name.str(), &known, known.triple.str()});
  line.choice("target", target, "the instruction set, for llvm, asm and obj",
              targets);
  line.choice("emit", emit, "what is written",
              std::vector<::nm::support::Word<KernelOutput>>{
                  {"recipes", KernelOutput::Recipes, "functions over `step`"},
                  {"fused", KernelOutput::Fused, "their loops, vector and scf"},
                  {"llvm", KernelOutput::LLVM, "optimised LLVM IR"},
                  {"asm", KernelOutput::Assembly, "assembly"},
                  {"obj", KernelOutput::Object, "an object file"}});
  line.text("only", only, "part", "only kernels with this in their name");
  line.text("output", output, "file", "where they go; - is standard output");
  line.shorthand('o', "output");
  auto outcome = line.parse(argc, argv);
  if (!outcome)
    return fail(outcome.error().message);
  if (*outcome == ::nm::support::CommandLine::Outcome::Done)
    return 0;
  if (line.given("target") &&
      (emit == KernelOutput::Recipes || emit == KernelOutput::Fused))
    return fail("--target has no effect on recipes and fused loops, which are "
                "the same for all; expected it with --emit=llvm, asm or obj");
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (llvm::Error error = writeRecipeKernels(*target, emit, only, stream))
    return fail(llvm::toString(std::move(error)));
  auto status = ::nm::support::writeFile(output, text);
  return status ? 0 : fail(status.error().message);
}

int mlir::step::recipeKernelsMain(int argc, char **argv) {
  ::nm::support::startTool();
  return ::nm::support::finishTool(run(argc, argv));
}
