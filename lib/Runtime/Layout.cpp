//===- Layout.cpp - text and sizes of layouts -----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Layout.h"
#include "Support.h"
#include "nm/Runtime/Tensor.h"

namespace nm::rt {

std::string LayoutSpec::str() const {
  switch (kind) {
  case LayoutKind::Dense:
    return "dense";
  case LayoutKind::Canonical:
    return "canonical";
  case LayoutKind::Panel:
  case LayoutKind::Shared:
    break;
  case LayoutKind::Nibble:
    return "nibble<rows = " + std::to_string(rows) +
           ", depth = " + std::to_string(depth) +
           (form.scale == DType::F16
                ? ""
                : ", scale = " + std::string(dtypeName(form.scale))) +
           (form.zeros ? ", zeros>" : ">");
  case LayoutKind::Lane:
    return "lane<lanes = " + std::to_string(lanes) +
           (interleave > 1 ? ", interleave = " + std::to_string(interleave)
                           : "") +
           ">";
  }
  std::ostringstream os;
  os << (kind == LayoutKind::Panel ? "panel" : "shared") << "<rows = " << rows
     << ", cols = " << cols << ", depth = " << depth << ">";
  return os.str();
}

std::string GroupForm::describe() const {
  return std::string(dtypeName(scale)) + " scale times integers from " +
         (zeros ? "0 to 15 less a zero point from 0 to 16" : "-8 to 7");
}

namespace {
/// Tokens of the textual form.
class SpecParser {
public:
  explicit SpecParser(std::string_view text) : text(text) {}

  Result<LayoutSpec> run() {
    std::string_view kind = word();
    LayoutSpec spec;
    if (kind == "canonical") {
      spec = LayoutSpec::canonical();
    } else if (kind == "panel" || kind == "shared") {
      spec.kind = kind == "panel" ? LayoutKind::Panel : LayoutKind::Shared;
      if (Status status = parameters(spec); !status)
        return status.error();
    } else if (kind == "nibble") {
      spec.kind = LayoutKind::Nibble;
      if (Status status = parameters(spec); !status)
        return status.error();
    } else if (kind == "lane") {
      spec.kind = LayoutKind::Lane;
      if (Status status = parameters(spec); !status)
        return status.error();
      if (spec.interleave == 0)
        spec.interleave = 1;
    } else if (kind != "dense") {
      return fail("expected 'dense', 'canonical', "
                  "'panel<rows = R, cols = C, depth = D>', "
                  "'shared<rows = R, cols = C, depth = D>', "
                  "'lane<lanes = L, interleave = I>' or "
                  "'nibble<rows = R, depth = D, scale = TYPE, zeros>'");
    }
    skipSpace();
    if (pos != text.size())
      return fail("unexpected text at the end");
    return spec;
  }

private:
  std::string_view text;
  size_t pos = 0;

  Error fail(const std::string &what) const {
    return makeError(Errc::Format, "layout ", quote(text), ": ", what,
                     " at character ", pos);
  }
  void skipSpace() {
    while (pos < text.size() && (text[pos] == ' ' || text[pos] == '\t' ||
                                 text[pos] == '\n' || text[pos] == '\r'))
      ++pos;
  }
  std::string_view word() {
    skipSpace();
    size_t start = pos;
    while (pos < text.size() && text[pos] >= 'a' && text[pos] <= 'z')
      ++pos;
    return text.substr(start, pos - start);
  }
  bool accept(char c) {
    skipSpace();
    if (pos == text.size() || text[pos] != c)
      return false;
    ++pos;
    return true;
  }

  /// The parameter of that name, if the kind has it.
  static int64_t *parameter(LayoutSpec &spec, std::string_view name) {
    if (spec.kind == LayoutKind::Lane)
      return name == "lanes"        ? &spec.lanes
             : name == "interleave" ? &spec.interleave
                                    : nullptr;
    if (name == "cols" && spec.kind != LayoutKind::Nibble)
      return &spec.cols;
    return name == "rows"    ? &spec.rows
           : name == "depth" ? &spec.depth
                             : nullptr;
  }

  /// `scale = TYPE` or `zeros` of the nibble layout; false for other names.
  Result<bool> formParameter(GroupForm &form, std::string_view name) {
    if (name == "zeros") {
      if (form.zeros)
        return fail("'zeros' is given twice");
      form.zeros = true;
      return true;
    }
    if (name != "scale")
      return false;
    if (!accept('='))
      return fail("expected '='");
    skipSpace();
    for (DType type : {DType::F16, DType::BF16, DType::F32}) {
      std::string_view known = dtypeName(type);
      if (text.substr(pos, known.size()) != known)
        continue;
      pos += known.size();
      form.scale = type;
      return true;
    }
    return fail("expected f16, bf16 or f32");
  }

  Status parameters(LayoutSpec &spec) {
    if (!accept('<'))
      return fail("expected '<'");
    bool isNibble = spec.kind == LayoutKind::Nibble;
    do {
      std::string_view name = word();
      if (isNibble) {
        Result<bool> isForm = formParameter(spec.form, name);
        if (!isForm)
          return isForm.error();
        if (*isForm)
          continue;
      }
      int64_t *target = parameter(spec, name);
      if (!target)
        return fail(spec.kind == LayoutKind::Lane
                        ? "expected 'lanes' or 'interleave'"
                    : isNibble ? "expected 'rows', 'depth', 'scale' or 'zeros'"
                               : "expected 'rows', 'cols' or 'depth'");
      if (*target != 0)
        return fail("'" + std::string(name) + "' is given twice");
      if (!accept('='))
        return fail("expected '='");
      if (Status status = number(*target); !status)
        return status;
    } while (accept(','));
    if (!accept('>'))
      return fail("expected ',' or '>'");
    if (isNibble && (spec.rows == 0 || spec.depth == 0))
      return fail("'rows' and 'depth' are both needed");
    if (spec.kind != LayoutKind::Lane && !isNibble &&
        (spec.rows == 0 || spec.cols == 0 || spec.depth == 0))
      return fail("'rows', 'cols' and 'depth' are all needed");
    if (spec.kind == LayoutKind::Lane && spec.lanes == 0)
      return fail("'lanes' is needed");
    return {};
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

int64_t panelSlots(int64_t length, int64_t n, int64_t m) {
  return (length / m * n + 3) / 4 * 4;
}

bool laneSupports(int64_t lanes, int64_t n, int64_t m) {
  return m >= 1 && m <= 32 && (m & (m - 1)) == 0 && n >= 1 && n <= m &&
         lanes >= std::max<int64_t>(m, 4) && lanes <= 64 &&
         (lanes & (lanes - 1)) == 0;
}

bool nibbleSupports(int64_t n, int64_t m) {
  return n == m || (m == 4 && n <= 2);
}

NibbleShape nibbleShape(const LayoutSpec &spec, int64_t n, int64_t m) {
  NibbleShape shape;
  shape.rows = spec.rows;
  shape.depth = spec.depth;
  shape.form = spec.form;
  shape.kept = n == m ? NibbleShape::kUnit : NibbleShape::kUnit / m * n;
  return shape;
}

LaneShape laneShape(int64_t n, int64_t m) {
  LaneShape shape;
  shape.segment = std::max<int64_t>(m, 4);
  shape.kept = shape.segment / m * n;
  shape.rows = shape.segment / shape.kept;
  if (!shape.hasIndices())
    shape.kept = shape.segment;
  shape.bits = shape.segment == 4 ? 2 : shape.segment <= 16 ? 4 : 8;
  return shape;
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

static Result<StorageShapes> panelShapes(const LayoutSpec &spec, int64_t rows,
                                         int64_t length, int64_t n, int64_t m,
                                         int64_t elemBytes) {
  auto fail = [&](auto &&...parts) {
    return makeError(Errc::Argument, "layout ", spec.str(), ": ", parts...);
  };
  if (spec.rows < 1 || spec.cols < 1 || spec.depth < 1)
    return fail("expected positive parameters");
  if (spec.depth % m != 0)
    return fail("depth is not a multiple of M = ", m);
  int64_t reach;
  if (mulOverflow(spec.depth, spec.cols, reach) || reach > 65536)
    return fail("depth * cols exceeds 65536, the reach of a 16-bit offset");
  int64_t blocks = length / spec.depth;
  int64_t padded, slots, total, bytes;
  if (mulOverflow(ceilDiv(rows, spec.rows), spec.rows, padded) ||
      mulOverflow(blocks, panelSlots(spec.depth, n, m), slots) ||
      addOverflow(slots, panelSlots(length % spec.depth, n, m), slots) ||
      mulOverflow(padded, slots, total) ||
      mulOverflow(total, elemBytes > 2 ? elemBytes : 2, bytes))
    return fail("the storage size overflows");
  StorageShapes shapes;
  shapes.values = {{total}, elemBytes};
  if (spec.kind == LayoutKind::Shared)
    shapes.metadata = {{total / spec.rows}, 2};
  else if (n < m) // else slot k holds element k
    shapes.metadata = {{total}, 2};
  return shapes;
}

static Result<StorageShapes> laneShapes(const LayoutSpec &spec, int64_t rows,
                                        int64_t length, int64_t n, int64_t m,
                                        int64_t elemBytes) {
  auto fail = [&](auto &&...parts) {
    return makeError(Errc::Argument, "layout ", spec.str(), ": ", parts...);
  };
  if (!laneSupports(spec.lanes, n, m))
    return fail("pattern ", n, ":", m,
                ", expected M of 1, 2, 4, 8, 16 or 32 and a power of two of "
                "lanes, at least M and 4");
  if (spec.interleave != 1 && spec.interleave != 2 && spec.interleave != 4)
    return fail("expected an interleave of 1, 2 or 4");
  LaneShape shape = laneShape(n, m);
  int64_t groups = ceilDiv(rows, shape.rows);
  int64_t steps = ceilDiv(length, spec.lanes);
  int64_t words = ceilDiv(steps, shape.stepsPerWord());
  int64_t values, metadata, bytes;
  if (mulOverflow(groups, ceilDiv(steps, spec.interleave) * spec.interleave,
                  values) ||
      mulOverflow(values, spec.lanes, values) ||
      mulOverflow(values, elemBytes, bytes) ||
      mulOverflow(groups, words, metadata) ||
      mulOverflow(metadata, spec.lanes, metadata) ||
      mulOverflow(metadata, 4, bytes))
    return fail("the storage size overflows");
  StorageShapes shapes;
  shapes.values = {{values}, elemBytes};
  if (shape.hasIndices())
    shapes.metadata = {{metadata}, 4};
  return shapes;
}

static Result<StorageShapes> nibbleShapes(const LayoutSpec &spec, int64_t rows,
                                          int64_t length, int64_t n, int64_t m,
                                          int64_t elemBytes) {
  auto fail = [&](auto &&...parts) {
    return makeError(Errc::Argument, "layout ", spec.str(), ": ", parts...);
  };
  if (spec.rows != 16 && spec.rows != 32)
    return fail("expected 16 or 32 rows");
  if (spec.depth != 32 && spec.depth != 64 && spec.depth != 128)
    return fail("expected a depth of 32, 64 or 128");
  if (!nibbleSupports(n, m))
    return fail("pattern ", n, ":", m, ", expected 1:4, 2:4 or a dense weight");
  if (elemBytes != 4)
    return fail("elements of ", elemBytes, " bytes, expected f32");
  if (length % spec.depth != 0)
    return fail("groups of ", spec.depth, " do not divide the contraction, ",
                length);
  NibbleShape shape = nibbleShape(spec, n, m);
  int64_t bytes;
  if (mulOverflow(ceilDiv(rows, spec.rows), shape.blocks(length), bytes) ||
      mulOverflow(bytes, shape.blockBytes(), bytes))
    return fail("the storage size overflows");
  StorageShapes shapes;
  shapes.values = {{bytes}, 1};
  return shapes;
}

Result<StorageShapes> storageShapes(const LayoutSpec &spec,
                                    const std::vector<int64_t> &denseShape,
                                    int64_t axis, int64_t n, int64_t m,
                                    int64_t elemBytes) {
  return guarded([&]() -> Result<StorageShapes> {
    bool wide = elemBytes == 8 && spec.kind == LayoutKind::Dense;
    if (elemBytes != 1 && elemBytes != 2 && elemBytes != 4 && !wide)
      return makeError(Errc::Argument, "layout ", spec.str(), ": elements of ",
                       elemBytes, " bytes, expected 1, 2 or 4");
    if (Result<int64_t> count = checkedCount(denseShape, elemBytes); !count)
      return count.error();
    StorageShapes shapes;
    // A dense parameter may be a scalar, without any axis.
    if (spec.kind == LayoutKind::Dense && n == m) {
      shapes.values = {denseShape, elemBytes};
      return shapes;
    }
    NM_RETURN_IF_ERROR(checkPattern(denseShape, axis, n, m));
    int64_t length = denseShape[size_t(axis)];
    std::vector<int64_t> others = denseShape;
    others.erase(others.begin() + axis);
    switch (spec.kind) {
    case LayoutKind::Dense:
      shapes.values = {denseShape, elemBytes};
      return shapes;
    case LayoutKind::Canonical: {
      std::vector<int64_t> kept = denseShape;
      kept[size_t(axis)] = length / m * n;
      shapes.values = {std::move(kept), elemBytes};
      others.push_back(ceilDiv(length / m * n * indexBits(m), 8));
      if (Result<int64_t> count = checkedCount(others); !count)
        return count.error();
      shapes.metadata = {std::move(others), 1};
      return shapes;
    }
    case LayoutKind::Shared:
    case LayoutKind::Panel: {
      Result<int64_t> rows = checkedCount(others);
      if (!rows)
        return rows.error();
      return panelShapes(spec, *rows, length, n, m, elemBytes);
    }
    case LayoutKind::Lane: {
      Result<int64_t> rows = checkedCount(others);
      if (!rows)
        return rows.error();
      return laneShapes(spec, *rows, length, n, m, elemBytes);
    }
    case LayoutKind::Nibble: {
      Result<int64_t> rows = checkedCount(others);
      if (!rows)
        return rows.error();
      return nibbleShapes(spec, *rows, length, n, m, elemBytes);
    }
    }
    return makeError(Errc::Argument, "unknown layout kind ", int(spec.kind));
  });
}

} // namespace nm::rt
