//===- AttaccDialect.cpp - Registration, types and attributes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "Verify.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attacc;
namespace code = ::nm::isa;

std::string attacc::withoutSubject(std::string message, StringRef subject) {
  // "[attacc_gemm_c1] instruction 3 (gemm) has": the rule stays.
  size_t begin = StringRef(message).find(']') + 1;
  StringRef rest = StringRef(message).substr(begin).ltrim();
  rest.consume_front(subject);
  rest = rest.ltrim(" ,");
  return message.substr(0, begin) + " " + rest.str();
}

#include "nm/Dialect/Attacc/IR/AttaccDialect.cpp.inc"
#include "nm/Dialect/Attacc/IR/AttaccEnums.cpp.inc"
#include "nm/Dialect/Attacc/IR/AttaccInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccTypes.cpp.inc"

void AttaccDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "nm/Dialect/Attacc/IR/AttaccTypes.cpp.inc"
      >();
#include "nm/Dialect/Attacc/IR/AttaccRegister.cpp.inc"
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
  if (code::Status status = code::checkShape("", shape.vec()); !status)
    return emitError() << withoutSubject(status.error().message, "");
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16() &&
      !elementType.isInteger(8))
    return emitError() << "[attacc_region_c2] has elements of type "
                       << elementType << ", expected f32, f16, bf16 or i8";
  return success();
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

/// The facts as a program has them; a pattern that is none is 0:0.
static code::Target toTarget(StringRef name, int64_t scratchpad,
                             int64_t channels, int64_t segments,
                             StringRef patterns) {
  code::Target target;
  target.name = name.str();
  target.scratchpadBytes = scratchpad;
  target.channels = channels;
  target.segments = segments;
  for (StringRef text : llvm::split(patterns, ','))
    if (!patterns.empty() &&
        !code::parsePattern(text, target.patterns.emplace_back()))
      target.patterns.back() = {};
  return target;
}

code::Target attacc::toTarget(DeviceAttr device) {
  return ::toTarget(device.getName(), device.getScratchpad(),
                    device.getChannels(), device.getSegments(),
                    device.getPatterns());
}

LogicalResult DeviceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef name, int64_t scratchpad,
                                 int64_t channels, int64_t segments,
                                 StringRef patterns) {
  code::Program program;
  program.target = ::toTarget(name, scratchpad, channels, segments, patterns);
  code::Checker checker(program);
  if (code::Status status = checker.checkTarget(); !status)
    return emitError() << withoutSubject(status.error().message,
                                         checker.subject());
  return success();
}
