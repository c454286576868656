//===- Timeloop.cpp - Mappings as Timeloop writes them -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Explore/Timeloop.h"
#include "ProductNest.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <yaml-cpp/yaml.h>

namespace nm::explore {

using model::Dataflow;
using model::Device;
using model::LoopOrder;
using model::Mapping;
using model::TimeloopMapping;
using support::Errc;
using support::Error;
using support::makeError;
using support::quote;
using support::Result;
using support::Status;

namespace {

class Printer {
public:
  Printer(const Device &device, const Mapping &mapping)
      : device(device), mapping(mapping), flow(mapping.dataflow) {}

  Result<TimeloopMapping> print() {
    Result<std::string> logit = product(kLogit);
    if (!logit)
      return logit.error();
    Result<std::string> attend = product(kAttend);
    if (!attend)
      return attend.error();
    return TimeloopMapping{*logit, *attend};
  }

private:
  const Device &device;
  const Mapping &mapping;
  const Dataflow &flow;

  Result<std::string> product(const Einsum &e) {
    Result<ProductSplit> split = splitOf(device, mapping, e);
    if (!split)
      return split.error();
    bool keysOuter = flow.order == LoopOrder::KeysOuter;
    std::string loops = std::string(1, e.width) + (keysOuter ? "PM" : "MP");
    std::string order = split->order + "HB";
    return "mapping:\n" +
           level("DRAM", "temporal", e, split->dram, loops + "HB") +
           data("DRAM", keptOffChip(e), e) +
           level("L3", "temporal", e, split->inner, order) +
           data("L3", keptOnChip(e), e) +
           level("PE_col", "spatial", e, split->columns, order) +
           level("PE", "spatial", e, split->rows, order);
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

  ProductNest nest;

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
    if (nest.dram.empty() || !hasData)
      return wrong("found no level DRAM with factors, or no level L3 with a "
                   "dataspace, expected both");
    return {};
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
        nest.onChip.insert(tensor.Scalar());
      return {};
    }
    if (type != "temporal" && type != "spatial")
      return wrong("found type ", quote(type),
                   ", expected temporal, spatial or dataspace");
    Result<Factors> factors = readFactors(entry, target);
    if (!factors)
      return factors.error();
    for (auto [rank, factor] : *factors) {
      if (!ProductNest::times(target == "DRAM" ? nest.dram : nest.below, rank,
                              factor))
        return wrong("found factors of ", rank, " beyond 2^63");
      if (type == "spatial" && factor > 1)
        nest.spatial.insert(rank);
    }
    std::string order = orderOf(entry["permutation"]);
    if (target == "DRAM")
      nest.keysOuter = order.find('P') < order.find('M');
    if (target == "L3" && !order.empty())
      nest.innermost = order.front();
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
    return mappingOf(logit.nest, attend.nest, logitWhere, attendWhere);
  });
}

} // namespace nm::explore
