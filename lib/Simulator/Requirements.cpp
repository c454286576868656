//===- Requirements.cpp - What a program needs of a device -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Requirements.h"
#include "nm/Support/Result.h"

namespace nm::sim {

using isa::Instruction;
using isa::Opcode;
using isa::Tile;
using support::makeError;

std::string nameOf(const Program &program, int32_t index) {
  const Instruction &instruction = program.code[index];
  std::string text = "instruction " + std::to_string(index) + " (" +
                     isa::toString(instruction.opcode);
  if (instruction.source >= 0 && instruction.source != index)
    text += ", source " + std::to_string(instruction.source);
  return text + ")";
}

static Status checkProduct(const Program &program, const Device &device,
                           int32_t index) {
  const Instruction &i = program.code[index];
  auto refuse = [&](auto &&...parts) {
    return makeError(Errc::Unsupported, nameOf(program, index), ": found ",
                     parts...);
  };
  if (!device.array.supports(i.stationary))
    return refuse(toString(i.stationary), " stationarity, which ", device.name,
                  " lacks, expected one of its own");
  if (i.opcode == Opcode::NMGemm && !device.array.skips(i.pattern))
    return refuse("a weight of pattern ", i.pattern.n, ":", i.pattern.m,
                  ", expected one that the array of ", device.name, " decodes");
  const Tile &dest = i.operands.back();
  int64_t segments = dest.rank() == 3 ? dest.size(0) : 1;
  int64_t most = isa::targetOf(device).segments;
  if (segments > most)
    return refuse(segments, " products side by side, expected at most ", most,
                  " on ", device.name);
  // Counts of cycles and elements have to fit an integer.
  long double work = 4;
  for (const Tile *tile : {&i.operands[0], &i.operands[1], &dest})
    for (int64_t d = 0; d < tile->rank(); ++d)
      work *= static_cast<long double>(tile->size(d));
  // m k, k n, m n: the square of the work.
  if (work > 1e36L)
    return refuse("a product of more than 2^60 operations, expected fewer");
  return {};
}

Status checkDevice(const Program &program, const Device &device) {
  if (device.kind != model::DeviceKind::Accelerator)
    return makeError(Errc::Unsupported, "found the processor ", device.name,
                     ", expected an accelerator");
  for (size_t n = 0; n != program.code.size(); ++n) {
    const Instruction &i = program.code[n];
    int32_t index = static_cast<int32_t>(n);
    auto refuse = [&](auto &&...parts) {
      return makeError(Errc::Unsupported, nameOf(program, index), ": found ",
                       parts...);
    };
    for (const Tile &tile : i.operands) {
      if (tile.space != isa::Space::Scratchpad)
        continue;
      const isa::Buffer &buffer = program.buffers[tile.object];
      int64_t end = buffer.address + buffer.slots * isa::slotBytes(buffer);
      if (end > device.scratchpad.bytes)
        return refuse("a buffer that ends at byte ", end,
                      ", expected at most the ", device.scratchpad.bytes,
                      " bytes of the scratchpad of ", device.name);
    }
    if (i.opcode == Opcode::Loop || i.opcode == Opcode::EndLoop ||
        i.opcode == Opcode::Barrier)
      continue;
    isa::Engine engine = isa::engineOf(i);
    if ((engine == isa::Engine::Load || engine == isa::Engine::Store) &&
        i.channel >= device.dma.channels)
      return refuse("channel ", int(i.channel), ", expected one of the ",
                    device.dma.channels, " of ", device.name);
    if (i.opcode == Opcode::Gemm || i.opcode == Opcode::NMGemm)
      if (Status status = checkProduct(program, device, index); !status)
        return status;
  }
  return {};
}

} // namespace nm::sim
