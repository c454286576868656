//===- MutatedTextTest.cpp - The parsers of our dialects on damaged text ---===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text that is off is refused with a diagnostic, or is a module that prints as
// text that parses to the same. Lines of the test tree that speak of our
// dialects are changed token by token, so that little of it is upstream's to
// refuse. NM_MUTATE_SEED and NM_MUTATE_COUNT choose others.
//
//===----------------------------------------------------------------------===//

#include "Children.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Parser/Parser.h"
#include "nm/Registration.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <random>

using namespace mlir;

namespace {

/// Names, numbers, texts, and each other character by itself; blanks are kept
/// as tokens of their own.
std::vector<std::string> tokenize(StringRef line) {
  std::vector<std::string> tokens;
  auto isName = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; };
  while (!line.empty()) {
    size_t size = 1;
    if (isName(line[0]))
      size = line.take_while(isName).size();
    else if (line[0] == '"')
      size = std::min(line.find('"', 1), line.size() - 1) + 1;
    tokens.push_back(line.take_front(size).str());
    line = line.drop_front(size);
  }
  return tokens;
}

class TextMutation {
public:
  TextMutation(std::mt19937 &random, const std::vector<std::string> &modules)
      : random(random), modules(modules) {}

  std::string run(StringRef text) {
    SmallVector<StringRef> parts;
    text.split(parts, '\n');
    std::vector<std::string> lines(parts.begin(), parts.end());
    std::vector<size_t> own = ownLines(lines);
    if (own.empty())
      return {};
    for (unsigned n = 1 + random() % 2; n; --n) {
      std::string &line = lines[own[random() % own.size()]];
      std::vector<std::string> tokens = tokenize(line);
      if (!tokens.empty())
        change(tokens);
      line = llvm::join(tokens, "");
    }
    return llvm::join(lines, "\n");
  }

private:
  static std::vector<size_t> ownLines(const std::vector<std::string> &lines) {
    std::vector<size_t> own;
    for (auto [i, line] : llvm::enumerate(lines)) {
      StringRef code = StringRef(line).split("//").first;
      for (StringRef name : {"nm.", "flat.", "pifo.", "attacc.", "step."})
        if (code.contains(name)) {
          own.push_back(i);
          break;
        }
    }
    return own;
  }

  size_t at(size_t size) { return random() % size; }

  std::string another() {
    static constexpr const char *kTokens[] = {"0",
                                              "-1",
                                              "1",
                                              "2:4",
                                              "65",
                                              "3:2",
                                              "-0.0",
                                              "nan",
                                              "1e400",
                                              "0x7FF0000000000000",
                                              "?",
                                              "*",
                                              "<",
                                              ">",
                                              "[",
                                              "]",
                                              "(",
                                              ")",
                                              "{",
                                              "}",
                                              ",",
                                              ":",
                                              "->",
                                              "=",
                                              "\"\"",
                                              "\"a\\00\"",
                                              "f32",
                                              "i0",
                                              "i1",
                                              "index",
                                              "none",
                                              "true",
                                              "array",
                                              "dense",
                                              "tensor<4x?xf32>",
                                              "memref",
                                              "vector",
                                              "unit",
                                              "@f",
                                              "%0",
                                              "#nm",
                                              "!nm",
                                              "loc",
                                              "9223372036854775807",
                                              "-9223372036854775808",
                                              "18446744073709551616"};
    if (random() % 2)
      return kTokens[at(std::size(kTokens))];
    // Or what stands in a line of another module.
    SmallVector<StringRef> lines;
    StringRef(modules[at(modules.size())]).split(lines, '\n');
    std::vector<std::string> tokens = tokenize(lines[at(lines.size())]);
    return tokens.empty() ? "" : tokens[at(tokens.size())];
  }

  void change(std::vector<std::string> &tokens) {
    size_t place = at(tokens.size());
    auto found = tokens.begin() + static_cast<ptrdiff_t>(place);
    switch (random() % 6) {
    case 0:
      tokens.erase(found);
      return;
    case 1:
      tokens.insert(found, tokens[at(tokens.size())]);
      return;
    case 2:
      std::swap(tokens[place], tokens[at(tokens.size())]);
      return;
    case 3: {
      size_t count = std::min(tokens.size() - place, 1 + at(6));
      tokens.erase(found, found + static_cast<ptrdiff_t>(count));
      return;
    }
    case 4:
      // A number or a name by one of its kind.
      for (size_t i = 0; i != tokens.size(); ++i) {
        std::string &token = tokens[(place + i) % tokens.size()];
        if (!llvm::isAlnum(token[0]))
          continue;
        token = another();
        return;
      }
      return;
    default:
      tokens.insert(found, another());
    }
  }

  std::mt19937 &random;
  const std::vector<std::string> &modules;
};

std::string print(ModuleOp module, bool isGeneric) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os, OpPrintingFlags().printGenericOpForm(isGeneric));
  return text;
}

std::string tryOne(MLIRContext &context,
                   const std::vector<std::string> &modules, unsigned seed,
                   bool &isTried, llvm::function_ref<void()> inside) {
  std::mt19937 random(seed);
  std::string text;
  for (int attempt = 0; attempt != 20 && text.empty(); ++attempt)
    text =
        TextMutation(random, modules).run(modules[random() % modules.size()]);
  // A context gives each resource that it reads another name.
  if (StringRef(text).contains("dense_resource"))
    text.clear();
  isTried = !text.empty();
  if (!isTried)
    return {};
  bool isSaid = false;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    isSaid |= diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return success();
  });
  inside();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return isSaid ? "" : "refused without a diagnostic: " + text;
  std::string printed = print(*module, /*isGeneric=*/false);
  OwningOpRef<ModuleOp> again = parseSourceString<ModuleOp>(printed, &context);
  if (!again)
    return "prints as what does not parse: " + text;
  if (print(*again, /*isGeneric=*/true) != print(*module, /*isGeneric=*/true))
    return "prints as another module: " + text;
  return {};
}

TEST(MutatedText, Parse) {
  unsigned seed = ::nm::test::fromEnvironment("NM_MUTATE_SEED", 1);
  unsigned count = ::nm::test::fromEnvironment("NM_MUTATE_COUNT", 20) * 100;
  DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  std::vector<std::string> modules = ::nm::test::readModules(context);
  ASSERT_GT(modules.size(), 200u);
  unsigned tried = ::nm::test::inChildren(
      "text", seed * 1000003u, count,
      [&](unsigned at, bool &isTried, llvm::function_ref<void()> inside) {
        return tryOne(context, modules, at, isTried, inside);
      });
  std::printf("seed %u, %u damaged texts\n", seed, tried);
  EXPECT_GT(tried, count / 2);
}

} // namespace
