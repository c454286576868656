//===- TileFlow.cpp - Mappings as TileFlow writes them -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Explore/TileFlow.h"
#include "ProductNest.h"
#include "nm/Support/Result.h"
#include <algorithm>

namespace nm::explore {

using model::Dataflow;
using model::Device;
using model::LoopOrder;
using model::Mapping;
using support::Errc;
using support::makeError;
using support::Result;
using support::Status;

namespace {

/// A tile with what is below it, or a line of its own.
struct Node {
  std::string head; ///< attributes, a line each
  std::vector<Node> below;

  void print(std::string &text, size_t indent, bool isItem) const {
    for (size_t begin = 0; begin != head.size();) {
      size_t end = head.find('\n', begin) + 1;
      bool marks = isItem && begin == 0;
      text += std::string(marks ? indent - 2 : indent, ' ') +
              (marks ? "- " : "") + head.substr(begin, end - begin);
      begin = end;
    }
    if (below.empty())
      return;
    text += std::string(indent, ' ') + "subtree:\n";
    for (const Node &node : below)
      node.print(text, indent + 2, true);
  }
};

/// The names that TileFlow's cases give to ranks.
char nameOf(char rank) {
  switch (rank) {
  case 'P':
    return 'M';
  case 'M':
    return 'L';
  case 'E':
    return 'A';
  case 'F':
    return 'N';
  default:
    return rank;
  }
}

/// `order` lists the ranks, the innermost first.
Node tile(const char *type, const char *target, const Factors &factors,
          const std::string &order, const std::string &more = "") {
  std::string all, names;
  for (char rank : order) {
    auto found = factors.find(rank);
    names += nameOf(rank);
    all = std::string(" ") + nameOf(rank) + "=" +
          std::to_string(found == factors.end() ? 1 : found->second) + all;
  }
  return {std::string("node-type: Tile\ntype: ") + type + "\nfactors:" + all +
              "\npermutation: " + names + "\ntarget: " + target + "\n" + more,
          {}};
}

class Printer {
public:
  Printer(const Device &device, const Mapping &mapping)
      : device(device), mapping(mapping), flow(mapping.dataflow),
        keysOuter(flow.order == LoopOrder::KeysOuter) {}

  Result<std::string> print() {
    if (Status status = check(); !status)
      return status.error();
    Result<Node> logit = product(kLogit);
    if (!logit)
      return logit.error();
    Result<Node> attend = product(kAttend);
    if (!attend)
      return attend.error();
    Node root{"node-type: Scope\ntype: Sequential\n", {*logit, *attend}};
    if (flow.isFused())
      root = shared(std::move(root));
    std::string text = "mapping:\n";
    root.print(text, 2, false);
    return text;
  }

private:
  const Device &device;
  const Mapping &mapping;
  const Dataflow &flow;
  bool keysOuter;
  Factors blocks; ///< loops over what comes from DRAM, of both products

  bool staged(model::Staged bit) const { return flow.isStaged(bit); }

  static support::Error refuse(const char *found, const char *expected) {
    return makeError(Errc::Unsupported, "found ", found, ", expected ",
                     expected, ": a tree of tiles cannot say it");
  }

  /// Tiles of keys come from DRAM, or all of them are on the chip; and so with
  /// rows where the keys are in the outer loop.
  Status check() const {
    if (!flow.keyTile)
      return {};
    if (staged(model::StagedK) != staged(model::StagedV))
      return refuse("key tiles of which K or V alone is whole on chip",
                    "both or none");
    if (keysOuter && staged(model::StagedQ) != staged(model::StagedOutput))
      return refuse("keys in the outer loop with all rows of Q or O on chip",
                    "those of both or of none");
    if (keysOuter && staged(model::StagedK) && !staged(model::StagedQ))
      return refuse("keys in the outer loop with all of them on chip beside "
                    "rows that pass by",
                    "both on chip or none");
    return {};
  }

  /// The tiles above the scope.
  Node shared(Node scope) const {
    Factors chip;
    Factors dram = blocks;
    auto keep = [&](char rank) {
      chip[rank] = dram[rank];
      dram[rank] = 1;
    };
    if (flow.keyTile && staged(model::StagedK))
      keep('M');
    if (flow.keyTile && keysOuter && staged(model::StagedQ))
      keep('P');
    std::string order = keysOuter ? "PMHB" : "MPHB";
    if (!chip.empty()) {
      Node onChip = tile("Temporal", "L1", chip, keysOuter ? "PM" : "MP");
      onChip.below = {std::move(scope)};
      scope = std::move(onChip);
    }
    Node all = tile("Temporal", "L2", dram, order);
    all.below = {std::move(scope)};
    return all;
  }

  /// What passes by while the block of the other operand stays.
  Result<Node> product(const Einsum &e) {
    Result<ProductSplit> split = splitOf(device, mapping, e);
    if (!split)
      return split.error();
    blocks = split->dram;
    bool isStreamed = !staged(e.isLogit ? model::StagedQ : model::StagedOutput);
    bool isHeldPassing = !staged(e.isLogit ? model::StagedK : model::StagedV);
    if (flow.keyTile) {
      isHeldPassing = false;
      // Rows pass with their blocks.
      isStreamed &= !(keysOuter && blocks['P'] > 1);
    }
    Factors parts;
    for (auto [passes, rank, what] :
         {std::tuple(isStreamed, 'P',
                     e.isLogit ? "queries that pass by" : "sums that pass by"),
          std::tuple(isHeldPassing, 'M',
                     e.isLogit ? "keys that pass by"
                               : "values that pass by")}) {
      if (!passes)
        continue;
      if (split->inner[rank] < 2)
        return makeError(Errc::Unsupported, "found ", what,
                         " in one piece, expected several: a tree of tiles has "
                         "no other way to say that they do");
      std::swap(parts[rank], split->inner[rank]);
      split->inner[rank] = 1;
    }
    std::string order = split->order + "HB";
    Node node{std::string("node-type: Op\nname: ") +
                  (e.isLogit ? "ProduceC" : "ProduceO") + "\n",
              {}};
    auto around = [&](Node outer) {
      outer.below = {std::move(node)};
      node = std::move(outer);
    };
    around(tile("Temporal", "L0", {}, split->order));
    Factors array = split->rows;
    array.insert(split->columns.begin(), split->columns.end());
    around(tile("Spatial", "L1", array, split->order.substr(1), "split: 1\n"));
    around(tile("Temporal", "L1", split->inner, order));
    if (!parts.empty())
      around(tile("Temporal", "L2", parts, "PM",
                  flow.isFused() ? "bypass: [C]\n" : ""));
    if (!flow.isFused())
      around(tile("Temporal", "L2", blocks, "PHB"));
    return node;
  }
};

} // namespace

Result<std::string> printTileFlow(const Device &device,
                                  const Mapping &mapping) {
  return Printer(device, mapping).print();
}

} // namespace nm::explore
