//===- Timeloop.cpp - Mappings as Timeloop writes them -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Explore/Timeloop.h"
#include "nm/Model/Blocks.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <array>
#include <map>
#include <set>
#include <yaml-cpp/yaml.h>

namespace nm::explore {

using model::AttentionShape;
using model::Dataflow;
using model::Device;
using model::Granularity;
using model::LoopOrder;
using model::Mapping;
using model::Stationarity;
using model::TimeloopMapping;
using support::Errc;
using support::Error;
using support::makeError;
using support::quote;
using support::Result;
using support::Status;

namespace {

using Factors = std::map<char, int64_t>;

/// A product as Timeloop sees it.
struct Einsum {
  const char *ranks; ///< the order of factors: width first
  char width;        ///< E or F
  bool isLogit;
  /// Of the three tensors: streamed and stationary operand, and result.
  std::array<const char *, 3> tensors;
};
constexpr Einsum kLogit{"BEHMP", 'E', true, {"Q", "K", "QK"}};
constexpr Einsum kAttend{"BFHMP", 'F', false, {"A", "V", "AV"}};

/// Ranks on rows and columns of the array, and the one that goes by. With a
/// product [m, k] by [k, n]: logits have m = P, k = E, n = M, outputs m = P,
/// k = M, n = F.
std::array<char, 3> placesOf(const Einsum &e, Stationarity stationarity) {
  char m = 'P', k = e.isLogit ? 'E' : 'M', n = e.isLogit ? 'M' : 'F';
  switch (stationarity) {
  case Stationarity::Output:
    return {m, n, k};
  case Stationarity::Weight:
    return {k, n, m};
  case Stationarity::Input:
    break;
  }
  return {m, k, n};
}

class Printer {
public:
  Printer(const Device &device, const Mapping &mapping)
      : device(device), shape(mapping.shape), flow(mapping.dataflow) {}

  Result<TimeloopMapping> print() {
    if (shape.group() != 1 || shape.causal || flow.packed != 1)
      return makeError(Errc::Unsupported,
                       "found grouped heads, a mask or packed heads, expected "
                       "none of them in a mapping for Timeloop");
    Result<std::string> logit = product(kLogit, flow.logit);
    if (!logit)
      return logit.error();
    Result<std::string> attend = product(kAttend, flow.attend);
    if (!attend)
      return attend.error();
    return TimeloopMapping{*logit, *attend};
  }

private:
  const Device &device;
  const AttentionShape &shape;
  const Dataflow &flow;
  Error error;
  bool failed = false;

  int64_t divide(int64_t whole, int64_t part, const char *what) {
    if (whole % part && !failed) {
      failed = true;
      error =
          makeError(Errc::Unsupported, "found ", part, " ", what, " of ", whole,
                    ", expected a divisor: the factors of Timeloop "
                    "are whole");
    }
    return whole / part;
  }

  Result<std::string> product(const Einsum &e, Stationarity stationarity) {
    int64_t tile = flow.keyTile ? flow.keyTile : shape.keys;
    // All heads of a sample first, then samples.
    int64_t heads = std::min(flow.heads, shape.heads);
    int64_t samples = divide(flow.heads, heads, "heads");
    int64_t width = e.isLogit ? shape.headDim : shape.valueWidth();
    Factors dram, inner, rows, columns;
    dram['B'] = divide(shape.batch, samples, "samples");
    dram['H'] = divide(shape.heads, heads, "resident heads");
    dram['P'] = divide(shape.queries, flow.rows, "rows");
    dram['M'] = divide(shape.keys, tile, "keys of a tile");
    inner = {{'B', samples},
             {'H', heads},
             {'P', flow.rows},
             {'M', tile},
             {e.width, width}};
    auto [row, column, by] = placesOf(e, stationarity);
    rows[row] = std::min(inner[row], device.array.rows);
    columns[column] = std::min(inner[column], device.array.cols);
    inner[row] = divide(inner[row], rows[row], "rows of the array");
    inner[column] =
        divide(inner[column], columns[column], "columns of the array");
    if (failed)
      return error;
    bool keysOuter = flow.order == LoopOrder::KeysOuter;
    std::string loops = std::string(1, e.width) + (keysOuter ? "PM" : "MP");
    // What goes by is the innermost loop.
    std::string order(1, by);
    for (char c : {column, row})
      order += c;
    return "mapping:\n" + level("DRAM", "temporal", e, dram, loops + "HB") +
           data("DRAM", keptOffChip(e), e) +
           level("L3", "temporal", e, inner, order + "HB") +
           data("L3", keptOnChip(e), e) +
           level("PE_col", "spatial", e, columns, order + "HB") +
           level("PE", "spatial", e, rows, order + "HB");
  }

  static std::string level(const char *target, const char *type,
                           const Einsum &e, Factors factors,
                           const std::string &permutation) {
    std::string text = std::string("- target: ") + target +
                       "\n  type: " + type + "\n  factors: [";
    for (const char *rank = e.ranks; *rank; ++rank) {
      int64_t factor = factors.count(*rank) ? factors[*rank] : 1;
      text += (rank == e.ranks ? "" : ", ") + std::string(1, *rank) + "=" +
              std::to_string(factor);
    }
    text += "]\n  permutation: [";
    for (size_t i = 0; i != permutation.size(); ++i)
      text += (i ? ", " : "") + std::string(1, permutation[i]);
    return text + "]\n";
  }

  static std::string data(const char *target, const std::set<std::string> &kept,
                          const Einsum &e) {
    std::string keep, bypass;
    for (const char *tensor : e.tensors) {
      std::string &list = kept.count(tensor) ? keep : bypass;
      list += (list.empty() ? "" : ", ") + std::string(tensor);
    }
    return std::string("- target: ") + target + "\n  type: dataspace\n" +
           "  keep: [" + keep + "]\n  bypass: [" + bypass + "]\n";
  }

  std::set<std::string> keptOffChip(const Einsum &e) const {
    std::set<std::string> kept(e.tensors.begin(), e.tensors.end());
    if (flow.isFused())
      kept.erase(e.isLogit ? "QK" : "A");
    return kept;
  }
  std::set<std::string> keptOnChip(const Einsum &e) const {
    std::set<std::string> kept;
    for (auto [name, bit] :
         {std::pair(e.isLogit ? "Q" : "AV",
                    e.isLogit ? model::StagedQ : model::StagedOutput),
          std::pair(e.isLogit ? "K" : "V",
                    e.isLogit ? model::StagedK : model::StagedV),
          std::pair(e.isLogit ? "QK" : "A", model::StagedLogits)})
      if (flow.isStaged(bit))
        kept.insert(name);
    return kept;
  }
};

/// One of the two files.
class Reader {
public:
  Reader(const Einsum &e, const std::string &where) : e(e), where(where) {}

  Factors dram, below; ///< by rank, products
  std::set<std::string> onChip;
  Stationarity stationarity = Stationarity::Output;
  bool keysOuter = false;

  Status read(const std::string &text) {
    try {
      return readMapping(YAML::Load(text));
    } catch (const YAML::Exception &exception) {
      return wrong(exception.what());
    }
  }

private:
  const Einsum &e;
  const std::string &where;
  bool hasData = false;
  std::set<char> spatial;
  char innermost = 0; ///< loop of L3

  Status readMapping(const YAML::Node &document) {
    if (!document.IsMap())
      return wrong("found no map, expected one with the list 'mapping'");
    const YAML::Node &mapping = document["mapping"];
    constexpr size_t kMost = 64;
    if (!mapping || !mapping.IsSequence() || mapping.size() > kMost)
      return wrong("found no list 'mapping', expected one of at most 64 "
                   "entries");
    for (const YAML::Node &entry : mapping)
      NM_RETURN_IF_ERROR(readEntry(entry));
    if (dram.empty() || !hasData)
      return wrong("found no level DRAM with factors, or no level L3 with a "
                   "dataspace, expected both");
    return place();
  }

  template <typename... Parts> Error wrong(const Parts &...parts) const {
    return makeError(Errc::Format, where, ": ", parts...);
  }

  static std::string word(const YAML::Node &entry, const char *name) {
    const YAML::Node &node = entry[name];
    return node && node.IsScalar() ? node.Scalar() : std::string();
  }

  Status readEntry(const YAML::Node &entry) {
    if (!entry.IsMap())
      return wrong("found an entry that is no map, expected 'target' and "
                   "'type'");
    std::string target = word(entry, "target"), type = word(entry, "type");
    if (type == "dataspace" || type == "datatype" || type == "bypass") {
      if (target != "L3")
        return {};
      hasData = true;
      for (const YAML::Node &tensor : entry["keep"])
        onChip.insert(tensor.Scalar());
      return {};
    }
    if (type != "temporal" && type != "spatial")
      return wrong("found type ", quote(type),
                   ", expected temporal, spatial or dataspace");
    Result<Factors> factors = readFactors(entry, target);
    if (!factors)
      return factors.error();
    for (auto [rank, factor] : *factors) {
      int64_t &all = (target == "DRAM" ? dram : below)[rank];
      if (__builtin_mul_overflow(all ? all : 1, factor, &all))
        return wrong("found factors of ", rank, " beyond 2^63");
      if (type == "spatial" && factor > 1)
        spatial.insert(rank);
    }
    std::string order = orderOf(entry["permutation"]);
    if (target == "DRAM")
      keysOuter = order.find('P') < order.find('M');
    if (target == "L3" && !order.empty())
      innermost = order.front();
    return {};
  }

  /// As [P=4, M=16] or "P=4 M=16"; 1 where a rank is left out.
  Result<Factors> readFactors(const YAML::Node &entry,
                              const std::string &target) {
    Factors factors;
    for (const char *rank = e.ranks; *rank; ++rank)
      factors[*rank] = 1;
    std::string text;
    const YAML::Node &list = entry["factors"];
    if (list && list.IsSequence())
      for (const YAML::Node &factor : list)
        text += (factor.IsScalar() ? factor.Scalar() : "?") + " ";
    else
      text = word(entry, "factors");
    std::istringstream words(text);
    for (std::string one; words >> one;) {
      int64_t factor = 0;
      char *end = nullptr;
      if (one.size() > 2 && one[1] == '=')
        factor = std::strtoll(one.c_str() + 2, &end, 10);
      if (!end || *end || factor < 1 || !factors.count(one[0]))
        return wrong("level ", quote(target), ": found factor ", quote(one),
                     ", expected one of the ranks ", e.ranks,
                     " with a positive number, such as P=4");
      factors[one[0]] = factor;
    }
    return factors;
  }

  /// The innermost rank stands first.
  static std::string orderOf(const YAML::Node &permutation) {
    std::string order;
    if (permutation && permutation.IsSequence())
      for (const YAML::Node &rank : permutation)
        order += rank.Scalar();
    else if (permutation && permutation.IsScalar())
      order = permutation.Scalar();
    return order;
  }

  /// What goes by is the innermost loop on the chip; ranks of one element may
  /// leave open what is stationary, else the array's two say it.
  Status place() {
    for (bool isInnermost : {true, false})
      for (Stationarity s :
           {Stationarity::Output, Stationarity::Weight, Stationarity::Input}) {
        char by = placesOf(e, s)[2];
        if (!spatial.count(by) && (!isInnermost || by == innermost)) {
          stationarity = s;
          return {};
        }
      }
    return wrong("found three ranks on the array, expected two: the third goes "
                 "by");
  }
};

} // namespace

Result<TimeloopMapping> printTimeloop(const Device &device,
                                      const Mapping &mapping) {
  return Printer(device, mapping).print();
}

Result<Mapping> parseTimeloop(const std::string &logitText,
                              const std::string &attendText,
                              const std::string &logitWhere,
                              const std::string &attendWhere) {
  return support::guarded([&]() -> Result<Mapping> {
    Reader logit(kLogit, logitWhere), attend(kAttend, attendWhere);
    NM_RETURN_IF_ERROR(logit.read(logitText));
    NM_RETURN_IF_ERROR(attend.read(attendText));
    for (char rank : {'B', 'H', 'P', 'M'})
      if (logit.dram[rank] != attend.dram[rank] ||
          logit.below[rank] != attend.below[rank])
        return makeError(Errc::Mismatch, attendWhere, ": found ",
                         attend.dram[rank], " times ", attend.below[rank],
                         " of ", rank, ", expected ", logit.dram[rank],
                         " times ", logit.below[rank], " as in ", logitWhere);
    Mapping mapping;
    AttentionShape &shape = mapping.shape;
    Dataflow &flow = mapping.dataflow;
    auto whole = [&](Reader &reader, char rank) {
      return reader.dram[rank] * reader.below[rank];
    };
    for (char rank : {'B', 'H', 'P', 'M'})
      if (logit.dram[rank] > (int64_t(1) << 30) ||
          logit.below[rank] > (int64_t(1) << 30))
        return makeError(Errc::Unsupported, logitWhere, ": found a factor of ",
                         rank, " beyond 2^30, expected less");
    shape.batch = whole(logit, 'B');
    shape.heads = whole(logit, 'H');
    shape.queries = whole(logit, 'P');
    shape.keys = whole(logit, 'M');
    shape.headDim = whole(logit, 'E');
    shape.valueDim = whole(attend, 'F');
    NM_RETURN_IF_ERROR(shape.check());
    flow.rows = logit.below['P'];
    flow.keyTile = logit.dram['M'] > 1 ? logit.below['M'] : 0;
    flow.heads = logit.below['B'] * logit.below['H'];
    // A sample's or the batch's are so many heads at a time.
    flow.granularity =
        flow.rows == shape.queries ? Granularity::Head : Granularity::Row;
    flow.order = flow.keyTile && logit.keysOuter ? LoopOrder::KeysOuter
                                                 : LoopOrder::RowsOuter;
    flow.logit = logit.stationarity;
    flow.attend = attend.stationarity;
    for (auto [reader, name, bit] :
         {std::tuple(&logit, "Q", model::StagedQ),
          std::tuple(&logit, "K", model::StagedK),
          std::tuple(&attend, "V", model::StagedV),
          std::tuple(&attend, "AV", model::StagedOutput)})
      if (reader->onChip.count(name))
        flow.staged |= bit;
    if (logit.onChip.count("QK") != attend.onChip.count("A"))
      return makeError(Errc::Mismatch, attendWhere,
                       ": found A in L3 and QK not, or the other way, expected "
                       "both or none: they are the same logits");
    if (logit.onChip.count("QK"))
      flow.staged |= model::StagedLogits;
    return mapping;
  });
}

} // namespace nm::explore
