//===- TileFlowReader.cpp - Reads mappings of TileFlow -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProductNest.h"
#include "nm/Explore/TileFlow.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <sstream>
#include <yaml-cpp/yaml.h>

namespace nm::explore {

using model::Mapping;
using support::Errc;
using support::Error;
using support::makeError;
using support::quote;
using support::Result;
using support::Status;

namespace {

/// A tile, with the letters of its ranks as they are here.
struct Tile {
  bool isSpatial = false;
  std::string target;
  Factors factors;
  std::string order; ///< the innermost rank first; may be empty
};

/// A product, and the tiles from the root down to it.
struct Product {
  bool isFound = false;
  std::string name;
  std::vector<Tile> tiles;
  std::vector<size_t> nodes; ///< numbers of all nodes above it
};

std::string lower(std::string text) {
  for (char &c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

class Reader {
public:
  explicit Reader(const std::string &where) : where(where) {}

  Result<Mapping> read(const std::string &text) {
    try {
      Status status = readDocument(YAML::Load(text));
      if (!status)
        return status.error();
    } catch (const YAML::Exception &exception) {
      return wrong(exception.what());
    }
    return assemble();
  }

private:
  const std::string &where;
  std::map<std::string, int64_t> macros;
  Product logit, attend;
  std::vector<Tile> tiles;   ///< of the path at hand
  std::vector<size_t> nodes; ///< of the path at hand
  std::vector<bool> isScope; ///< by number of a node
  bool isFused = false;

  template <typename... Parts> Error wrong(const Parts &...parts) const {
    return makeError(Errc::Format, where, ": ", parts...);
  }
  template <typename... Parts>
  Error wrongAt(const YAML::Node &node, const Parts &...parts) const {
    return makeError(Errc::Format, where, ":", node.Mark().line + 1, ": ",
                     parts...);
  }

  static std::string word(const YAML::Node &entry, const char *name) {
    const YAML::Node &node = entry[name];
    return node && node.IsScalar() ? node.Scalar() : std::string();
  }

  Status readDocument(const YAML::Node &document) {
    if (!document.IsMap() || !document["mapping"])
      return wrong("found no map with 'mapping', expected the root of a tree "
                   "of tiles there");
    if (const YAML::Node &list = document["macro"])
      for (const auto &entry : list) {
        int64_t value = 0;
        if (!number(entry.second.Scalar(), value))
          return wrongAt(entry.second, "found ", quote(entry.second.Scalar()),
                         " for the macro ", quote(entry.first.Scalar()),
                         ", expected a positive number");
        macros[entry.first.Scalar()] = value;
      }
    NM_RETURN_IF_ERROR(readNode(document["mapping"]));
    for (auto [product, names] :
         {std::pair(&logit, "ProduceC or GEMM1"),
          std::pair(&attend, "ProduceO, ProduceJ or GEMM2")})
      if (!product->isFound)
        return wrong("found no operation ", names,
                     ", expected both products of an attention");
    return {};
  }

  static bool number(const std::string &text, int64_t &value) {
    char *end = nullptr;
    errno = 0;
    value = std::strtoll(text.c_str(), &end, 10);
    return !text.empty() && !*end && errno == 0 && value > 0;
  }

  Status readNode(const YAML::Node &node) {
    constexpr size_t kDeepest = 64, kMost = 1024;
    if (!node.IsMap())
      return wrongAt(node, "found no map, expected a node with 'node-type'");
    if (nodes.size() == kDeepest || isScope.size() == kMost)
      return wrongAt(node, "found more than ", kMost, " nodes, or more than ",
                     kDeepest, " in one another, expected fewer");
    for (const auto &entry : node) {
      static const std::set<std::string> known{
          "node-type", "type",      "factors", "permutation", "target",
          "split",     "multicast", "bypass",  "profile",     "tag",
          "subtree",   "name",      "binding"};
      if (!known.count(entry.first.Scalar()))
        return wrongAt(entry.first, "found ", quote(entry.first.Scalar()),
                       ", expected an attribute of a node, such as 'factors'");
    }
    std::string kind = lower(word(node, "node-type"));
    nodes.push_back(isScope.size());
    isScope.push_back(kind == "scope");
    size_t above = tiles.size();
    if (kind == "op") {
      NM_RETURN_IF_ERROR(readOperation(node));
    } else if (kind == "scope") {
      NM_RETURN_IF_ERROR(readScope(node));
    } else if (kind == "tile") {
      NM_RETURN_IF_ERROR(readTile(node));
    } else {
      return wrongAt(node, "found node-type ", quote(word(node, "node-type")),
                     ", expected Tile, Scope or Op");
    }
    const YAML::Node &below = node["subtree"];
    if (kind == "op" ? bool(below)
                     : !below || !below.IsSequence() || below.size() == 0)
      return wrongAt(node, "found ", kind == "op" ? "a" : "no",
                     " subtree of the ", kind,
                     ", expected nodes below tiles and scopes alone");
    if (below)
      for (const YAML::Node &child : below)
        NM_RETURN_IF_ERROR(readNode(child));
    tiles.resize(above);
    nodes.pop_back();
    return {};
  }

  /// Products take turns on one array.
  Status readScope(const YAML::Node &node) const {
    std::string type = lower(word(node, "type"));
    for (const char *turns : {"seq", "sharing", "temporal"})
      if (type.find(turns) != std::string::npos)
        return {};
    if (type.empty())
      return {};
    return wrongAt(node, "found a scope of type ", quote(word(node, "type")),
                   ", expected Sequential: products take turns on one array");
  }

  Status readOperation(const YAML::Node &node) {
    std::string name = word(node, "name");
    Product *product =
        name == "ProduceC" || name == "GEMM1"                         ? &logit
        : name == "ProduceO" || name == "ProduceJ" || name == "GEMM2" ? &attend
                                                                      : nullptr;
    if (!product) {
      // The steps of a softmax are where the logits are.
      for (const char *step :
           {"ProduceD", "ProduceE", "ProduceF", "ProduceG", "ProduceI"})
        if (name == step)
          return {};
      return wrongAt(node, "found operation ", quote(name),
                     ", expected ProduceC and ProduceO, GEMM1 and GEMM2, or "
                     "the steps of a softmax between ProduceC and ProduceJ");
    }
    if (product->isFound)
      return wrongAt(node, "found a second ", quote(name), ", expected one");
    *product = {true, name, tiles, nodes};
    return {};
  }

  /// Queries are M there and keys L; K is another name of A.
  static char rankOf(char name) {
    switch (name) {
    case 'B':
    case 'H':
      return name;
    case 'M':
      return 'P';
    case 'L':
      return 'M';
    case 'A':
    case 'K':
      return 'E';
    case 'N':
      return 'F';
    default:
      return 0;
    }
  }

  Status readTile(const YAML::Node &node) {
    Tile tile;
    std::string type = lower(word(node, "type"));
    tile.isSpatial = type == "spatial";
    if (!tile.isSpatial && !type.empty() && type != "temporal")
      return wrongAt(node, "found a tile of type ", quote(word(node, "type")),
                     ", expected Temporal or Spatial");
    tile.target = word(node, "target");
    if (tile.target.empty())
      return wrongAt(node, "found a tile without 'target', expected the name "
                           "of a level");
    NM_RETURN_IF_ERROR(readFactors(node, tile));
    for (char name : word(node, "permutation")) {
      if (name == ' ')
        continue;
      if (!rankOf(name))
        return wrongAt(node, "found ", quote(std::string(1, name)),
                       " in the permutation, expected dimensions out of "
                       "BHMLAKN");
      tile.order += rankOf(name);
    }
    tiles.push_back(std::move(tile));
    return {};
  }

  /// "M = 16" is one factor.
  static std::string joined(const std::string &text) {
    std::string all;
    for (size_t i = 0; i != text.size();) {
      if (text[i] != ' ') {
        all += text[i++];
        continue;
      }
      i = std::min(text.find_first_not_of(' ', i), text.size());
      bool joins = (!all.empty() && all.back() == '=') ||
                   (i != text.size() && text[i] == '=');
      all += joins ? "" : " ";
    }
    return all;
  }

  /// As "B=1 H=12 M=MO": numbers, or macros of the file.
  Status readFactors(const YAML::Node &node, Tile &tile) const {
    std::string text = word(node, "factors");
    std::istringstream words(joined(text));
    bool any = false;
    for (std::string one; words >> one; any = true) {
      std::string value = one.size() > 2 && one[1] == '=' ? one.substr(2) : "";
      int64_t factor = 0;
      if (auto macro = macros.find(value); macro != macros.end())
        factor = macro->second;
      else if (!number(value, factor))
        factor = 0;
      char rank = rankOf(one[0]);
      if (!rank || factor < 1)
        return wrongAt(node["factors"], "found factor ", quote(one),
                       ", expected a dimension out of BHMLAKN with a number or "
                       "a macro of the file, such as M=4; a '?' is for "
                       "TileFlow's mapper to fill in");
      if (!tile.factors.emplace(rank, factor).second)
        return wrongAt(node["factors"], "found two factors of ",
                       quote(std::string(1, one[0])), ", expected one");
    }
    if (!any)
      return wrongAt(node, "found a tile without 'factors', expected some, "
                           "such as M=4");
    return {};
  }

  Result<Mapping> assemble() {
    size_t shared = 0;
    const auto &a = logit.nodes, &b = attend.nodes;
    while (shared < std::min(a.size(), b.size()) && a[shared] == b[shared])
      ++shared;
    if (shared == 0 || !isScope[a[shared - 1]])
      return wrong("found ", logit.name, " and ", attend.name,
                   " under one tile, expected a Scope above both");
    size_t common = 0;
    for (size_t i = 0; i != shared; ++i)
      common += !isScope[a[i]];
    if (logit.tiles.empty() || attend.tiles.empty())
      return wrong("found a product without a tile, expected tiles from DRAM "
                   "down to the array");
    const std::string &dram = logit.tiles.front().target;
    if (attend.tiles.front().target != dram)
      return wrong("found ", quote(attend.tiles.front().target),
                   " as the outermost level of ", attend.name, ", expected ",
                   quote(dram), " as of ", logit.name);
    // What is made below a tile of DRAM stays on the chip.
    isFused = common > 0;
    ProductNest nests[2];
    std::string names[2];
    for (int i = 0; i != 2; ++i) {
      const Product &product = i ? attend : logit;
      Status status =
          readProduct(i ? kAttend : kLogit, product, common, dram, nests[i]);
      if (!status)
        return status.error();
      names[i] = where + ": " + product.name;
    }
    return mappingOf(nests[0], nests[1], names[0], names[1]);
  }

  /// What the tiles above a product say of it.
  Status readProduct(const Einsum &e, const Product &product, size_t common,
                     const std::string &dram, ProductNest &nest) const {
    /// Loops of both products, the outermost first, and those of more than one
    /// round.
    std::string all, several;
    std::set<char> parts;
    bool hasBlocks = isFused;
    int64_t outerRows = 1, outerKeys = 1; ///< loops at DRAM over both products
    bool keepsKeys = false;               ///< tiles of keys that are on chip
    for (size_t i = 0; i != product.tiles.size(); ++i) {
      const Tile &tile = product.tiles[i];
      bool isOuter = tile.target == dram, isShared = i < common;
      bool isBlock = !isShared && isOuter && !tile.isSpatial && !hasBlocks;
      if (isBlock)
        hasBlocks = true;
      for (auto [rank, factor] : tile.factors) {
        bool isWidth = rank == 'E' || rank == 'F';
        if (factor > 1 && isWidth && rank != e.width)
          return wrong("found a tile of ", rank == 'E' ? "A" : "N", " above ",
                       product.name, ", expected one of its own dimensions");
        if (factor > 1 && isShared && isWidth)
          return wrong("found a tile of ", rank == 'E' ? "A" : "N",
                       " above the scope, expected B, H, M and L there");
        bool isTile = false; ///< a block of rows, a tile of keys
        if (tile.isSpatial) {
          // Over several cores of the chip, or over the array.
          if (!isOuter && factor > 1) {
            if (rank == 'B' || rank == 'H')
              return wrong("found ", factor, " of ", rank,
                           " on the array, expected two of M, L, A and N");
            nest.spatial.insert(rank);
          }
        } else if (isShared) {
          isTile = isOuter || rank == 'P' || rank == 'M';
          if (isOuter && rank == 'P')
            outerRows = std::max(outerRows, factor);
          if (isOuter && rank == 'M')
            outerKeys = std::max(outerKeys, factor);
          keepsKeys |= !isOuter && rank == 'M' && factor > 1;
        } else if (isOuter) {
          isTile = isBlock && rank != 'M' && !isWidth;
          if (!isTile && factor > 1 && rank != 'B' && rank != 'H')
            parts.insert(rank);
        }
        if (!ProductNest::times(isTile ? nest.dram : nest.below, rank, factor))
          return wrong("found factors of ", product.name,
                       " beyond 2^63, expected less");
      }
      if (isShared && !tile.isSpatial)
        for (char rank : loopsOf(tile)) {
          all += rank;
          if (tile.factors.at(rank) > 1)
            several += rank;
        }
      if (!isShared && tile.isSpatial && !isOuter && i && nest.innermost == 0 &&
          !product.tiles[i - 1].order.empty())
        nest.innermost = product.tiles[i - 1].order.front();
    }
    bool hasTiles = several.find('M') != std::string::npos;
    const std::string &loops =
        hasTiles && several.find('P') != std::string::npos ? several : all;
    size_t rows = loops.find('P');
    nest.keysOuter =
        hasTiles && rows != std::string::npos && loops.find('M') < rows;
    if (hasTiles && parts.count('M'))
      return wrong("found L split above the scope and again above ",
                   product.name, ", expected one of the two");
    bool rowsPass = parts.count('P') || (nest.keysOuter && outerRows > 1);
    bool heldPasses = parts.count(e.width) || parts.count('M') ||
                      (hasTiles && (outerKeys > 1 || !keepsKeys));
    if (!rowsPass && !(e.isLogit && parts.count('E')))
      nest.onChip.insert(e.tensors[e.isLogit ? 0 : 2]);
    if (!heldPasses)
      nest.onChip.insert(e.tensors[1]);
    if (isFused)
      nest.onChip.insert(e.tensors[e.isLogit ? 2 : 0]);
    return {};
  }

  /// The outermost first; ranks that the permutation leaves out are innermost.
  static std::string loopsOf(const Tile &tile) {
    std::string loops;
    for (auto rank = tile.order.rbegin(); rank != tile.order.rend(); ++rank)
      if (tile.factors.count(*rank))
        loops += *rank;
    for (auto [rank, factor] : tile.factors)
      if (loops.find(rank) == std::string::npos)
        loops += rank;
    return loops;
  }
};

} // namespace

Result<Mapping> parseTileFlow(const std::string &text,
                              const std::string &where) {
  return support::guarded([&] { return Reader(where).read(text); });
}

} // namespace nm::explore
