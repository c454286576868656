//===- MappingProgram.cpp - A mapping as a program -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/MappingProgram.h"
#include "nm/Conversion/TileToProgram/TileToProgram.h"
#include "nm/Dialect/Tile/Transforms/AttentionPlan.h"
#include "nm/Explore/TileFlow.h"
#include "nm/Explore/Timeloop.h"
#include "nm/Isa/Builder.h"
#include "nm/Isa/Encoding.h"
#include "nm/Model/Extended.h"
#include "nm/Simulator/Simulator.h"
#include "nm/Support/Result.h"

namespace nm::driver {

using isa::Builder;
using isa::HeadsView;
using isa::Program;
using model::AttentionShape;
using model::Device;
using model::Mapping;
using model::MappingProgram;
using support::Errc;
using support::makeError;
using support::Result;
using support::Status;

namespace {

Result<isa::Type> typeOf(const Device &device) {
  switch (device.elementBits) {
  case 16:
    return isa::Type::F16;
  case 32:
    return isa::Type::F32;
  default:
    return makeError(Errc::Unsupported, "found elements of ",
                     device.elementBits, " bits on ", device.name,
                     ", expected 16 or 32, for which there are programs");
  }
}

/// A tensor of `heads` heads side by side, a token a row.
HeadsView addHeads(Builder &b, const char *name, isa::Role role, isa::Type type,
                   int64_t batch, int64_t heads, int64_t length,
                   int64_t width) {
  isa::Tensor tensor;
  tensor.name = name;
  tensor.role = role;
  tensor.type = type;
  tensor.shape = {batch * length, heads * width};
  HeadsView view;
  view.batch = {0, length};
  view.head = {1, width};
  view.tensor = b.tensor(tensor);
  return view;
}

Result<Program> emit(const Device &device, const Mapping &mapping) {
  const AttentionShape &s = mapping.shape;
  Result<isa::Type> type = typeOf(device);
  if (!type)
    return type.error();
  Builder b("attention", isa::targetOf(device));
  auto add = [&](const char *name, isa::Role role, int64_t heads,
                 int64_t length, int64_t width) {
    return addHeads(b, name, role, *type, s.batch, heads, length, width);
  };
  HeadsView q = add("q", isa::Role::In, s.heads, s.queries, s.headDim);
  HeadsView k = add("k", isa::Role::In, s.kvHeadCount(), s.keys, s.headDim);
  HeadsView v =
      add("v", isa::Role::In, s.kvHeadCount(), s.keys, s.valueWidth());
  HeadsView o = add("o", isa::Role::Out, s.heads, s.queries, s.valueWidth());
  isa::AttentionScore score;
  if (s.causal)
    score.offset = s.keys - s.queries;
  Status status = model::checkExtended(device, s, mapping.dataflow);
  if (!status)
    return status.error();
  Result<Program> tables = b.finish();
  if (!tables)
    return tables.error();
  auto insert = [&](mlir::OpBuilder &at, llvm::ArrayRef<mlir::Value> tensors) {
    mlir::tiles::createAttention(at, at.getUnknownLoc(), "attention", tensors,
                                 s, mapping.dataflow, q, k, v, o, score);
  };
  return mlir::nm::lowerTiles(*tables, device, {{0, insert}});
}

} // namespace

static Result<MappingProgram> makeMappingProgram(const Device &device,
                                                 const Mapping &mapping) {
  Result<Program> program = emit(device, mapping);
  if (!program)
    return program.error();
  sim::SimulatorOptions options;
  options.functional = false;
  sim::Memory memory = sim::Memory::none(*program);
  Result<sim::SimulationResult> result =
      sim::simulate(*program, device, memory, options);
  if (!result)
    return result.error();
  return MappingProgram{isa::writeBinary(*program), result->cycles,
                        result->dramBytes()};
}

model::MapTools mapTools() {
  return {makeMappingProgram, explore::printTimeloop, explore::parseTimeloop,
          explore::printTileFlow, explore::parseTileFlow};
}

} // namespace nm::driver
