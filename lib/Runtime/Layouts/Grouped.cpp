//===- Grouped.cpp - scales, positions and integers -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../LayoutFormat.h"
#include "../Support.h"
#include "../Threads.h"
#include "nm/Runtime/Quantize.h"
#include <algorithm>

namespace nm::rt {

bool groupedSupports(int64_t n, int64_t m) {
  return n == m || (m == 4 && n <= 2);
}

GroupedShape groupedShape(const LayoutSpec &spec, int64_t n, int64_t m) {
  GroupedShape shape;
  shape.rows = spec.rows;
  shape.depth = spec.depth;
  shape.form = spec.form;
  shape.kept = n == m ? GroupedShape::kUnit : GroupedShape::kUnit / m * n;
  return shape;
}

namespace {

/// The pairs of positions that two of four can keep, by code.
constexpr uint8_t kPairs[6][2] = {{0, 1}, {0, 2}, {0, 3},
                                  {1, 2}, {1, 3}, {2, 3}};

/// One unit of the rows of a block, from its codes on.
struct GroupedUnit {
  const GroupedShape &shape;
  unsigned char *data;

  unsigned char &at(int64_t reg, int64_t byte) const {
    return data[reg * shape.registerBytes() + byte];
  }

  /// Byte of kept element `k` (0 to kept) of row `r` (0 to rows), of eight
  /// bits. A register holds four elements of half of the rows: of dense weights
  /// the first half; of others those that come from unpacking the low words of
  /// each 128 bits of registers of two bytes a row.
  unsigned char &byte(int64_t r, int64_t k) const {
    const int64_t half = shape.rows / 2;
    if (shape.kept == GroupedShape::kUnit)
      return at(k / 4 * 2 + r / half, r % half * 4 + k % 4);
    // Two groups of two: firsts, then seconds. Four groups of one: in order.
    const int64_t place = shape.kept == 32 ? k % 2 * 2 + k / 2 % 2 : k % 4;
    return at(shape.codeRegisters() + k / 4 * 2 + r % 8 / 4,
              (r / 8 * 4 + r % 4) * 4 + place);
  }

  /// Kept element `k` of row `r`, of four bits: its byte, and whether it is the
  /// high half.
  unsigned char &value(int64_t r, int64_t k, bool &isHigh) const {
    const int64_t codes = shape.codeRegisters();
    if (shape.kept == 32) { // step, group, first or second
      isHigh = k % 2 != 0;
      return at(codes + k / 4, 2 * r + k / 2 % 2);
    }
    if (shape.kept == 16) { // two steps of two groups
      isHigh = k / 2 % 2 != 0;
      return at(codes + k / 4, 2 * r + k % 2);
    }
    // Eight elements of a row: four low, four high; half of the rows a
    // register.
    const int64_t half = shape.rows / 2;
    isHigh = k / 4 % 2 != 0;
    return at(k / 8 * 2 + r / half, r % half * 4 + k % 4);
  }

  /// As stored.
  int integer(int64_t r, int64_t k) const {
    if (shape.form.bits == 8)
      return byte(r, k) ^ shape.form.middle();
    bool isHigh;
    unsigned char byte = value(r, k, isHigh);
    return isHigh ? byte >> 4 : byte & 15;
  }

  /// The same for an integer of 0 to 15 or, of eight bits, 255. Bytes are 128
  /// less, signed.
  void setInteger(int64_t r, int64_t k, int integer) const {
    if (shape.form.bits == 8) {
      byte(r, k) = static_cast<unsigned char>(integer ^ shape.form.middle());
      return;
    }
    bool isHigh;
    unsigned char &byte = value(r, k, isHigh);
    auto bits = unsigned(integer);
    byte = static_cast<unsigned char>(isHigh ? (byte & 15) | bits << 4
                                             : (byte & 240) | bits);
  }

  /// The code of group `g` (0 to 16) of row `r`.
  unsigned code(int64_t r, int64_t g) const {
    const int64_t step = g / 2, byte = 2 * r + g % 2;
    if (shape.kept == 16)
      return at(step / 4, byte) >> (2 * (step % 4)) & 3;
    if (step < 6)
      return at(step / 2, byte) >> (4 * (step % 2)) & 7;
    // The bits that three bits of every four leave.
    const int64_t bit = step == 6 ? 3 : 7;
    unsigned code = 0;
    for (int64_t reg = 0; reg < 3; ++reg)
      code |= (unsigned(at(reg, byte)) >> bit & 1) << reg;
    return code;
  }

  /// The same for bits that are clear.
  void setCode(int64_t r, int64_t g, unsigned code) const {
    const int64_t step = g / 2, byte = 2 * r + g % 2;
    auto add = [&](int64_t reg, unsigned bits) {
      at(reg, byte) = static_cast<unsigned char>(at(reg, byte) | bits);
    };
    if (shape.kept == 16)
      return add(step / 4, code << (2 * (step % 4)));
    if (step < 6)
      return add(step / 2, code << (4 * (step % 2)));
    for (int64_t reg = 0; reg < 3; ++reg)
      add(reg, (code >> reg & 1) << (step == 6 ? 3 : 7));
  }
};

/// Where the elements of a row lie.
struct GroupedGeometry {
  GroupedShape shape;
  int64_t blocks;

  GroupedGeometry(const LayoutSpec &spec, const FiberGeometry &geometry)
      : shape(groupedShape(spec, geometry.n, geometry.m)),
        blocks(shape.blocks(geometry.length)) {}

  int64_t rowBytes() const { return blocks * shape.blockBytes(); }
  unsigned char *block(unsigned char *values, int64_t row,
                       int64_t group) const {
    return values + row / shape.rows * rowBytes() +
           group / shape.groups() * shape.blockBytes();
  }
  /// Group `group` of row `row` among those of its block.
  int64_t place(int64_t row, int64_t group) const {
    return group % shape.groups() * shape.rows + row % shape.rows;
  }
  float scale(unsigned char *values, int64_t row, int64_t group) const {
    const unsigned char *at =
        block(values, row, group) + place(row, group) * shape.scaleBytes();
    return static_cast<float>(support::elementToDouble(at, shape.form.scale));
  }
  int zero(unsigned char *values, int64_t row, int64_t group) const {
    if (!shape.form.zeros)
      return shape.form.middle();
    int stored = block(values, row, group)[shape.zerosAt() + place(row, group)];
    return stored < shape.form.leastZero() ? shape.form.mostZero() : stored;
  }
  void setScale(unsigned char *values, int64_t row, int64_t group,
                const GroupScale &scale) const {
    unsigned char *start = block(values, row, group);
    unsigned char *at = start + place(row, group) * shape.scaleBytes();
    if (shape.form.scale == support::DType::F32)
      storeUnaligned(at, scale.scale);
    else
      storeUnaligned(at, shape.form.scale == support::DType::F16
                             ? support::floatToF16(scale.scale)
                             : support::floatToBf16(scale.scale));
    if (shape.form.zeros)
      start[shape.zerosAt() + place(row, group)] =
          static_cast<unsigned char>(scale.zero);
  }
  /// The unit that holds element `element` of a row.
  GroupedUnit unit(unsigned char *values, int64_t row, int64_t element) const {
    return {shape, block(values, row, element / shape.depth) + shape.unitsAt() +
                       element / GroupedShape::kUnit % shape.units() *
                           shape.unitBytes()};
  }
  /// Calls `visit(unit, k, i)` for the kept elements `i` of group `group` of a
  /// row: `unit` holds them, in place `k`.
  template <typename Visit>
  void forEachKept(unsigned char *values, int64_t row, int64_t group,
                   Visit visit) const {
    const int64_t count = keptOfGroup();
    for (int64_t i = 0; i < count;) {
      const int64_t place = (group * count + i) % shape.kept;
      const GroupedUnit at = unit(
          values, row, (group * count + i) / shape.kept * GroupedShape::kUnit);
      const int64_t end = std::min(count, i + shape.kept - place);
      for (int64_t k = place; i < end; ++i, ++k)
        visit(at, k, i);
    }
  }
  /// Kept elements of a group that shares a scale, and of all of a row.
  int64_t keptOfGroup() const {
    return shape.depth * shape.kept / GroupedShape::kUnit;
  }
};

/// Code of the ascending positions of a group, of which `n` are kept.
unsigned codeOf(const uint8_t *indices, int64_t n) {
  if (n == 1)
    return indices[0];
  unsigned code = 0;
  while (kPairs[code][0] != indices[0] || kPairs[code][1] != indices[1])
    ++code;
  return code;
}

} // namespace

/// Whether a unit of two of four holds the codes 6 or 7, which name no pair.
static bool hasBadCode(const GroupedUnit &unit) {
  uint64_t bad = 0;
  for (int64_t i = 0; i < unit.shape.registerBytes(); i += 8) {
    uint64_t words[3];
    for (int64_t reg = 0; reg < 3; ++reg) {
      words[reg] = loadUnaligned<uint64_t>(&unit.at(reg, i));
      bad |= words[reg] & words[reg] >> 1 & 0x2222222222222222;
    }
    // Two of the bits of steps 6 and 7, as code() has them.
    bad |= words[1] & words[2] & 0x8888888888888888;
  }
  return bad != 0;
}

/// Scales and integers of one group of a row.
static void readGroup(const GroupedGeometry &grouped, unsigned char *stored,
                      int64_t row, int64_t group, uint32_t *values) {
  const float scale = grouped.scale(stored, row, group);
  const int zero = grouped.zero(stored, row, group);
  const int64_t r = row % grouped.shape.rows;
  grouped.forEachKept(
      stored, row, group, [&](const GroupedUnit &unit, int64_t k, int64_t i) {
        int integer = unit.integer(r, k) - zero;
        float value = integer == 0 ? 0.0F : scale * static_cast<float>(integer);
        std::memcpy(values + i, &value, sizeof(value));
      });
}

/// Finds scale and integers of one group and stores them. False if there are
/// none.
static bool writeGroup(const GroupedGeometry &grouped, unsigned char *stored,
                       int64_t row, int64_t group, const uint32_t *bits) {
  const int64_t count = grouped.keptOfGroup();
  float values[128];
  int16_t integers[128];
  std::memcpy(values, bits, size_t(count) * sizeof(float));
  GroupScale scale;
  if (!recoverGroup(values, count, grouped.shape.form, scale, integers))
    return false;
  grouped.setScale(stored, row, group, scale);
  const int64_t r = row % grouped.shape.rows;
  grouped.forEachKept(stored, row, group,
                      [&](const GroupedUnit &unit, int64_t k, int64_t i) {
                        unit.setInteger(r, k, integers[i] + scale.zero);
                      });
  return true;
}

namespace {

class GroupedFormat final : public LayoutFormatOf<GroupedFormat> {
public:
  std::string_view name() const override { return "grouped"; }
  std::vector<LayoutParameter> parameters() const override {
    return {{"rows", &LayoutSpec::rows}, {"depth", &LayoutSpec::depth}};
  }

  Status check(const LayoutSpec &spec) const override {
    if (spec.rows != 16 && spec.rows != 32)
      return layoutError(spec, "expected 16 or 32 rows");
    if (spec.depth != 32 && spec.depth != 64 && spec.depth != 128)
      return layoutError(spec, "expected a depth of 32, 64 or 128");
    return {};
  }

  bool holds(DType dtype) const override { return dtype == DType::F32; }
  bool hasForm() const override { return true; }

  Result<StorageShapes> shapes(const LayoutSpec &spec,
                               const StoredWeight &weight) const override {
    const int64_t n = weight.n, m = weight.m, length = weight.length;
    if (!groupedSupports(n, m))
      return layoutError(spec, "pattern ", n, ":", m,
                         ", expected 1:4, 2:4 or a dense weight");
    if (weight.elemBytes != 4)
      return layoutError(spec, "elements of ", weight.elemBytes,
                         " bytes, expected f32");
    if (length % spec.depth != 0)
      return layoutError(spec, "groups of ", spec.depth,
                         " do not divide the contraction, ", length);
    Result<int64_t> rows = weight.rows();
    if (!rows)
      return rows.error();
    GroupedShape shape = groupedShape(spec, n, m);
    int64_t bytes;
    if (mulOverflow(ceilDiv(*rows, spec.rows), shape.blocks(length), bytes) ||
        mulOverflow(bytes, shape.blockBytes(), bytes))
      return layoutError(spec, "the storage size overflows");
    StorageShapes shapes;
    shapes.values = {{bytes}, 1};
    return shapes;
  }

  int64_t rowsTogether(const LayoutSpec &spec,
                       const FiberGeometry &) const override {
    return spec.rows;
  }

  bool areIndicesLegal(const StoredParts &parts,
                       const FiberGeometry &geometry) const override {
    GroupedGeometry grouped(parts.spec, geometry);
    const GroupedShape &shape = grouped.shape;
    if (shape.codeRegisters() != 3)
      return true;
    const int64_t rows = ceilDiv(geometry.rows, shape.rows);
    int bad = 0;
    int threads = threadsFor(rows, rows * grouped.rowBytes());
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(+ : bad)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t unit = 0; unit < grouped.blocks * shape.units(); ++unit)
        bad += hasBadCode(grouped.unit(parts.values, row * shape.rows,
                                       unit * GroupedShape::kUnit));
    return bad == 0;
  }

  template <typename U>
  static void readTile(const StoredParts &parts, const FiberGeometry &geometry,
                       FiberTile<U> &tile) {
    if constexpr (sizeof(U) == 4) {
      GroupedGeometry grouped(parts.spec, geometry);
      const bool hasCodes = geometry.n < geometry.m;
      for (int64_t t = 0; t < tile.numRows; ++t) {
        int64_t row = tile.firstRow + t;
        uint8_t *indices = tile.rowIndices(t);
        for (int64_t g = 0; g < geometry.length / grouped.shape.depth; ++g)
          readGroup(grouped, parts.values, row, g,
                    tile.rowValues(t) + g * grouped.keptOfGroup());
        for (int64_t g = 0; g < geometry.groups; ++g) {
          if (!hasCodes) {
            for (int64_t j = 0; j < geometry.n; ++j)
              *indices++ = static_cast<uint8_t>(j);
            continue;
          }
          unsigned code = grouped.unit(parts.values, row, g * 4)
                              .code(row % grouped.shape.rows, g % 16);
          if (geometry.n == 2 && code > 5) {
            tile.note(GroupFault::Kind::Metadata, geometry, row, g, code);
            code = 0;
          }
          for (int64_t j = 0; j < geometry.n; ++j)
            *indices++ =
                geometry.n == 1 ? static_cast<uint8_t>(code) : kPairs[code][j];
        }
      }
    }
  }

  template <typename U>
  static void writeTile(const StoredParts &parts, const FiberGeometry &geometry,
                        FiberTile<U> &tile) {
    if constexpr (sizeof(U) == 4) {
      GroupedGeometry grouped(parts.spec, geometry);
      const GroupedShape &shape = grouped.shape;
      // A tile holds whole blocks. What no element uses is zero: codes, scales
      // and the integers, which are stored as zero points are, 8 of four bits.
      const int middle = shape.form.middle();
      const int integers = shape.form.bits == 4 ? 0x88 : 0;
      int64_t first = tile.firstRow / shape.rows;
      int64_t last = ceilDiv(tile.firstRow + tile.numRows, shape.rows);
      for (int64_t i = first * grouped.blocks; i < last * grouped.blocks; ++i) {
        unsigned char *block = parts.values + i * shape.blockBytes();
        std::memset(block, integers, size_t(shape.blockBytes()));
        std::memset(block, 0, size_t(shape.zerosAt()));
        std::memset(block + shape.zerosAt(), middle,
                    size_t(shape.unitsAt() - shape.zerosAt()));
        for (int64_t u = 0; u < shape.units(); ++u)
          std::memset(block + shape.unitsAt() + u * shape.unitBytes(), 0,
                      size_t(shape.codeRegisters() * shape.registerBytes()));
      }
      for (int64_t t = 0; t < tile.numRows; ++t) {
        int64_t row = tile.firstRow + t;
        for (int64_t g = 0; g < geometry.length / shape.depth; ++g)
          if (!writeGroup(grouped, parts.values, row, g,
                          tile.rowValues(t) + g * grouped.keptOfGroup()))
            tile.note(GroupFault::Kind::Unscaled, geometry, row,
                      g * shape.depth / geometry.m, 0);
        if (geometry.n == geometry.m)
          continue;
        constexpr int64_t kGroups = GroupedShape::kUnit / 4;
        const int64_t r = row % shape.rows;
        const uint8_t *indices = tile.rowIndices(t);
        for (int64_t g = 0; g < geometry.groups; g += kGroups) {
          const GroupedUnit unit = grouped.unit(parts.values, row, g * 4);
          const int64_t count = std::min(kGroups, geometry.groups - g);
          for (int64_t i = 0; i < count; ++i, indices += geometry.n)
            unit.setCode(r, i, codeOf(indices, geometry.n));
        }
      }
    }
  }
};

} // namespace

const LayoutFormat &groupedFormat() {
  static const GroupedFormat format;
  return format;
}

} // namespace nm::rt
