//===- Signature.cpp - What a compiled function takes and returns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Signature.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Driver/Support.h"
#include "llvm/Support/SourceMgr.h"
#include <dlfcn.h>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// Empty on success, else why the type cannot cross the boundary.
/// `isUnsigned`: signless integers are unsigned ones.
static std::string convertType(Type type, ValueType &result, bool isUnsigned) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  Type element = type;
  result.isScalar = true;
  result.isBuffer = isa<MemRefType>(type);
  if (auto shaped = dyn_cast<ShapedType>(type)) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    auto memref = dyn_cast<MemRefType>(type);
    if (!tensor && !(memref && memref.getLayout().isIdentity()))
      return text + ", expected a ranked tensor, a memref without layout, or a "
                    "scalar";
    if (tensor && tensor.getEncoding())
      return text + ", an encoded tensor; pass the dense tensor and use "
                    "'nm.compress', or make it an 'nm.param'";
    element = shaped.getElementType();
    result.isScalar = false;
    result.shape = shaped.getShape().vec();
  }
  result.dtype = toDType(element, isUnsigned);
  if (result.dtype == rt::DType::Unknown)
    return text + ", expected elements of f64, f32, f16, bf16, index or an "
                  "integer of 1, 8, 16, 32 or 64 bits";
  return "";
}

std::string driver::shapeText(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, size] : llvm::enumerate(shape)) {
    text += i ? ", " : "";
    text += ShapedType::isDynamic(size) ? "?" : std::to_string(size);
  }
  return text + "]";
}

std::string ValueType::str() const {
  std::string name(rt::dtypeName(dtype));
  if (isScalar)
    return name;
  std::string text = isBuffer ? "memref<" : "tensor<";
  for (int64_t size : shape)
    text += (ShapedType::isDynamic(size) ? "?" : std::to_string(size)) + "x";
  return text + name + ">";
}

llvm::Expected<size_t> Signature::findArgument(StringRef wanted) const {
  size_t index;
  SmallVector<StringRef> names;
  for (const Argument &argument : arguments) {
    if (argument.name == wanted)
      return names.size();
    names.push_back(argument.name);
  }
  StringRef digits = wanted;
  digits.consume_front("arg");
  if (!digits.getAsInteger(10, index) && index < arguments.size())
    return index;
  if (names.empty())
    return makeError("function '{0}' has no argument '{1}'; it takes none",
                     name, wanted);
  return makeError("function '{0}' has no argument '{1}'{2}; its arguments "
                   "are {3}",
                   name, wanted, didYouMean(wanted, names), listNames(names));
}

std::optional<size_t> Signature::resultIn(size_t argument) const {
  for (size_t i = 0; i < inPlace.size(); ++i)
    if (inPlace[i] == argument)
      return i;
  return std::nullopt;
}

bool Signature::isGrown(size_t result) const {
  std::optional<size_t> argument = argumentOf(result);
  return argument && arguments[*argument].grows;
}

Signature Signature::returned() const {
  Signature code = *this;
  code.results.clear();
  code.resultNames.clear();
  code.inPlace.clear();
  ValueType rowCount;
  rowCount.dtype = rt::DType::I64;
  rowCount.isScalar = true;
  for (size_t i = 0; i < results.size(); ++i)
    if (!argumentOf(i) || isGrown(i)) {
      code.results.push_back(isGrown(i) ? rowCount : results[i]);
      if (i < resultNames.size())
        code.resultNames.push_back(resultNames[i]);
    }
  return code;
}

int64_t Source::depthOf(const Signature &function) const {
  auto func = module.get().lookupSymbol<func::FuncOp>(function.name);
  llvm::DenseMap<Value, int64_t> depths;
  int64_t deepest = 1;
  if (func && !func.isExternal())
    for (Operation &op : func.front()) {
      int64_t depth = 0;
      for (Value operand : op.getOperands())
        depth = std::max(depth, depths.lookup(operand));
      // Constants and empty tensors round nothing.
      depth += op.getNumOperands() != 0;
      deepest = std::max(deepest, depth);
      for (Value result : op.getResults())
        if (isa<ShapedType>(result.getType()))
          depths[result] = depth;
    }
  return deepest;
}

llvm::Error Source::checkCallees() const {
  for (const std::string &name : declared) {
    Operation *function = SymbolTable::lookupSymbolIn(module.get(), name);
    // As the linker would: functions of C and of mathematics are there.
    if (!function || SymbolTable::symbolKnownUseEmpty(function, module.get()) ||
        ::dlsym(RTLD_DEFAULT, name.c_str()))
      continue;
    return makeError(
        "function '{0}' is called but has no body; define it in "
        "the module, or compile with nm-compile --emit=obj and link it",
        printable(name));
  }
  return llvm::Error::success();
}

llvm::Expected<const Signature *> Source::findEntry(StringRef name) const {
  SmallVector<StringRef> names;
  for (const Signature &function : functions) {
    if (function.name == name || (name.empty() && functions.size() == 1))
      return &function;
    names.push_back(function.name);
  }
  if (names.empty() && schedules)
    return makeError("the module has no function to run but a pifo.scheduler; "
                     "nm-pifo runs it on traffic: nm-pifo FILE traffic.csv");
  if (!declared.empty())
    if (name.empty() ? names.empty() : llvm::is_contained(declared, name))
      return makeError("function '{0}' has no body, only a declaration; "
                       "expected one that is defined in the module",
                       name.empty() ? declared.front() : name.str());
  if (names.empty())
    return makeError("the module has no public function with a body to run");
  if (name.empty())
    return makeError("the module has {0} public functions; choose one of {1} "
                     "with --entry",
                     names.size(), listNames(names));
  return makeError("no public function '{0}'{1}; the module has {2}", name,
                   didYouMean(name, names), listNames(names));
}

llvm::Expected<const Signature *> Source::findRunnable(StringRef name) const {
  if (llvm::Error error = checkCallees())
    return std::move(error);
  auto entry = findEntry(name);
  if (!entry)
    return entry.takeError();
  if (!(*entry)->unsupported.empty())
    return makeError("function '{0}' cannot be run: {1}", (*entry)->name,
                     (*entry)->unsupported);
  return *entry;
}

std::vector<Signature> driver::collectSignatures(ModuleOp module) {
  std::vector<Signature> signatures;
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func.isPublic() || func.isExternal())
      continue;
    Signature &signature = signatures.emplace_back();
    signature.name = func.getName().str();
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      Argument &argument = signature.arguments.emplace_back();
      argument.name = "arg" + std::to_string(i);
      if (auto name = func.getArgAttrOfType<StringAttr>(i, "nm.name"))
        argument.name = name.str();
      std::string problem =
          convertType(func.getArgumentTypes()[i], argument.type,
                      func.getArgAttr(i, kUnsignedAttrName) != nullptr);
      if (!problem.empty() && signature.unsupported.empty())
        signature.unsupported =
            llvm::formatv("argument {0} has type {1}", i, problem);
    }
    for (auto [i, type] : llvm::enumerate(func.getResultTypes())) {
      std::string problem =
          convertType(type, signature.results.emplace_back(),
                      func.getResultAttr(i, kUnsignedAttrName) != nullptr);
      if (!problem.empty() && signature.unsupported.empty())
        signature.unsupported =
            llvm::formatv("result {0} has type {1}", i, problem);
      auto name = func.getResultAttrOfType<StringAttr>(i, "nm.name");
      signature.resultNames.push_back(name ? name.str()
                                           : "result" + std::to_string(i));
    }
  }
  return signatures;
}

/// Names that the source text gives to arguments: MLIR does not keep them.
static void takeSourceNames(ModuleOp module, const AsmParserState &state,
                            std::vector<Signature> &signatures) {
  for (Signature &signature : signatures) {
    auto func = module.lookupSymbol<func::FuncOp>(signature.name);
    const auto *block = state.getBlockDef(&func.front());
    if (!block)
      continue;
    for (auto [i, argument] : llvm::enumerate(signature.arguments)) {
      if (i >= block->arguments.size() || func.getArgAttr(i, "nm.name"))
        continue;
      SMRange range = block->arguments[i].loc;
      if (!range.isValid())
        continue;
      StringRef text(range.Start.getPointer(),
                     range.End.getPointer() - range.Start.getPointer());
      if (text.consume_front("%") && !text.empty() && !isdigit(text.front()))
        argument.name = text.str();
    }
  }
}

/// What `module` holds beside the names of its text.
static Source describe(OwningOpRef<ModuleOp> module) {
  Source source;
  source.module = std::move(module);
  source.functions = collectSignatures(*source.module);
  for (auto func : source.module->getOps<func::FuncOp>())
    if (func.isExternal())
      source.declared.push_back(func.getName().str());
  // The signatures know; LLVM's functions would warn of what they do not.
  for (auto func : source.module->getOps<func::FuncOp>()) {
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      func.removeArgAttr(i, kUnsignedAttrName);
    for (unsigned i = 0; i < func.getNumResults(); ++i) {
      func.removeResultAttr(i, StringAttr::get(func.getContext(), "nm.name"));
      func.removeResultAttr(
          i, StringAttr::get(func.getContext(), kUnsignedAttrName));
    }
  }
  for (Operation &op : *source.module->getBody())
    source.schedules |= op.getName().getStringRef() == "pifo.scheduler";
  return source;
}

llvm::Expected<Source> driver::parseSource(llvm::SourceMgr &sourceMgr,
                                           MLIRContext &context,
                                           const OnnxImportOptions &onnx) {
  const llvm::MemoryBuffer *buffer =
      sourceMgr.getMemoryBuffer(sourceMgr.getMainFileID());
  if (isOnnxModel(buffer->getBuffer(), buffer->getBufferIdentifier())) {
    auto module = importOnnx(buffer->getBuffer(), buffer->getBufferIdentifier(),
                             &context, onnx);
    if (!module)
      return module.takeError();
    return describe(std::move(*module));
  }
  if (!onnx.sizes.empty())
    return makeError("--size names symbolic dimensions of ONNX models, "
                     "and '{0}' is none; write the sizes into its types",
                     buffer->getBufferIdentifier());
  ParserConfig config(&context);
  OwningOpRef<ModuleOp> module;
  AsmParserState state;
  bool binary = isBytecode(*buffer);
  if (binary) {
    module = parseSourceFile<ModuleOp>(sourceMgr, config);
  } else {
    Block block;
    if (succeeded(parseAsmSourceFile(sourceMgr, &block, config, &state)))
      module = mlir::detail::constructContainerOpForParserIfNecessary<ModuleOp>(
          &block, &context,
          FileLineColLoc::get(&context, buffer->getBufferIdentifier(), 0, 0));
  }
  if (!module)
    return makeError("'{0}' is not a valid module",
                     buffer->getBufferIdentifier());
  Source source = describe(std::move(module));
  if (!binary)
    takeSourceNames(*source.module, state, source.functions);
  return source;
}
