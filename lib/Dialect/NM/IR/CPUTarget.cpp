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
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace mlir::nm;
namespace machine = ::nm::machine;

CPUAttr mlir::nm::describe(MLIRContext *context,
                           const machine::HostUnit &host) {
  llvm::Triple triple(host.triple.empty() ? llvm::sys::getProcessTriple()
                                          : host.triple);
  auto bytes = [&](size_t level) {
    return level < host.caches.size() ? host.caches[level].bytes : 0;
  };
  return CPUAttr::get(
      context, triple.getArchName(), llvm::join(host.features, ","),
      host.vectorBits, host.vectorRegisters, std::max<int64_t>(bytes(0), 4096),
      bytes(1), bytes(2), host.caches.front().lineBytes, host.cores,
      host.fmasPerCycle, host.fmaLatency, host.loadsPerCycle, host.exposedLoads,
      host.parallelFlops);
}

machine::Device mlir::nm::getDevice(CPUAttr cpu) {
  machine::Device device = *machine::findDevice("generic-host");
  machine::HostUnit &host = device.host;
  host.vectorBits = cpu.getVector();
  host.vectorRegisters = cpu.getRegisters();
  host.cores = cpu.getCores();
  host.fmasPerCycle = cpu.getFmas();
  host.fmaLatency = cpu.getLatency();
  host.loadsPerCycle = cpu.getLoads();
  host.exposedLoads = cpu.getExposed();
  host.parallelFlops = cpu.getParallel();
  std::vector<machine::CacheLevel> levels;
  std::swap(levels, host.caches);
  const int64_t sizes[] = {cpu.getL1(), cpu.getL2(), cpu.getL3()};
  for (auto [index, bytes] : llvm::enumerate(sizes)) {
    if (bytes <= 0 || index >= levels.size())
      continue;
    machine::CacheLevel level = levels[index];
    level.bytes = bytes;
    level.lineBytes = cpu.getLine();
    level.sharedBy = index == 2 ? cpu.getCores() : 1;
    host.caches.push_back(level);
  }
  return device;
}

CPUAttr mlir::nm::describeCPU(MLIRContext *context, const llvm::Triple &triple,
                              function_ref<bool(StringRef)> has,
                              machine::HostUnit host) {
  // What descriptions call a feature, and LLVM's names for it. What AVX-512 has
  // for bytes, and for fractions of floats (dq), came after its first
  // processors.
  static constexpr std::pair<StringLiteral, StringLiteral> names[] = {
      {"avx2", "avx2"}, {"avx512f", "avx512bw"}, {"bf16", "avx512bf16"},
      {"f16c", "f16c"}, {"fma", "fma"},          {"vnni", "avx512vnni"}};
  static constexpr std::pair<StringLiteral, StringLiteral> armNames[] = {
      {"bf16", "bf16"}, {"i8mm", "i8mm"}, {"neon", "neon"}, {"sve", "sve"}};
  host.triple = triple.str();
  host.features.clear();
  bool isArm = triple.isAArch64();
  if (triple.isX86() || isArm)
    for (const auto &[name, llvmName] :
         isArm ? ArrayRef(armNames) : ArrayRef(names))
      if (has(llvmName) && (name != "avx512f" || has("avx512dq")))
        host.features.push_back(name.str());
  machine::VectorUnit vectors =
      machine::vectorUnitOf(triple.getArchName().str(), host.features);
  // How wide the registers of SVE are is no part of the instruction set: only
  // the description says it.
  if (!llvm::is_contained(host.features, "sve") ||
      host.vectorBits < vectors.bits)
    host.vectorBits = vectors.bits;
  host.vectorRegisters = vectors.registers;
  return describe(context, host);
}

std::optional<machine::HostUnit> mlir::nm::findProcessor(StringRef name) {
  if (name != "host" &&
      !llvm::is_contained(machine::builtinDevices(machine::DeviceKind::Host),
                          name))
    return std::nullopt;
  return machine::findDevice(name.str())->host;
}

CPUAttr mlir::nm::getCPUTarget(MLIRContext *context, StringRef text) {
  if (std::optional<machine::HostUnit> host = findProcessor(text))
    return describe(context, *host);
  if (!text.starts_with("#nm.cpu<"))
    return {};
  context->getOrLoadDialect<NMDialect>();
  return dyn_cast_or_null<CPUAttr>(parseAttribute(text, context));
}

CPUAttr mlir::nm::getCPUTarget(Operation *op) {
  for (Operation *scope = op; scope; scope = scope->getParentOp())
    if (auto target = scope->getAttrOfType<CPUAttr>(kTargetAttrName))
      return target;
  // Detected once: files are read.
  static const machine::HostUnit host = *findProcessor("host");
  return describe(op->getContext(), host);
}
