//===- EntryPoint.cpp - The checked entry of compiled functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/EntryPoint.h"
#include "mlir/IR/BuiltinTypes.h"
#include "nm/Driver/Execute.h"
#include "nm/Driver/Support.h"
#include "nm/Transforms/CallState.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Intrinsics.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// The limit of a tensor's bytes, so that address computations are exact.
static constexpr uint64_t kMaxBytes = uint64_t(1) << 62;

namespace {

/// A condition under which a call is refused, and its message.
struct Refusal {
  llvm::Value *applies;
  std::string format; ///< of printf, for at most two numbers
  llvm::Value *first = nullptr, *second = nullptr;
};

class EntryBuilder {
public:
  EntryBuilder(llvm::Module &module, llvm::Function *callee,
               const Signature &source, StringRef suffix)
      : module(module), context(module.getContext()), b(context),
        callee(callee), source(source), signature(source.returned()),
        suffix(suffix.str()), ptr(b.getPtrTy()), i64(b.getInt64Ty()) {}

  void build(const ::nm::rt::Manifest &manifest,
             ArrayRef<std::pair<std::string, int64_t>> params) {
    getState();
    bool byPointer = hasResultPointer();
    SmallVector<llvm::Type *> types(signature.results.size(), ptr);
    for (llvm::Type *type :
         callee->getFunctionType()->params().drop_front(byPointer))
      types.push_back(type);
    size_t firstParam = signature.results.size() + signature.arguments.size();
    // How many rows of caches are in use stands in their sizes.
    auto rows = types.begin() + firstParam;
    types.erase(rows, rows + llvm::count_if(signature.arguments,
                                            [](const Argument &argument) {
                                              return argument.grows.has_value();
                                            }));
    if (!params.empty())
      types.insert(types.begin() + firstParam, i64);
    entry = llvm::Function::Create(
        llvm::FunctionType::get(b.getInt32Ty(), types, false),
        llvm::GlobalValue::ExternalLinkage, "nm_ciface_" + suffix, module);
    entry->copyAttributesFrom(callee);
    entry->setAttributes({});
    b.SetInsertPoint(newBlock("entry"));
    failed = llvm::BasicBlock::Create(context, "failed", entry);
    b.SetInsertPoint(failed);
    why = b.CreatePHI(ptr, 4);
    numbers[0] = b.CreatePHI(i64, 4);
    numbers[1] = b.CreatePHI(i64, 4);
    b.SetInsertPoint(&entry->getEntryBlock());

    unsigned position = 0;
    for (auto [i, type] : llvm::enumerate(signature.results)) {
      llvm::Value *result = entry->getArg(position++);
      refuse({{b.CreateIsNull(result),
               "the place of result " + std::to_string(i) + " is null"}});
      b.CreateMemSet(result, b.getInt8(0), bytesOf(type), llvm::MaybeAlign());
    }
    std::vector<Extent> extents;
    for (const Argument &argument : signature.arguments) {
      llvm::Value *value = entry->getArg(position++);
      extents.push_back(argument.type.isScalar ? Extent()
                                               : checkMemRef(value, argument));
    }
    checkOverlaps(extents);
    if (!params.empty()) {
      llvm::Value *wanted = b.getInt64(::nm::rt::hashManifest(manifest));
      llvm::Value *hash = entry->getArg(position++);
      refuse({{b.CreateOr(b.CreateICmpNE(hash, wanted),
                          b.CreateIsNull(entry->getArg(position))),
               quote("the parameters are null, or were loaded for another "
                     "manifest than nm_manifest_" +
                     suffix)}});
    }
    if (!params.empty())
      checkParams(entry->getArg(position), params);
    call(byPointer, params.empty() ? entry->arg_size() : firstParam);
    writeFailure();
    addErrorFunction();
  }

private:
  bool hasResultPointer() const {
    return signature.results.size() > 1 ||
           (signature.results.size() == 1 &&
            !signature.results.front().isScalar);
  }

  static uint64_t bytesOf(const ValueType &type) {
    return type.isScalar ? ::nm::rt::elementBytes(type.dtype)
                         : (3 + 2 * type.rank()) * sizeof(uint64_t);
  }

  llvm::BasicBlock *newBlock(StringRef name) {
    return llvm::BasicBlock::Create(context, name, entry);
  }

  llvm::Value *number(int64_t value) { return b.getInt64(value); }

  llvm::Value *text(const std::string &format) {
    llvm::GlobalVariable *&known = texts[format];
    if (!known)
      known = b.CreateGlobalString(format, "nm_message", 0, &module);
    return known;
  }

  /// The checks of the function's body may have made it.
  void getState() {
    stateType = llvm::StructType::get(
        b.getInt32Ty(), llvm::ArrayType::get(b.getInt8Ty(), kCallMessageBytes));
    state = module.getGlobalVariable(kCallStateName, /*AllowInternal=*/true);
    if (!state)
      state = new llvm::GlobalVariable(
          module, stateType, /*isConstant=*/false,
          llvm::GlobalValue::InternalLinkage,
          llvm::ConstantAggregateZero::get(stateType), kCallStateName, nullptr,
          llvm::GlobalValue::GeneralDynamicTLSModel);
  }

  /// Returns an error for the first of `refusals` that holds. All are evaluated
  /// together, so that a valid call takes one branch.
  void refuse(ArrayRef<Refusal> refusals) {
    llvm::Value *any = nullptr;
    for (const Refusal &refusal : refusals)
      any = any ? b.CreateOr(any, refusal.applies) : refusal.applies;
    llvm::BasicBlock *explain = newBlock("explain"), *next = newBlock("next");
    b.CreateCondBr(any, explain, next);
    b.SetInsertPoint(explain);
    llvm::Value *format = nullptr, *first = number(0), *second = number(0);
    for (const Refusal &refusal : llvm::reverse(refusals)) {
      llvm::Value *words = text(refusal.format);
      auto choose = [&](llvm::Value *mine, llvm::Value *other) {
        return b.CreateSelect(refusal.applies, mine ? mine : number(0), other);
      };
      format = format ? choose(words, format) : words;
      first = choose(refusal.first, first);
      second = choose(refusal.second, second);
    }
    why->addIncoming(format, explain);
    numbers[0]->addIncoming(first, explain);
    numbers[1]->addIncoming(second, explain);
    b.CreateBr(failed);
    b.SetInsertPoint(next);
  }

  llvm::Value *word(llvm::Value *descriptor, unsigned position) {
    return b.CreateLoad(i64, b.CreateConstGEP1_64(i64, descriptor, position));
  }

  /// Addresses of an argument's first byte and of the one after its last; null
  /// for scalars.
  struct Extent {
    llvm::Value *begin = nullptr, *end = nullptr;
  };

  /// A cache that grows: passed with the rows in use, called with the memory
  /// for all of them.
  struct Grown {
    llvm::Value *memory, *rows;
  };

  /// Checks a cache's descriptor: the stride of the dimension before the one
  /// that grows tells how many rows it has room for. Rows are `rowElements`
  /// long.
  llvm::Value *checkRoom(const Argument &argument, llvm::Value *rows,
                         llvm::Value *stride, llvm::Value *rowElements,
                         SmallVectorImpl<Refusal> &layout) {
    std::string name = "'" + argument.name + "'";
    llvm::Value *divisor =
        b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, rowElements, number(1));
    llvm::Value *room = b.CreateUDiv(stride, divisor);
    std::string before = std::to_string(*argument.grows - 1);
    layout.push_back(
        {b.CreateOr(b.CreateICmpSLT(stride, number(0)),
                    b.CreateICmpNE(b.CreateMul(room, divisor), stride)),
         quote("dimension " + before + " of " + name) +
             " has stride %lld, expected a multiple of %lld, the elements of a "
             "row: the stride tells how many rows the cache has room for",
         stride, rowElements});
    layout.push_back(
        {b.CreateICmpUGT(rows, room),
         quote("dimension " + std::to_string(*argument.grows) + " of " + name) +
             " is %lld, and the stride before it has room for %lld",
         rows, room});
    return room;
  }

  /// The descriptor of the whole memory of a cache.
  llvm::Value *describeMemory(llvm::Value *descriptor, const Argument &argument,
                              llvm::Value *room) {
    int64_t rank = argument.type.rank(), words = 3 + 2 * rank;
    llvm::IRBuilder<> top(&entry->getEntryBlock(),
                          entry->getEntryBlock().begin());
    llvm::Value *copy = top.CreateAlloca(llvm::ArrayType::get(i64, words));
    b.CreateMemCpy(copy, llvm::MaybeAlign(8), descriptor, llvm::MaybeAlign(8),
                   words * sizeof(uint64_t));
    // Strides of dimensions of size 1 may be any: compiled code takes none.
    llvm::Value *stride = number(1);
    for (int64_t dim = rank - 1; dim >= 0; --dim) {
      llvm::Value *size =
          dim == *argument.grows ? room : word(descriptor, 3 + dim);
      b.CreateStore(size, b.CreateConstGEP1_64(i64, copy, 3 + dim));
      b.CreateStore(stride, b.CreateConstGEP1_64(i64, copy, 3 + rank + dim));
      stride = b.CreateMul(stride, size);
    }
    return copy;
  }

  /// Checks and returns the data of an argument; null is allowed if it is
  /// `empty`.
  llvm::Value *checkData(llvm::Value *descriptor, const Argument &argument,
                         llvm::Value *empty,
                         SmallVectorImpl<Refusal> &refusals) {
    std::string name = "'" + argument.name + "'";
    auto bytes =
        static_cast<int64_t>(::nm::rt::elementBytes(argument.type.dtype));
    llvm::Value *offset = word(descriptor, 2), *data = word(descriptor, 1);
    refusals.push_back({b.CreateICmpNE(offset, number(0)),
                        quote("the offset of " + name) +
                            " is %lld, expected 0: move the pointer instead",
                        offset});
    refusals.push_back(
        {b.CreateAnd(b.CreateNot(empty), b.CreateICmpEQ(data, number(0))),
         quote("the data of " + name + " is null")});
    if (bytes > 1)
      refusals.push_back(
          {b.CreateICmpNE(b.CreateAnd(data, number(bytes - 1)), number(0)),
           quote("the data of " + name + " is not aligned to ") +
               "%lld bytes, the size of an element",
           number(bytes)});
    return data;
  }

  Extent checkMemRef(llvm::Value *descriptor, const Argument &argument) {
    std::string name = "'" + argument.name + "'";
    const ValueType &type = argument.type;
    int64_t rank = type.rank();
    auto bytes = static_cast<int64_t>(::nm::rt::elementBytes(type.dtype));
    refuse(
        {{b.CreateIsNull(descriptor), quote("argument " + name + " is null")}});

    SmallVector<Refusal> refusals;
    SmallVector<llvm::Value *> sizes, strides;
    for (int64_t dim = 0; dim < rank; ++dim) {
      sizes.push_back(word(descriptor, 3 + dim));
      strides.push_back(word(descriptor, 3 + rank + dim));
    }
    llvm::Value *empty = b.getFalse();
    for (int64_t dim = 0; dim < rank; ++dim) {
      std::string where =
          quote("dimension " + std::to_string(dim) + " of " + name);
      bool isDynamic = ShapedType::isDynamic(type.shape[dim]);
      llvm::Value *least = number(isDynamic ? 0 : type.shape[dim]);
      refusals.push_back({isDynamic ? b.CreateICmpSLT(sizes[dim], least)
                                    : b.CreateICmpNE(sizes[dim], least),
                          where + " is %lld, expected " +
                              (isDynamic ? "at least " : "") + "%lld",
                          sizes[dim], least});
      empty = b.CreateOr(empty, b.CreateICmpEQ(sizes[dim], number(0)));
    }
    // The row-major strides, from the innermost dimension outwards. The running
    // product counts sizes of 0 as 1, so that every size is bounded.
    llvm::Value *expected = number(1), *tooLarge = b.getFalse();
    SmallVector<Refusal> layout;
    auto grow = [&](llvm::Value *factor) {
      llvm::Value *pair = b.CreateBinaryIntrinsic(
          llvm::Intrinsic::umul_with_overflow, expected, factor);
      tooLarge = b.CreateOr(tooLarge, b.CreateExtractValue(pair, 1));
      expected = b.CreateExtractValue(pair, 0);
    };
    llvm::Value *room = nullptr;
    for (int64_t dim = rank - 1; dim >= 0; --dim) {
      if (argument.grows == dim) {
        llvm::Value *rows = sizes[dim];
        sizes[dim] = room =
            checkRoom(argument, rows, strides[dim - 1], expected, layout);
        empty = b.getFalse();
        for (llvm::Value *size : sizes)
          empty = b.CreateOr(empty, b.CreateICmpEQ(size, number(0)));
        grown.push_back({nullptr, rows});
      }
      llvm::Value *matters = b.CreateAnd(
          b.CreateNot(empty), b.CreateICmpSGT(sizes[dim], number(1)));
      layout.push_back(
          {b.CreateAnd(matters, b.CreateICmpNE(strides[dim], expected)),
           quote("dimension " + std::to_string(dim) + " of " + name) +
               " has stride %lld, expected %lld: arrays are row-major",
           strides[dim], expected});
      grow(b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, sizes[dim],
                                   number(1)));
    }
    grow(number(bytes));
    tooLarge =
        b.CreateOr(tooLarge, b.CreateICmpUGT(expected, number(kMaxBytes)));
    refusals.push_back(
        {tooLarge, quote("the sizes of " + name +
                         " are those of more bytes than there can be")});
    refusals.append(layout);
    llvm::Value *data = checkData(descriptor, argument, empty, refusals);
    refuse(refusals);
    if (room)
      grown.back().memory = describeMemory(descriptor, argument, room);
    return {data, b.CreateSelect(empty, data, b.CreateAdd(data, expected))};
  }

  /// Outputs must not overlap any other argument: code may read those at any
  /// time.
  void checkOverlaps(ArrayRef<Extent> extents) {
    for (size_t i = 0; i < extents.size(); ++i) {
      if (!source.resultIn(i))
        continue;
      SmallVector<Refusal> refusals;
      for (size_t j = 0; j < extents.size(); ++j)
        if (extents[j].begin && i != j && (!source.resultIn(j) || i < j))
          refusals.push_back(
              {b.CreateAnd(b.CreateICmpULT(extents[i].begin, extents[j].end),
                           b.CreateICmpULT(extents[j].begin, extents[i].end)),
               quote("the data of '" + signature.arguments[i].name +
                     "', which the call writes, overlaps that of '" +
                     signature.arguments[j].name + "'")});
      if (!refusals.empty())
        refuse(refusals);
    }
  }

  /// Checks the data of all parts in a loop. A parallel table has the error of
  /// each for null data, null where it has no elements.
  void checkParams(llvm::Value *table,
                   ArrayRef<std::pair<std::string, int64_t>> params) {
    SmallVector<llvm::Constant *> messages;
    auto *none = llvm::ConstantPointerNull::get(b.getPtrTy());
    for (auto &[name, elements] : params)
      messages.push_back(elements == 0
                             ? none
                             : llvm::cast<llvm::Constant>(text(
                                   quote("parameter '" + name + "' is null"))));
    auto *type = llvm::ArrayType::get(ptr, messages.size());
    auto *known = new llvm::GlobalVariable(
        module, type, /*isConstant=*/true, llvm::GlobalValue::PrivateLinkage,
        llvm::ConstantArray::get(type, messages), "nm_params_null");

    llvm::BasicBlock *before = b.GetInsertBlock(), *loop = newBlock("param"),
                     *more = newBlock("more"), *next = newBlock("next");
    b.CreateBr(loop);
    b.SetInsertPoint(loop);
    llvm::PHINode *i = b.CreatePHI(i64, 2);
    i->addIncoming(number(0), before);
    auto elementOf = [&](llvm::Value *array) {
      return b.CreateLoad(ptr, b.CreateGEP(ptr, array, i));
    };
    llvm::Value *message = elementOf(known);
    b.CreateCondBr(b.CreateAnd(b.CreateIsNotNull(message),
                               b.CreateIsNull(elementOf(table))),
                   failed, more);
    why->addIncoming(message, loop);
    for (llvm::PHINode *unused : numbers)
      unused->addIncoming(number(0), loop);
    b.SetInsertPoint(more);
    llvm::Value *following = b.CreateAdd(i, number(1));
    i->addIncoming(following, more);
    b.CreateCondBr(
        b.CreateICmpEQ(following, number(static_cast<int64_t>(params.size()))),
        next, loop);
    b.SetInsertPoint(next);
  }

  static std::string quote(const std::string &words) {
    return toPrintfFormat(words);
  }

  void appendRows(SmallVectorImpl<llvm::Value *> &operands) {
    for (const Grown &each : grown)
      operands.push_back(each.rows);
  }

  /// `hashAt`: the argument that only the entry reads.
  void call(bool byPointer, unsigned hashAt) {
    SmallVector<llvm::Value *> operands;
    size_t count = signature.results.size();
    llvm::Value *buffer = nullptr;
    SmallVector<llvm::Type *> fields;
    llvm::StructType *structure = nullptr;
    if (count > 1) {
      for (const ValueType &type : signature.results)
        fields.push_back(type.isScalar
                             ? llvm::Type::getIntNTy(context, 8 * bytesOf(type))
                             : static_cast<llvm::Type *>(llvm::ArrayType::get(
                                   i64, bytesOf(type) / 8)));
      structure = llvm::StructType::get(context, fields);
      llvm::IRBuilder<> top(&entry->getEntryBlock(),
                            entry->getEntryBlock().begin());
      buffer = top.CreateAlloca(structure);
      operands.push_back(buffer);
    } else if (byPointer) {
      operands.push_back(entry->getArg(0));
    }
    const Grown *next = grown.begin();
    for (unsigned i = count; i < entry->arg_size(); ++i) {
      if (i - count == signature.arguments.size())
        appendRows(operands);
      if (i - count < signature.arguments.size() &&
          signature.arguments[i - count].grows)
        operands.push_back((next++)->memory);
      else if (i != hashAt)
        operands.push_back(entry->getArg(i));
    }
    if (entry->arg_size() - count == signature.arguments.size())
      appendRows(operands);
    b.CreateStore(b.getInt32(0), state);
    llvm::Value *result = b.CreateCall(callee, operands);
    llvm::BasicBlock *fine = newBlock("fine"), *clear = newBlock("clear");
    b.CreateCondBr(
        b.CreateICmpEQ(b.CreateLoad(b.getInt32Ty(), state), b.getInt32(0)),
        fine, clear);
    b.SetInsertPoint(fine);
    if (count > 1)
      for (unsigned i = 0; i < count; ++i)
        b.CreateMemCpy(entry->getArg(i), llvm::MaybeAlign(),
                       b.CreateStructGEP(structure, buffer, i),
                       llvm::MaybeAlign(), bytesOf(signature.results[i]));
    else if (count == 1 && !byPointer)
      b.CreateStore(result, entry->getArg(0));
    b.CreateRet(b.getInt32(0));
    b.SetInsertPoint(clear);
    for (unsigned i = 0; i < count; ++i)
      b.CreateMemSet(entry->getArg(i), b.getInt8(0),
                     bytesOf(signature.results[i]), llvm::MaybeAlign());
    b.CreateRet(b.getInt32(1));
  }

  void writeFailure() {
    b.SetInsertPoint(failed);
    llvm::FunctionCallee print = module.getOrInsertFunction(
        "snprintf", llvm::FunctionType::get(b.getInt32Ty(), {ptr, i64, ptr},
                                            /*isVarArg=*/true));
    llvm::Value *message = b.CreateConstGEP1_64(b.getInt8Ty(), state, 4);
    b.CreateCall(print, {message, number(kCallMessageBytes), why, numbers[0],
                         numbers[1]});
    b.CreateRet(b.getInt32(1));
  }

  void addErrorFunction() {
    auto *error = llvm::Function::Create(llvm::FunctionType::get(ptr, false),
                                         llvm::GlobalValue::ExternalLinkage,
                                         "nm_error_" + suffix, module);
    b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", error));
    b.CreateRet(b.CreateConstGEP1_64(b.getInt8Ty(), state, 4));
  }

  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::IRBuilder<> b;
  llvm::Function *callee, *entry = nullptr;
  /// The signature that the user sees, and that of the compiled code.
  const Signature &source;
  Signature signature;
  std::string suffix;
  llvm::Type *ptr, *i64;
  llvm::StructType *stateType = nullptr;
  llvm::GlobalVariable *state = nullptr;
  llvm::BasicBlock *failed = nullptr;
  llvm::PHINode *why = nullptr, *numbers[2] = {};
  /// In the order of the arguments.
  SmallVector<Grown> grown;
  llvm::StringMap<llvm::GlobalVariable *> texts;
};

} // namespace

llvm::Error driver::addEntryPoint(llvm::Module &module,
                                  const Signature &function,
                                  const ::nm::rt::Manifest &manifest,
                                  StringRef suffix) {
  if (!function.unsupported.empty())
    return llvm::Error::success(); // nothing outside can call it
  llvm::Function *callee = module.getFunction("_mlir_ciface_" + function.name);
  if (!callee || callee->isDeclaration())
    return makeError("compilation lost the C interface of function '{0}'",
                     function.name);
  // Names and element counts of the parameters, which follow the arguments.
  std::vector<std::pair<std::string, int64_t>> params;
  for (const ::nm::rt::ParamSpec &spec : manifest.params) {
    auto parts = ::nm::rt::paramParts(spec);
    if (!parts)
      return toError(parts.error());
    for (const ::nm::rt::ParamPart &part : *parts) {
      int64_t elements = 1;
      for (int64_t size : part.shape)
        elements *= size;
      params.emplace_back(spec.key, elements);
    }
  }
  callee->setLinkage(llvm::GlobalValue::InternalLinkage);
  EntryBuilder(module, callee, function, suffix).build(manifest, params);
  return llvm::Error::success();
}

StringRef driver::invokeName() { return "nm_invoke_entry"; }

llvm::Value *driver::callWithSlots(llvm::IRBuilderBase &b,
                                   llvm::Function *entry, llvm::Value *slots) {
  llvm::Type *ptr = b.getPtrTy();
  SmallVector<llvm::Value *> operands;
  for (auto [i, type] : llvm::enumerate(entry->getFunctionType()->params())) {
    llvm::Value *slot = b.CreateLoad(ptr, b.CreateConstGEP1_64(ptr, slots, i));
    operands.push_back(b.CreateLoad(type, slot));
  }
  return b.CreateCall(entry, operands);
}

llvm::Error driver::addInvoke(llvm::Module &module, StringRef suffix) {
  llvm::Function *entry = module.getFunction(("nm_ciface_" + suffix).str());
  llvm::Function *error = module.getFunction(("nm_error_" + suffix).str());
  if (!entry || !error)
    return makeError("compilation lost the C interface of function '{0}'",
                     suffix);
  // Calls come from one thread, and the JIT's linker does not support
  // thread-local data.
  module.getGlobalVariable(kCallStateName, true)->setThreadLocal(false);
  llvm::IRBuilder<> b(module.getContext());
  llvm::Type *ptr = b.getPtrTy();
  auto *invoke = llvm::Function::Create(
      llvm::FunctionType::get(ptr, {ptr}, false),
      llvm::GlobalValue::ExternalLinkage, invokeName(), module);
  b.SetInsertPoint(
      llvm::BasicBlock::Create(module.getContext(), "entry", invoke));
  llvm::Value *status = callWithSlots(b, entry, invoke->getArg(0));
  llvm::Value *message = b.CreateCall(error);
  b.CreateRet(b.CreateSelect(b.CreateIsNull(status),
                             llvm::ConstantPointerNull::get(b.getPtrTy()),
                             message));
  return llvm::Error::success();
}
