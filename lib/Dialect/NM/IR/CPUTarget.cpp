//===- CPUTarget.cpp - Where descriptions of processors come from -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mlir::nm;

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

/// The trimmed text of a small file, empty if there is none.
static std::string readText(const Twine &path) {
  auto buffer = llvm::MemoryBuffer::getFileAsStream(path);
  return buffer ? (*buffer)->getBuffer().trim().str() : std::string();
}

/// "32K" or "32M" as bytes, 0 for anything else.
static int64_t parseSize(StringRef text) {
  int64_t scale = text.consume_back("K")   ? 1024
                  : text.consume_back("M") ? 1024 * 1024
                                           : 1;
  int64_t value;
  bool failed = text.getAsInteger(10, value);
  return failed || value < 0 || value > (int64_t(1) << 40) / scale
             ? 0
             : value * scale;
}

/// Processors in a list such as "0-3,8".
static int64_t countProcessors(StringRef list) {
  int64_t count = 0;
  SmallVector<StringRef> parts;
  list.split(parts, ',');
  for (StringRef part : parts) {
    auto [first, last] = part.split('-');
    int64_t low, high;
    if (first.getAsInteger(10, low))
      continue;
    if (last.getAsInteger(10, high))
      high = low;
    if (low >= 0 && high >= low && high < (1 << 20))
      count += high - low + 1;
  }
  return count;
}

CacheSizes mlir::nm::readCacheSizes(StringRef root) {
  CacheSizes sizes;
  for (int index = 0; index < 16; ++index) {
    std::string cache = (root + "/cpu0/cache/index" + Twine(index) + "/").str();
    std::string type = readText(cache + "type");
    if (type.empty())
      break;
    if (type == "Instruction")
      continue;
    int64_t size = parseSize(readText(cache + "size"));
    std::string level = readText(cache + "level");
    if (level == "1") {
      sizes.l1 = size;
      sizes.line = parseSize(readText(cache + "coherency_line_size"));
    } else if (level == "2") {
      sizes.l2 = size;
    } else if (level == "3") {
      sizes.l3 = size;
    }
  }
  sizes.cores =
      std::max<int64_t>(1, countProcessors(readText(root + "/online")));
  return sizes;
}

//===----------------------------------------------------------------------===//
// Descriptions
//===----------------------------------------------------------------------===//

CPUAttr mlir::nm::describeCPU(MLIRContext *context, const llvm::Triple &triple,
                              function_ref<bool(StringRef)> has,
                              CacheSizes caches) {
  // What this project calls a feature, and LLVM's names for it.
  static constexpr std::pair<StringLiteral, StringLiteral> names[] = {
      {"avx2", "avx2"}, {"avx512f", "avx512f"}, {"bf16", "avx512bf16"},
      {"f16c", "f16c"}, {"fma", "fma"},         {"vnni", "avx512vnni"}};
  static constexpr std::pair<StringLiteral, StringLiteral> armNames[] = {
      {"bf16", "bf16"}, {"i8mm", "i8mm"}, {"neon", "neon"}, {"sve", "sve"}};
  SmallVector<StringRef> features;
  bool isArm = triple.isAArch64();
  if (triple.isX86() || isArm)
    for (const auto &[name, llvmName] :
         isArm ? ArrayRef(armNames) : ArrayRef(names))
      if (has(llvmName))
        features.push_back(name);
  int64_t vector = 128, registers = isArm ? 32 : 16;
  if (has("avx2") && has("fma"))
    vector = 256;
  if (has("avx512f") && has("avx2") && has("fma")) {
    vector = 512;
    registers = 32;
  }
  auto orElse = [](int64_t size, int64_t otherwise) {
    return size > 0 ? size : otherwise;
  };
  int64_t line = llvm::isPowerOf2_64(caches.line) ? caches.line : 64;
  return CPUAttr::get(context, triple.getArchName(), llvm::join(features, ","),
                      vector, registers,
                      std::max<int64_t>(orElse(caches.l1, 32 << 10), 4096),
                      orElse(caches.l2, 512 << 10), caches.l3, line,
                      std::max<int64_t>(caches.cores, 1));
}

CPUAttr mlir::nm::getHostCPU(MLIRContext *context) {
  const auto features = llvm::sys::getHostCPUFeatures();
  return describeCPU(
      context, llvm::Triple(llvm::sys::getProcessTriple()),
      [&](StringRef name) { return features.lookup(name); }, readCacheSizes());
}

static constexpr CPUPreset kPresets[] = {
    {"x86-64", "x86_64-unknown-linux-gnu", "x86-64", "", "", 128, 16, 32 << 10,
     512 << 10, 0},
    {"x86-64-avx2", "x86_64-unknown-linux-gnu", "x86-64-v3", "",
     "avx2,f16c,fma", 256, 16, 32 << 10, 512 << 10, 32 << 20},
    {"x86-64-avx512", "x86_64-unknown-linux-gnu", "x86-64-v4", "",
     "avx2,avx512f,f16c,fma", 512, 32, 32 << 10, 1 << 20, 32 << 20},
    {"aarch64-neon", "aarch64-unknown-linux-gnu", "generic", "", "neon", 128,
     32, 64 << 10, 1 << 20, 32 << 20},
    {"aarch64-sve256", "aarch64-unknown-linux-gnu", "generic", "+sve",
     "neon,sve", 256, 32, 64 << 10, 1 << 20, 32 << 20},
};

ArrayRef<CPUPreset> mlir::nm::getCPUPresets() { return kPresets; }

const CPUPreset *mlir::nm::findCPUPreset(StringRef name) {
  const auto *found = llvm::find_if(
      kPresets, [&](const CPUPreset &preset) { return preset.name == name; });
  return found == std::end(kPresets) ? nullptr : found;
}

CPUAttr mlir::nm::describe(MLIRContext *context, const CPUPreset &preset) {
  return CPUAttr::get(context, llvm::Triple(preset.triple).getArchName(),
                      preset.features, preset.vector, preset.registers,
                      preset.l1, preset.l2, preset.l3, /*line=*/64,
                      /*cores=*/1);
}

CPUAttr mlir::nm::getCPUTarget(MLIRContext *context, StringRef text) {
  if (text == "host")
    return getHostCPU(context);
  if (const CPUPreset *preset = findCPUPreset(text))
    return describe(context, *preset);
  if (!text.starts_with("#nm.cpu<"))
    return {};
  context->getOrLoadDialect<NMDialect>();
  return dyn_cast_or_null<CPUAttr>(parseAttribute(text, context));
}

CPUAttr mlir::nm::getCPUTarget(Operation *op) {
  for (Operation *scope = op; scope; scope = scope->getParentOp())
    if (auto target = scope->getAttrOfType<CPUAttr>(kTargetAttrName))
      return target;
  return describe(op->getContext(), *findCPUPreset("x86-64-avx2"));
}
