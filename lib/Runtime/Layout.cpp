//===- Layout.cpp - text and sizes of layouts -----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Layout.h"
#include "LayoutFormat.h"
#include "Support.h"
#include "TextCursor.h"
#include "nm/Runtime/Tensor.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cctype>

namespace nm::rt {

#define NM_ADDRESS(name) &name##Format(),
static const std::vector<const LayoutFormat *> &layoutFormats() {
  static const std::vector<const LayoutFormat *> formats = {
      NM_FOR_EACH_LAYOUT(NM_ADDRESS)};
  return formats;
}
#undef NM_ADDRESS

/// The layout of that name, null if there is none.
static const LayoutFormat *findLayout(std::string_view name) {
  for (const LayoutFormat *format : layoutFormats())
    if (format->name() == name)
      return format;
  return nullptr;
}

LayoutSpec LayoutSpec::named(std::string_view name) {
  return LayoutSpec(*findLayout(name));
}

LayoutSpec::LayoutSpec() : format(&denseFormat()) {}
LayoutSpec LayoutSpec::dense() { return {}; }
LayoutSpec LayoutSpec::canonical() { return LayoutSpec(canonicalFormat()); }

LayoutSpec LayoutSpec::panel(int64_t rows, int64_t cols, int64_t depth) {
  LayoutSpec spec(panelFormat());
  spec.rows = rows;
  spec.cols = cols;
  spec.depth = depth;
  return spec;
}

LayoutSpec LayoutSpec::shared(int64_t rows, int64_t cols, int64_t depth) {
  LayoutSpec spec = panel(rows, cols, depth);
  spec.format = &sharedFormat();
  return spec;
}

LayoutSpec LayoutSpec::whole(int64_t rows, int64_t cols, int64_t depth) {
  LayoutSpec spec = panel(rows, cols, depth);
  spec.format = &wholeFormat();
  return spec;
}

LayoutSpec LayoutSpec::paired(int64_t cols, int64_t depth, int64_t window) {
  LayoutSpec spec(pairedFormat());
  spec.cols = cols;
  spec.depth = depth;
  spec.window = window;
  return spec;
}

LayoutSpec LayoutSpec::grouped(int64_t rows, int64_t depth, GroupForm form) {
  LayoutSpec spec(groupedFormat());
  spec.form = form;
  spec.rows = rows;
  spec.depth = depth;
  return spec;
}

LayoutSpec LayoutSpec::lane(int64_t lanes, int64_t interleave) {
  LayoutSpec spec(laneFormat());
  spec.lanes = lanes;
  spec.interleave = interleave;
  return spec;
}

LayoutSpec LayoutSpec::lanePanel(const LayoutSpec &lane,
                                 const LayoutSpec &panel) {
  LayoutSpec spec = panel;
  spec.format = &lanePanelFormat();
  spec.lanes = lane.lanes;
  spec.interleave = lane.interleave;
  return spec;
}

bool LayoutSpec::isDense() const { return format == &denseFormat(); }

bool LayoutSpec::hasForm() const { return format->hasForm(); }

std::string_view LayoutSpec::name() const { return format->name(); }

std::string LayoutSpec::str() const {
  std::ostringstream os;
  os << format->name();
  const char *before = "<", *after = "";
  for (const LayoutParameter &parameter : format->parameters()) {
    int64_t value = this->*parameter.field;
    if (parameter.fallback != 0 && value == parameter.fallback)
      continue;
    os << before << parameter.name << " = " << value;
    before = ", ";
    after = ">";
  }
  if (hasForm() && form.bits != GroupForm().bits)
    os << ", bits = " << form.bits;
  if (hasForm() && form.scale != DType::F16)
    os << ", scale = " << dtypeName(form.scale);
  if (hasForm() && form.zeros)
    os << ", zeros";
  os << after;
  return os.str();
}

std::string GroupForm::describe() const {
  return std::string(dtypeName(scale)) + " scale times integers from " +
         (zeros ? "0 to " + std::to_string(mostStored()) +
                      " less a zero point from " + std::to_string(leastZero()) +
                      " to " + std::to_string(mostZero())
                : std::to_string(least()) + " to " + std::to_string(most()));
}

/// "'panel<rows = R, cols = C, depth = D>'".
static std::string exampleOf(const LayoutFormat &format) {
  std::string text = "'" + std::string(format.name());
  const char *before = "<", *after = "";
  for (const LayoutParameter &parameter : format.parameters()) {
    char letter = char(std::toupper(parameter.name.front()));
    text += before + std::string(parameter.name) + " = " + letter;
    before = ", ";
    after = ">";
  }
  if (format.hasForm())
    text += ", bits = B, scale = TYPE, zeros";
  return text + after + "'";
}

namespace {
/// Tokens of the textual form.
class SpecParser : TextCursor {
public:
  explicit SpecParser(std::string_view text) : TextCursor(text) {}

  Result<LayoutSpec> run() {
    std::string_view name = word();
    const LayoutFormat *format = findLayout(name);
    if (!format) {
      std::vector<std::string> known;
      for (const LayoutFormat *each : layoutFormats())
        known.push_back(exampleOf(*each));
      return fail("expected " + support::alternatives(known));
    }
    LayoutSpec spec(*format);
    if (std::vector<LayoutParameter> wanted = format->parameters();
        !wanted.empty())
      if (Status status = parameters(spec, wanted); !status)
        return status.error();
    if (!atEnd())
      return fail("unexpected text at the end");
    return spec;
  }

private:
  Error fail(const std::string &what) const {
    return makeError(Errc::Format, "layout ", quote(text), ": ", what,
                     " at character ", pos);
  }
  std::string_view word() {
    skipSpace();
    size_t start = pos;
    while (pos < text.size() &&
           ((text[pos] >= 'a' && text[pos] <= 'z') || text[pos] == '_'))
      ++pos;
    return text.substr(start, pos - start);
  }

  /// `bits = B`, `scale = TYPE` or `zeros`; false for other names.
  Result<bool> formParameter(GroupForm &form, std::string_view name) {
    if (name == "zeros") {
      if (form.zeros)
        return fail("'zeros' is given twice");
      form.zeros = true;
      return true;
    }
    if (name != "scale" && name != "bits")
      return false;
    if (!accept('='))
      return fail("expected '='");
    if (name == "bits") {
      NM_RETURN_IF_ERROR(number(form.bits));
      if (form.bits != 4 && form.bits != 8)
        return fail("expected 4 or 8 bits");
      return true;
    }
    for (DType type : {DType::F16, DType::BF16, DType::F32}) {
      if (!accept(dtypeName(type)))
        continue;
      form.scale = type;
      return true;
    }
    return fail("expected f16, bf16 or f32");
  }

  Status parameters(LayoutSpec &spec,
                    const std::vector<LayoutParameter> &wanted) {
    if (!accept('<'))
      return fail("expected '<'");
    std::vector<std::string> names, needed;
    bool isComplete = true;
    for (const LayoutParameter &each : wanted)
      names.push_back("'" + std::string(each.name) + "'");
    if (spec.hasForm())
      names.insert(names.end(), {"'bits'", "'scale'", "'zeros'"});
    do {
      std::string_view name = word();
      if (spec.hasForm()) {
        Result<bool> isForm = formParameter(spec.form, name);
        if (!isForm)
          return isForm.error();
        if (*isForm)
          continue;
      }
      auto found = std::find_if(
          wanted.begin(), wanted.end(),
          [&](const LayoutParameter &each) { return each.name == name; });
      if (found == wanted.end())
        return fail("expected " + support::alternatives(names));
      int64_t &target = spec.*found->field;
      if (target != 0)
        return fail("'" + std::string(name) + "' is given twice");
      if (!accept('='))
        return fail("expected '='");
      if (Status status = number(target); !status)
        return status;
    } while (accept(','));
    if (!accept('>'))
      return fail("expected ',' or '>'");
    for (const LayoutParameter &each : wanted) {
      int64_t &target = spec.*each.field;
      if (each.fallback == 0) {
        needed.push_back("'" + std::string(each.name) + "'");
        isComplete &= target != 0;
      } else if (target == 0) {
        target = each.fallback;
      }
    }
    if (isComplete)
      return {};
    const char *verb = needed.size() > 2    ? " are all needed"
                       : needed.size() == 2 ? " are both needed"
                                            : " is needed";
    return fail(support::alternatives(needed, "and") + verb);
  }

  Status number(int64_t &out) {
    skipSpace();
    size_t start = pos;
    int64_t value = 0;
    for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos)
      if (mulOverflow(value, 10, value) ||
          addOverflow(value, text[pos] - '0', value))
        return fail("a number does not fit in 63 bits");
    if (pos == start || value == 0)
      return fail("expected a positive integer");
    out = value;
    return {};
  }
};
} // namespace

Status checkLayout(const LayoutSpec &spec) {
  return guarded([&] { return spec.format->check(spec); });
}

Result<LayoutSpec> parseLayoutSpec(std::string_view text) {
  return guarded([&] { return SpecParser(text).run(); });
}

int64_t PartShape::count() const {
  int64_t product = 1;
  for (int64_t dim : shape)
    product *= dim;
  return product;
}

int64_t indexBits(int64_t m) {
  int64_t bits = 0;
  while ((int64_t(1) << bits) < m)
    ++bits;
  return bits;
}

Status checkPattern(const std::vector<int64_t> &denseShape, int64_t axis,
                    int64_t n, int64_t m) {
  return guarded([&]() -> Status {
    auto fail = [&](auto &&...parts) {
      return makeError(Errc::Argument, "pattern ", n, ":", m, " along axis ",
                       axis, " of ", shapeString(denseShape), ": ", parts...);
    };
    if (m < 1 || m > 64 || n < 1 || n > m)
      return fail("expected 1 <= N <= M <= 64");
    if (axis < 0 || axis >= int64_t(denseShape.size()))
      return fail("expected an axis in [0, ", denseShape.size(), ")");
    if (Result<int64_t> count = checkedCount(denseShape); !count)
      return count.error();
    int64_t length = denseShape[size_t(axis)];
    if (length % m != 0)
      return fail("M = ", m, " does not divide dimension ", length);
    return {};
  });
}

Result<StorageShapes> storageShapes(const LayoutSpec &spec,
                                    const std::vector<int64_t> &denseShape,
                                    int64_t axis, int64_t n, int64_t m,
                                    int64_t elemBytes) {
  return guarded([&]() -> Result<StorageShapes> {
    bool wide = elemBytes == 8 && spec.isDense();
    if (elemBytes != 1 && elemBytes != 2 && elemBytes != 4 && !wide)
      return layoutError(spec, "elements of ", elemBytes,
                         " bytes, expected 1, 2 or 4");
    if (Result<int64_t> count = checkedCount(denseShape, elemBytes); !count)
      return count.error();
    // A dense parameter may be a scalar, without any axis.
    if (spec.isDense() && n == m) {
      StorageShapes shapes;
      shapes.values = {denseShape, elemBytes};
      return shapes;
    }
    NM_RETURN_IF_ERROR(checkPattern(denseShape, axis, n, m));
    NM_RETURN_IF_ERROR(checkLayout(spec));
    return spec.format->shapes(
        spec, {denseShape, axis, denseShape[size_t(axis)], n, m, elemBytes});
  });
}

} // namespace nm::rt
