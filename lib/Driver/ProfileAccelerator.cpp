//===- ProfileAccelerator.cpp - Operations of a program's instructions -----===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Profile.h"
#include "nm/Driver/Support.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace isa = ::nm::isa;

using Operations = ::nm::sim::ModelOperations;

/// The layer of the parameters that an instruction reads; "" if there is none.
static std::string layerOfParams(const isa::Program &program,
                                 const isa::Instruction &instruction) {
  for (const isa::Tile &tile : instruction.operands)
    if (tile.space == isa::Space::Dram &&
        program.tensors[tile.object].role == isa::Role::Param) {
      std::string layer = layerOf(program.tensors[tile.object].key);
      if (!layer.empty())
        return layer;
    }
  return "";
}

/// Groups operations by layer, as profiles of processors do.
static void sortByLayer(Operations &model) {
  llvm::MapVector<StringRef, std::vector<size_t>> layers;
  for (auto [i, operation] : llvm::enumerate(model.operations))
    layers[operation.layer].push_back(i);
  std::vector<Operations::Operation> sorted;
  std::vector<int32_t> place(model.operations.size());
  for (auto &[name, members] : layers)
    for (size_t i : members) {
      place[i] = static_cast<int32_t>(sorted.size());
      sorted.push_back(model.operations[i]);
    }
  model.operations = std::move(sorted);
  for (int32_t &each : model.of)
    each = each < 0 ? each : place[each];
}

Operations driver::findOperations(const isa::Program &program,
                                  ArrayRef<Location> locations) {
  Operations model;
  llvm::StringMap<int32_t> known;
  model.of.assign(program.code.size(), -1);
  for (auto [i, location] : llvm::enumerate(locations)) {
    std::vector<std::string> names = namesOf(location);
    if (names.empty())
      continue;
    auto [at, isNew] = known.try_emplace(
        names[0], static_cast<int32_t>(model.operations.size()));
    if (isNew) {
      bool named = location->findInstanceOf<NameLoc>() != nullptr;
      model.operations.push_back(
          {names[0], named ? layerOf(names[0]) : "", {}});
    }
    auto &operation = model.operations[at->second];
    for (StringRef other : ArrayRef(names).drop_front())
      if (!llvm::is_contained(operation.fused, other))
        operation.fused.push_back(other.str());
    if (operation.layer.empty())
      operation.layer = layerOfParams(program, program.code[i]);
    model.of[i] = at->second;
  }
  // What has no number in its name and no weight is of the layer before it.
  std::string before;
  for (auto &operation : model.operations) {
    if (operation.layer.empty() &&
        StringRef(operation.name).find_first_of("/.", 1) == StringRef::npos)
      operation.layer = before;
    before = operation.layer;
  }
  sortByLayer(model);
  return model;
}
