//===- FlatAttrs.cpp - Dimension order and dataflow -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/OpImplementation.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::flat;

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

static constexpr StringLiteral orderLetters = "bhnd";

LogicalResult OrderAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<int64_t> positions) {
  SmallVector<int64_t> sorted(positions);
  llvm::sort(sorted);
  if (sorted != SmallVector<int64_t>{0, 1, 2, 3})
    return emitError() << "flat_order_c1: positions of batch, head, sequence "
                          "and width must be 0, 1, 2, 3 in some order, got "
                       << positions;
  return success();
}

bool OrderAttr::isIdentity() const {
  return getPositions() == ArrayRef<int64_t>{0, 1, 2, 3};
}

std::string OrderAttr::getLetters() const {
  std::string letters(4, ' ');
  for (auto [dim, position] : llvm::enumerate(getPositions()))
    letters[position] = orderLetters[dim];
  return letters;
}

OrderAttr OrderAttr::getFromLetters(MLIRContext *context, StringRef letters) {
  if (letters.size() != 4)
    return {};
  SmallVector<int64_t> positions;
  for (char letter : orderLetters) {
    size_t position = letters.find(letter);
    if (position == StringRef::npos)
      return {};
    positions.push_back(position);
  }
  return get(context, positions);
}

/// The letters without the brackets around them.
static FailureOr<OrderAttr> parseLetters(AsmParser &parser) {
  StringRef letters;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&letters))
    return failure();
  if (OrderAttr order = OrderAttr::getFromLetters(parser.getContext(), letters))
    return order;
  return parser.emitError(loc)
         << "flat_order_c1: expected each of the letters b, h, n, d once, got '"
         << letters << "'";
}

Attribute OrderAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<OrderAttr> order = parseLetters(parser);
  if (failed(order) || parser.parseGreater())
    return {};
  return *order;
}

void OrderAttr::print(AsmPrinter &printer) const {
  printer << '<' << getLetters() << '>';
}

//===----------------------------------------------------------------------===//
// Dataflow
//===----------------------------------------------------------------------===//

namespace {
struct StagedName {
  StringLiteral name;
  DataflowAttr::Staged bit;
};
} // namespace

static constexpr StagedName stagedNames[] = {{"q", DataflowAttr::Q},
                                             {"k", DataflowAttr::K},
                                             {"v", DataflowAttr::V},
                                             {"logits", DataflowAttr::Logits},
                                             {"o", DataflowAttr::Output}};

LogicalResult DataflowAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   Granularity granularity, int64_t rows,
                                   int64_t keyTile, unsigned staged,
                                   Stationarity, Stationarity, StringRef loops,
                                   Interleaving, int64_t heads,
                                   int64_t packed) {
  bool isRow = granularity == Granularity::Row;
  if (isRow ? rows <= 0 : rows != 0)
    return emitError() << "flat_dataflow_c1: rows must be "
                       << (isRow ? "positive" : "absent") << " at "
                       << stringifyGranularity(granularity)
                       << " granularity, got " << rows;
  if (keyTile < 0)
    return emitError() << "flat_dataflow_c2: key_tile must be positive, got "
                       << keyTile;
  if (keyTile != 0 && !(staged & Logits))
    return emitError() << "flat_dataflow_c2: key_tile needs the logits staged";
  std::string sorted = loops.str();
  llvm::sort(sorted);
  if (sorted != "bhkr")
    return emitError() << "flat_dataflow_c3: loops must be a permutation of "
                          "the letters b, h, r, k, got '"
                       << loops << "'";
  if (heads <= 0 || packed <= 0 || heads % packed != 0)
    return emitError() << "flat_dataflow_c4: heads must be a positive multiple "
                          "of packed, got "
                       << heads << " and " << packed;
  return success();
}

/// An enumerator by its name; says which names there are otherwise.
template <typename Enum>
static ParseResult parseEnum(AsmParser &parser, Enum &value,
                             std::optional<Enum> (*symbolize)(StringRef),
                             StringRef expected) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Enum> parsed = symbolize(keyword);
  if (!parsed)
    return parser.emitError(loc)
           << "expected " << expected << ", got '" << keyword << "'";
  value = *parsed;
  return success();
}

static ParseResult parseStaged(AsmParser &parser, unsigned &staged) {
  return parser.parseCommaSeparatedList(
      AsmParser::Delimiter::Square, [&]() -> ParseResult {
        SMLoc loc = parser.getCurrentLocation();
        StringRef name;
        if (parser.parseKeyword(&name))
          return failure();
        for (const StagedName &entry : stagedNames)
          if (entry.name == name) {
            if (staged & entry.bit)
              return parser.emitError(loc) << "'" << name << "' named twice";
            staged |= entry.bit;
            return success();
          }
        return parser.emitError(loc)
               << "expected q, k, v, logits or o, got '" << name << "'";
      });
}

Attribute DataflowAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  Granularity granularity;
  Stationarity logit = Stationarity::Output, attend = Stationarity::Output;
  Interleaving interleaving = Interleaving::Interleaved;
  int64_t rows = 0, keyTile = 0, heads = 1, packed = 1;
  unsigned staged = 0;
  StringRef loops = "bhrk";
  if (parser.parseLess() ||
      parseEnum<Granularity>(parser, granularity, symbolizeGranularity,
                             "batch, sample, head or row"))
    return {};
  llvm::StringSet<> seen;
  while (succeeded(parser.parseOptionalComma())) {
    SMLoc keyLoc = parser.getCurrentLocation();
    StringRef key;
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return {};
    if (!seen.insert(key).second) {
      parser.emitError(keyLoc) << "'" << key << "' given twice";
      return {};
    }
    ParseResult parsed = success();
    if (key == "rows")
      parsed = parser.parseInteger(rows);
    else if (key == "key_tile")
      parsed = parser.parseInteger(keyTile);
    else if (key == "heads")
      parsed = parser.parseInteger(heads);
    else if (key == "packed")
      parsed = parser.parseInteger(packed);
    else if (key == "staged")
      parsed = parseStaged(parser, staged);
    else if (key == "logit" || key == "attend")
      parsed = parseEnum<Stationarity>(parser, key == "logit" ? logit : attend,
                                       symbolizeStationarity,
                                       "output, weight or input");
    else if (key == "loops")
      parsed = parser.parseKeyword(&loops);
    else if (key == "interleave")
      parsed =
          parseEnum<Interleaving>(parser, interleaving, symbolizeInterleaving,
                                  "interleaved, pipelined or sequential");
    else
      parsed = parser.emitError(keyLoc)
               << "expected rows, key_tile, staged, logit, attend, loops, "
                  "interleave, heads or packed, got '"
               << key << "'";
    if (parsed)
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<DataflowAttr>(loc, parser.getContext(), granularity,
                                         rows, keyTile, staged, logit, attend,
                                         loops, interleaving, heads, packed);
}

void DataflowAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifyGranularity(getGranularity());
  if (getRows() != 0)
    printer << ", rows = " << getRows();
  if (getKeyTile() != 0)
    printer << ", key_tile = " << getKeyTile();
  if (getStaged() != 0) {
    printer << ", staged = [";
    llvm::ListSeparator separator;
    for (const StagedName &entry : stagedNames)
      if (isStaged(entry.bit))
        printer << StringRef(separator) << entry.name;
    printer << ']';
  }
  if (getLogit() != Stationarity::Output)
    printer << ", logit = " << stringifyStationarity(getLogit());
  if (getAttend() != Stationarity::Output)
    printer << ", attend = " << stringifyStationarity(getAttend());
  if (getLoops() != "bhrk")
    printer << ", loops = " << getLoops();
  if (getInterleaving() != Interleaving::Interleaved)
    printer << ", interleave = " << stringifyInterleaving(getInterleaving());
  if (getHeads() != 1)
    printer << ", heads = " << getHeads();
  if (getPacked() != 1)
    printer << ", packed = " << getPacked();
  printer << '>';
}
