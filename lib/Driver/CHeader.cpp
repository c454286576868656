//===- CHeader.cpp - C prototypes of compiled functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/CHeader.h"
#include "mlir/IR/BuiltinTypes.h"
#include "nm/Driver/Arrays.h"
#include "nm/Driver/Execute.h"
#include "nm/Driver/Support.h"
#include "llvm/ADT/StringSet.h"
#include <set>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

std::string driver::cIdentifier(StringRef name) {
  static constexpr StringLiteral keywords[] = {
      "auto", "break", "case", "char", "const", "continue", "default", "do",
      "double", "else", "enum", "extern", "float", "for", "goto", "if",
      "inline", "int", "long", "params", "register", "return", "restrict",
      "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
      "union", "void", "unsigned", "volatile", "while",
      // C++ keywords that exporters use as names.
      "new", "class", "delete", "template", "this", "operator"};
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) ? c : '_';
  if (text.empty() || llvm::isDigit(text.front()) ||
      llvm::is_contained(keywords, text))
    text = "_" + text;
  return text;
}

static std::string cType(rt::DType dtype) {
  switch (dtype) {
  case rt::DType::F64:
    return "double";
  case rt::DType::F32:
    return "float";
  case rt::DType::F16:
  case rt::DType::BF16:
    return "uint16_t";
  case rt::DType::Bool:
  case rt::DType::F8E5M2:
  case rt::DType::F8E4M3:
    return "uint8_t";
  default:
    return integerName(dtype) + "_t";
  }
}

/// Scalars go by value, where half floats have registers of their own.
static bool isScalarInC(const ValueType &type) {
  return !type.isScalar ||
         (type.dtype != rt::DType::F16 && type.dtype != rt::DType::BF16);
}

static std::string memrefType(int64_t rank) {
  return llvm::formatv("nm_memref_{0}d", rank);
}

namespace {

/// Writes the part of the header that belongs to one function.
struct FunctionWriter {
  FunctionWriter(const Exported &exported, llvm::raw_ostream &os,
                 StringRef prefix)
      : exported(exported), os(os), source(*exported.signature),
        signature(source.returned()), symbol(prefix.str() + signature.name),
        id(cIdentifier(symbol)) {}

  const Exported &exported;
  llvm::raw_ostream &os;
  /// As the model has it, and as its code does.
  const Signature &source;
  Signature signature;
  /// As the linker knows it, and as C spells it.
  std::string symbol, id;
  std::vector<std::string> arguments;

  void prepare() {
    llvm::StringSet<> taken;
    for (const Argument &argument : signature.arguments) {
      std::string name = cIdentifier(argument.name);
      while (!taken.insert(name).second)
        name += "_";
      arguments.push_back(name);
    }
  }

  std::string resultType(const ValueType &type) const {
    return type.isScalar ? cType(type.dtype) : memrefType(type.rank());
  }

  void writeComment() {
    os << "/* " << signature.name << "\n";
    for (auto [i, argument] : llvm::enumerate(signature.arguments)) {
      os << " *   " << arguments[i] << ": " << describe(argument.type);
      if (std::optional<size_t> result = source.resultIn(i))
        os << "; written: it becomes " << source.resultNames[*result];
      if (argument.grows)
        os << ", which grows in dimension " << *argument.grows;
      os << "\n";
    }
    SmallVector<bool> counts;
    for (size_t i = 0; i < source.results.size(); ++i)
      if (!source.argumentOf(i) || source.isGrown(i))
        counts.push_back(source.isGrown(i));
    for (auto [i, type] : llvm::enumerate(signature.results)) {
      os << " *   result" << i << ": ";
      if (counts[i])
        os << "size of " << signature.resultNames[i]
           << " in the dimension that grows\n";
      else
        os << describe(type) << "\n";
    }
    if (!exported.manifest.params.empty())
      os << " *   params: " << exported.manifest.params.size()
         << " checkpoint parameters, loaded by nm_params_load with the text\n"
         << " *           nm_manifest_" << id << "; read only, may be shared "
         << "by calls and threads\n";
    os << " */\n";
  }

  static std::string describe(const ValueType &type) {
    std::string name(rt::dtypeName(type.dtype));
    if (type.dtype == rt::DType::BF16 || type.dtype == rt::DType::F16)
      name += " (bits)";
    return type.isScalar ? name : name + " " + shapeText(type.shape);
  }

  void writePrototype() {
    os << "extern const char nm_manifest_" << id << "[]"
       << label("nm_manifest_") << ";\n";
    os << "const char *nm_error_" << id << "(void)" << label("nm_error_")
       << ";\n";
    os << "int nm_ciface_" << id << "(";
    llvm::ListSeparator comma(", ");
    for (auto [i, type] : llvm::enumerate(signature.results))
      os << comma << resultType(type) << " *result" << i;
    for (auto [i, argument] : llvm::enumerate(signature.arguments))
      if (argument.type.isScalar)
        os << comma << cType(argument.type.dtype) << " " << arguments[i];
      else
        os << comma << "const " << memrefType(argument.type.rank()) << " *"
           << arguments[i];
    bool loads = !exported.manifest.params.empty();
    if (loads)
      os << comma << "uint64_t params_hash, const void *const *params_table";
    if (signature.results.empty() && arguments.empty() && !loads)
      os << "void";
    os << ")" << label("nm_ciface_") << ";\n";
  }

  /// The symbol, where C cannot spell it.
  std::string label(StringRef kind) const {
    if (id == symbol)
      return "";
    return ("\n    __asm__(\"" + kind + symbol + "\")").str();
  }

  void writeCall() {
    os << "int nm_call_" << id << "(";
    llvm::ListSeparator comma(", ");
    for (auto [i, argument] : llvm::enumerate(signature.arguments)) {
      std::string type = cType(argument.type.dtype);
      os << comma;
      if (argument.type.isScalar) {
        os << type << " " << arguments[i];
        continue;
      }
      os << (source.resultIn(i) ? "" : "const ") << type << " *"
         << arguments[i];
      for (auto [d, size] : llvm::enumerate(argument.type.shape))
        if (ShapedType::isDynamic(size))
          os << ", int64_t " << arguments[i] << "_size" << d;
      if (argument.grows)
        os << ", int64_t " << arguments[i] << "_room";
    }
    bool loads = !exported.manifest.params.empty();
    if (loads)
      os << comma << "const struct nm_params *params";
    for (auto [i, type] : llvm::enumerate(signature.results))
      os << comma << resultType(type) << " *result" << i;
    if (arguments.empty() && !loads && signature.results.empty())
      os << "void";
    os << ")" << label("nm_call_") << ";\n\n";
  }
};

} // namespace

static constexpr StringLiteral preamble =
    R"(/* {0}: compiled by nm-compile. Do not edit.
 *
 * For each function f of the model:
 *   nm_call_f(...)     takes row-major arrays (and the sizes that the model leaves
 *                      open) and gives its results as descriptors.
 *   nm_ciface_f(...)   the same on descriptors: row-major, offset 0; parameters
 *                      as the table of nm_params_table.
 *   nm_error_f()       why the last call on this thread returned 1.
 *   nm_manifest_f      its checkpoint parameters, for nm_params_load.
 *
 * Calls return 0, or 1 without results when what was passed does not fit: null
 * pointers, sizes that must agree and do not, are negative or overflow, other
 * strides than row-major, parameters of another manifest, indices in the data
 * that are out of range. Nothing is read or written out of bounds, and the
 * process goes on. Arrays must be as long as their sizes say.
 *
 * Arguments stay the caller's and are only read, but for those that are said to
 * be written; these overlap no other one, and what is in them after a call that
 * failed is unspecified. One that grows is row-major memory for as many rows as
 * ..._room says (for nm_ciface_f, as the stride before the dimension that grows
 * says), of which as many as its size says are in use; the call writes behind
 * these. Align arguments to the element size at least. The memory of a result is
 * the caller's, too: release it by free(result->allocated). Its data starts at aligned + offset (in elements) and
 * has the given sizes and strides. Calls may run on several threads at once.
 * Link with libomp, libm and, for models with parameters, libnm_runtime.
 */
#ifndef {1}
#define {1}

#include <stdint.h>
)";

llvm::Expected<std::string>
driver::generateCHeader(StringRef name, ArrayRef<Exported> functions,
                        StringRef prefix) {
  std::vector<FunctionWriter> writers;
  std::string text;
  llvm::raw_string_ostream os(text);
  std::set<int64_t> ranks;
  bool loads = false;
  for (const Exported &exported : functions) {
    const Signature &signature = *exported.signature;
    if (!signature.unsupported.empty())
      return makeError("function '{0}' cannot be called from C: {1}",
                       signature.name, signature.unsupported);
    FunctionWriter &writer = writers.emplace_back(exported, os, prefix);
    writer.prepare();
    auto see = [&](const ValueType &type) {
      if (!type.isScalar)
        ranks.insert(type.rank());
      return isScalarInC(type);
    };
    bool callable = true;
    for (const Argument &argument : signature.arguments)
      callable &= see(argument.type);
    for (const ValueType &type : signature.results)
      callable &= see(type);
    if (!callable)
      return makeError("function '{0}' has a scalar of type f16 or bf16, which "
                       "C cannot pass; use a tensor of rank 0",
                       signature.name);
    loads |= !exported.manifest.params.empty();
  }

  // Not formatv: the text holds no other braces, but may one day.
  std::string guard = "NM_GENERATED_" + StringRef(cIdentifier(name)).upper();
  std::string head = preamble.str();
  for (auto [pattern, value] :
       {std::pair<StringRef, StringRef>("{0}", name), {"{1}", guard}})
    for (size_t at; (at = head.find(pattern)) != std::string::npos;)
      head.replace(at, pattern.size(), value.str());
  os << head;
  if (loads)
    os << "#include \"nm/Runtime/nm_runtime.h\"\n";
  os << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  for (int64_t rank : ranks) {
    std::string type = memrefType(rank);
    std::string macro = StringRef(type).upper();
    os << "#ifndef " << macro << "\n#define " << macro << "\ntypedef struct "
       << type
       << " {\n  void *allocated; /* what free() takes */\n  void *aligned;\n  "
          "int64_t offset; /* in elements */\n";
    if (rank)
      os << "  int64_t sizes[" << rank << "];\n  int64_t strides[" << rank
         << "]; /* in elements */\n";
    os << "} " << type << ";\n#endif\n\n";
  }
  for (FunctionWriter &writer : writers) {
    writer.writeComment();
    writer.writePrototype();
    writer.writeCall();
  }
  os << "#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return text;
}
