//===- Layout.h - how a sparse weight lies in memory ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A weight is logically a dense tensor with one sparse axis of length K (a
// multiple of M); at most N of every M consecutive elements along that axis are
// non-zero. Its "rows" (fibers) are the product of the other dimensions, in
// order. A LayoutSpec names one of the ways to store it; docs/runtime.md gives
// the byte-exact definitions.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_LAYOUT_H
#define NM_RUNTIME_LAYOUT_H

#include "nm/Runtime/Result.h"
#include "nm/Support/DType.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nm::rt {

class LayoutFormat;

/// What makes the values of a group that shares a scale.
struct GroupForm {
  /// Type of the scale, of either sign: F16, BF16 or F32.
  support::DType scale = support::DType::F16;
  /// The scale multiplies integers of 0 to 15 (of 8 bits, 255) less a zero
  /// point of the group, leastZero() to mostZero(); else integers of least() to
  /// most().
  bool zeros = false;
  /// Of an integer: 4 or 8.
  int64_t bits = 4;

  /// What is added to integers to store them where there are no zero points.
  int middle() const { return 1 << (bits - 1); }
  int least() const { return -middle(); }
  int most() const { return middle() - 1; }
  /// The largest integer with its zero point added.
  int mostStored() const { return 2 * middle() - 1; }
  /// Zero points may lie one above the integers. Of eight bits they are stored
  /// modulo 256, and there is no 0: 255 and a scale of the other sign say the
  /// same.
  int leastZero() const { return bits == 4 ? 0 : 1; }
  int mostZero() const { return 2 * middle(); }

  /// "f16 scale times integers from -8 to 7", for messages.
  std::string describe() const;
  friend bool operator==(const GroupForm &a, const GroupForm &b) {
    return a.scale == b.scale && a.zeros == b.zeros && a.bits == b.bits;
  }
};

/// A layout and its parameters. Parameters that a layout does not have are 0.
/// What the layouts are stands in lib/Runtime/Layouts, a file each.
struct LayoutSpec {
  const LayoutFormat *format;
  /// Panel, Shared, Whole: rows that are interleaved (R >= 1). Grouped: rows
  /// side by side in a register (16 or 32).
  int64_t rows = 0;
  /// Panel, Shared, Paired, Whole: columns of the packed activation panel, in
  /// elements (C >= 1).
  int64_t cols = 0;
  /// Panel, Shared, Paired, Whole: elements of the sparse axis in a block (D,
  /// a multiple of M), with D * C <= 65536, for Paired at most 1024. Grouped:
  /// elements of a row that share a scale (32, 64 or 128).
  int64_t depth = 0;
  /// Paired: rows that form one chain (even, 2 to 384).
  int64_t window = 0;
  /// Lane: elements of a vector register (a power of two, 4 to 64).
  int64_t lanes = 0;
  /// Lane: consecutive steps whose values alternate in memory (1, 2 or 4), so
  /// that narrow values widen by shifts of whole 32-bit lanes.
  int64_t interleave = 0;
  /// Grouped: what makes the values.
  GroupForm form = {};

  /// The dense layout.
  LayoutSpec();
  /// The layout of that name, without parameters; `name` is a known one.
  static LayoutSpec named(std::string_view name);
  explicit LayoutSpec(const LayoutFormat &format) : format(&format) {}

  /// Plain row-major, no metadata.
  static LayoutSpec dense();
  /// Kept elements in place of the sparse axis, bit-packed indices (LSB first).
  static LayoutSpec canonical();
  /// For GEMM kernels: K blocks, row groups, quads of slots, u16 offsets.
  static LayoutSpec panel(int64_t rows, int64_t cols, int64_t depth);
  /// As panel, for weights in which the rows of a row group keep the same
  /// positions: one offset for all of them.
  static LayoutSpec shared(int64_t rows, int64_t cols, int64_t depth);
  /// As panel, for two rows at a time: in each block the rows of a window form
  /// a chain, each beside two that keep many of the same positions, which come
  /// first.
  static LayoutSpec paired(int64_t cols, int64_t depth, int64_t window);
  /// As panel of a dense weight: all elements of a group, those that are not
  /// kept as zeros, and no offsets.
  static LayoutSpec whole(int64_t rows, int64_t cols, int64_t depth);
  /// For matrix-vector kernels on weights of four or eight bits: one stream of
  /// scales, positions and integers.
  static LayoutSpec grouped(int64_t rows, int64_t depth, GroupForm form = {});
  /// For matrix-vector kernels: the kept elements of one vector of activations
  /// lie in one vector register, indices in 32-bit words beside it.
  static LayoutSpec lane(int64_t lanes, int64_t interleave = 1);
  /// Both, one behind the other, for kernels that choose when they run.
  static LayoutSpec lanePanel(const LayoutSpec &lane, const LayoutSpec &panel);

  bool isDense() const;
  /// Whether `form` is a parameter.
  bool hasForm() const;
  /// "panel".
  std::string_view name() const;

  /// "dense", "canonical", "panel<rows = 3, cols = 32, depth = 192>",
  /// "shared<rows = 4, cols = 24, depth = 256>",
  /// "paired<cols = 128, depth = 64, window = 64>",
  /// "whole<rows = 6, cols = 64, depth = 144>",
  /// "lane<lanes = 8>", "lane<lanes = 8, interleave = 2>",
  /// "grouped<rows = 16, depth = 64>",
  /// "grouped<rows = 16, depth = 64, bits = 8, scale = bf16, zeros>" or
  /// "lane_panel<lanes = 8, rows = 3, cols = 32, depth = 192>".
  std::string str() const;

  friend bool operator==(const LayoutSpec &a, const LayoutSpec &b) {
    return a.format == b.format && a.rows == b.rows && a.cols == b.cols &&
           a.depth == b.depth && a.lanes == b.lanes &&
           a.interleave == b.interleave && a.window == b.window &&
           a.form == b.form;
  }
  friend bool operator!=(const LayoutSpec &a, const LayoutSpec &b) {
    return !(a == b);
  }
};

/// Checks the parameters, whatever the weight.
Status checkLayout(const LayoutSpec &spec);

/// Parses the textual form. White space between tokens is free, parameters may
/// come in any order, each exactly once.
Result<LayoutSpec> parseLayoutSpec(std::string_view text);

/// Shape and element size of one stored part.
struct PartShape {
  std::vector<int64_t> shape;
  /// 0 when the layout has no such part.
  int64_t elemBytes = 0;

  bool present() const { return elemBytes != 0; }
  /// Elements; the shapes come overflow-checked.
  int64_t count() const;
  int64_t bytes() const { return present() ? count() * elemBytes : 0; }
};

struct StorageShapes {
  /// Element type of the weight. Dense and canonical keep the rank of the
  /// weight, all others are 1-D.
  PartShape values;
  /// Absent for dense and whole; u8 for canonical; u16 and 1-D for panel,
  /// shared and paired.
  PartShape metadata;
};

/// Checks an N:M pattern on a shape: 1 <= N <= M <= 64, axis within the rank,
/// no negative dimension, the element count fits in 63 bits, M divides the
/// dimension.
Status checkPattern(const std::vector<int64_t> &denseShape, int64_t axis,
                    int64_t n, int64_t m);

/// Counts and shapes of the parts of a weight in a layout. Fails when the
/// pattern is illegal for the shape, when the layout's parameters are (see
/// LayoutSpec), or when a size overflows. `elemBytes` is 1, 2 or 4 (8 is
/// accepted for dense).
Result<StorageShapes> storageShapes(const LayoutSpec &spec,
                                    const std::vector<int64_t> &denseShape,
                                    int64_t axis, int64_t n, int64_t m,
                                    int64_t elemBytes);

/// Bits of one index of the canonical layout: ceil(log2 M), 0 for M = 1.
int64_t indexBits(int64_t m);

/// Slots that the panel layout stores for one row of a K block of `length`
/// elements: length / M * N rounded up to a multiple of 4.
int64_t panelSlots(int64_t length, int64_t n, int64_t m);

/// How the lane layout cuts a register. A segment is what one in-register
/// permute reaches: 128 bits of f32 for M <= 4, else M elements.
struct LaneShape {
  int64_t segment = 4; ///< lanes of a segment, and activations it selects from
  int64_t kept = 0;    ///< slots of one weight row in a segment
  int64_t rows = 0;    ///< weight rows side by side in a register
  int64_t bits = 2;    ///< bits of an index; it divides 32
  int64_t stepsPerWord() const { return 32 / bits; }
  /// Where one row fills a segment, N > M / 2 and N = M, its elements lie at
  /// their own positions: indices and permutes would save nothing.
  bool hasIndices() const { return rows > 1; }
};

/// How the grouped layout cuts a weight: blocks of `rows` rows by one or two
/// units of the contraction. A block is the scales of its rows, those of one
/// group after the other, their zero points (a byte each) in the same order if
/// there are any, then for each unit the codes of the kept positions and the
/// values. Both come in registers of 2 * rows bytes.
struct GroupedShape {
  /// Elements of a row in a unit.
  static constexpr int64_t kUnit = 64;
  int64_t rows = 16;
  int64_t depth = 64; ///< elements that share a scale
  int64_t kept = 64;  ///< elements stored of a row of a unit: 64, 32 or 16
  GroupForm form = {};

  int64_t registerBytes() const { return 2 * rows; }
  /// Registers of codes of a unit: 3 bits for two of four, 2 for one of four.
  int64_t codeRegisters() const { return kept == 32 ? 3 : kept == 16 ? 2 : 0; }
  int64_t valueRegisters() const { return kept * form.bits / 16; }
  int64_t unitBytes() const {
    return (codeRegisters() + valueRegisters()) * registerBytes();
  }
  int64_t units() const { return depth > kUnit ? depth / kUnit : 1; }
  int64_t groups() const { return units() * kUnit / depth; }
  int64_t scaleBytes() const { return support::elementBytes(form.scale); }
  /// Where the zero points of a block begin, and its first unit.
  int64_t zerosAt() const { return groups() * rows * scaleBytes(); }
  int64_t unitsAt() const {
    return zerosAt() + (form.zeros ? groups() * rows : 0);
  }
  int64_t blockBytes() const { return unitsAt() + units() * unitBytes(); }
  /// Blocks of a row of `length` elements.
  int64_t blocks(int64_t length) const {
    int64_t size = units() * kUnit;
    return length / size + (length % size != 0);
  }
  /// Bits of memory for each element of the dense weight.
  double bitsPerWeight() const {
    return 8.0 * double(blockBytes()) / double(rows * units() * kUnit);
  }
};

/// Whether the grouped layout holds N:M: 2:4, 1:4 and dense weights.
bool groupedSupports(int64_t n, int64_t m);

/// The shape for a supported pattern.
GroupedShape groupedShape(const LayoutSpec &spec, int64_t n, int64_t m);

/// Whether the lane layout holds N:M in registers of `lanes` elements.
bool laneSupports(int64_t lanes, int64_t n, int64_t m);

/// The shape for a supported pattern.
LaneShape laneShape(int64_t n, int64_t m);

/// The two storages in one of the lane_panel layout: the first at the
/// beginning, the second at these places.
struct LanePanelParts {
  LayoutSpec lane, panel;
  StorageShapes laneShapes, panelShapes;
  int64_t panelValues = 0;   ///< in elements
  int64_t panelMetadata = 0; ///< in bytes
};

/// The parts of a weight of `rows` rows of `length` elements.
Result<LanePanelParts> lanePanelParts(const LayoutSpec &spec, int64_t rows,
                                      int64_t length, int64_t n, int64_t m,
                                      int64_t elemBytes);

} // namespace nm::rt

#endif // NM_RUNTIME_LAYOUT_H
