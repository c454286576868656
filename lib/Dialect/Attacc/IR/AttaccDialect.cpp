//===- AttaccDialect.cpp - Registration, types and attributes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attacc;

#include "nm/Dialect/Attacc/IR/AttaccDialect.cpp.inc"
#include "nm/Dialect/Attacc/IR/AttaccEnums.cpp.inc"
#include "nm/Dialect/Attacc/IR/AttaccInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccTypes.cpp.inc"

void AttaccDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "nm/Dialect/Attacc/IR/AttaccAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "nm/Dialect/Attacc/IR/AttaccTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "nm/Dialect/Attacc/IR/AttaccOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

static constexpr int64_t kManyElements = int64_t(1) << 62;

static int64_t multiplySaturating(int64_t a, int64_t b) {
  return a > kManyElements / b ? kManyElements : a * b;
}

int64_t RegionType::getNumElements() const {
  int64_t elements = 1;
  for (int64_t size : getShape())
    elements = multiplySaturating(elements, size);
  return elements;
}

int64_t RegionType::getBytes() const {
  return multiplySaturating(getNumElements(), getElementBytes());
}

Type RegionType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  StringRef keyword;
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType) || parser.parseComma())
    return {};
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return {};
  std::optional<Space> space = symbolizeSpace(keyword);
  if (!space) {
    parser.emitError(loc) << "unknown memory '" << keyword
                          << "', expected dram or scratchpad";
    return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<RegionType>(parser.getContext(), shape, elementType,
                                       *space);
}

void RegionType::print(AsmPrinter &printer) const {
  printer << "<";
  for (int64_t size : getShape())
    printer << size << "x";
  printer << getElementType() << ", " << stringifySpace(getSpace()) << ">";
}

LogicalResult RegionType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type elementType,
                                 Space) {
  if (shape.empty() || shape.size() > 4)
    return emitError() << "[attacc_region_c1] has rank " << shape.size()
                       << ", expected 1 to 4";
  int64_t elements = 1;
  for (int64_t size : shape) {
    if (size < 1 || size > INT32_MAX)
      return emitError() << "[attacc_region_c1] has size " << size
                         << ", expected 1 to 2147483647";
    elements = multiplySaturating(elements, size);
  }
  if (elements > int64_t(1) << 48)
    return emitError() << "[attacc_region_c1] has " << elements
                       << " elements, expected at most 2^48";
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16() &&
      !elementType.isInteger(8))
    return emitError() << "[attacc_region_c2] has elements of type "
                       << elementType << ", expected f32, f16, bf16 or i8";
  return success();
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

/// Reads "2:4"; fails unless 1 <= N <= M <= 64.
static FailureOr<std::pair<int64_t, int64_t>> parsePattern(StringRef text) {
  auto [left, right] = text.split(':');
  int64_t n = 0, m = 0;
  if (left.getAsInteger(10, n) || right.getAsInteger(10, m) || n < 1 || m < n ||
      m > 64)
    return failure();
  return std::make_pair(n, m);
}

LogicalResult DeviceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef, int64_t scratchpad,
                                 int64_t channels, int64_t segments,
                                 StringRef patterns) {
  if (scratchpad < 1 || scratchpad > int64_t(1) << 40)
    return emitError() << "[attacc_device_c1] has a scratchpad of "
                       << scratchpad << " bytes, expected 1 to 2^40";
  if (channels < 1 || channels > 64)
    return emitError() << "[attacc_device_c1] has " << channels
                       << " channels, expected 1 to 64";
  if (segments < 1 || segments > INT32_MAX)
    return emitError() << "[attacc_device_c1] has " << segments
                       << " segments, expected 1 to 2147483647";
  for (StringRef pattern : llvm::split(patterns, ','))
    if (!patterns.empty() && failed(parsePattern(pattern)))
      return emitError() << "[attacc_device_c2] has the pattern '" << pattern
                         << "', expected N:M with 1 <= N <= M <= 64";
  return success();
}

bool DeviceAttr::decodes(int64_t n, int64_t m) const {
  return llvm::any_of(llvm::split(getPatterns(), ','), [&](StringRef text) {
    auto pattern = parsePattern(text);
    return succeeded(pattern) && *pattern == std::make_pair(n, m);
  });
}
