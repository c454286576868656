//===- Golden.cpp - Golden vectors of a run -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Simulator/Golden.h"
#include "nm/Isa/Encoding.h"
#include "nm/Isa/Instructions.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Result.h"

namespace nm::sim {

using support::JsonWriter;
using support::OutputFile;

Result<std::unique_ptr<GoldenWriter>>
GoldenWriter::create(const std::string &folder, const Program &program,
                     const Device &device) {
  std::unique_ptr<GoldenWriter> writer(new GoldenWriter(program));
  for (auto [name, file] : {std::pair("program.json", &writer->code),
                            std::pair("device.json", &writer->machine),
                            std::pair("steps.jsonl", &writer->steps),
                            std::pair("data.bin", &writer->data)}) {
    Result<std::unique_ptr<OutputFile>> opened =
        OutputFile::open(folder + "/" + name);
    if (!opened)
      return opened.error();
    *file = std::move(*opened);
  }
  NM_RETURN_IF_ERROR(writer->code->write(isa::writeJson(program)));
  NM_RETURN_IF_ERROR(writer->machine->write(machine::printDevice(device)));
  return writer;
}

Status GoldenWriter::executed(const Observation &seen) {
  const isa::Instruction &instruction = program.code[seen.instruction];
  const isa::InstructionInfo &info = isa::infoOf(instruction.opcode);
  // Tiles begin at multiples of eight bytes.
  std::string bytes;
  auto place = [&](const std::string &content) {
    uint64_t at = offset + bytes.size();
    bytes += content;
    bytes.resize((bytes.size() + 7) / 8 * 8);
    return at;
  };
  std::string line = support::jsonText(0, [&](JsonWriter &json) {
    json.lineObject([&] {
      json.field("step", seen.step);
      json.field("instruction", seen.instruction);
      json.field("opcode", isa::toString(instruction.opcode));
      json.field("engine", isa::toString(isa::engineOf(instruction)));
      json.field("channel", int(instruction.channel));
      json.field("begin", seen.begin);
      json.field("end", seen.end);
      json.list("counters", seen.counters);
      json.array("operands", [&] {
        for (size_t i = 0; i != seen.operands.size(); ++i) {
          const Observation::Operand &operand = seen.operands[i];
          json.lineObject([&] {
            json.field("name", info.operands[i].name);
            json.field("type", isa::toString(operand.type));
            json.list("shape", operand.shape);
            if (operand.isRead)
              json.field("in", place(operand.before));
            if (operand.isWritten)
              json.field("out", place(operand.after));
          });
        }
      });
    });
  });
  offset += bytes.size();
  if (line.empty() || line.back() != '\n')
    line += '\n';
  NM_RETURN_IF_ERROR(steps->write(line));
  return data->write(bytes);
}

Status GoldenWriter::commit() {
  OutputFile *files[] = {code.get(), machine.get(), data.get(), steps.get()};
  for (OutputFile *file : files)
    NM_RETURN_IF_ERROR(file->prepare());
  for (OutputFile *file : files)
    NM_RETURN_IF_ERROR(file->commit());
  return {};
}

} // namespace nm::sim
