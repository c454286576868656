//===- Products.cpp - Values of matrix products ----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands are converted to f32 in panels: of 4 rows on the left, 16 columns on
// the right, each with the reduction outermost, padded with zeros. Sums run in
// the order of the reduction, whatever the blocking.
//
//===----------------------------------------------------------------------===//

#include "Convert.h"
#include "Values.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Clones.h"
#include <algorithm>
#include <cstring>

namespace nm::sim {

using isa::Instruction;
using support::ceilDiv;

namespace {

typedef float Vec8 __attribute__((vector_size(32), aligned(4)));
typedef float Vec4 __attribute__((vector_size(16), aligned(4)));

constexpr int kRows = 4, kCols = 16;
/// Of the reduction; a panel of it stays in the innermost cache.
constexpr int64_t kDepth = 256;

NM_INLINE Vec8 load8(const float *from) {
  Vec8 v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}
NM_INLINE void store8(float *to, Vec8 v) { std::memcpy(to, &v, sizeof(v)); }

/// Four rows of `stride` floats each into columns: to[4 j + i] = from[i][j].
NM_INLINE void transpose4(const float *from, int64_t stride, float *to,
                          int64_t toStride) {
  Vec4 r[4];
  for (int i = 0; i != 4; ++i)
    std::memcpy(&r[i], from + i * stride, sizeof(Vec4));
  Vec4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  Vec4 b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  Vec4 c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  Vec4 d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  Vec4 out[4] = {__builtin_shufflevector(a, b, 0, 1, 4, 5),
                 __builtin_shufflevector(a, b, 2, 3, 6, 7),
                 __builtin_shufflevector(c, d, 0, 1, 4, 5),
                 __builtin_shufflevector(c, d, 2, 3, 6, 7)};
  for (int j = 0; j != 4; ++j)
    std::memcpy(to + j * toStride, &out[j], sizeof(Vec4));
}

/// A matrix as panels of `width` along `outer`, depth outermost within each.
/// `line` is work space.
void pack(const View &matrix, int outer, int depth, int64_t width,
          std::vector<float> &panels, std::vector<float> &line) {
  int64_t count = matrix.sizes[outer], size = matrix.sizes[depth];
  int64_t outerStride = matrix.strides[outer],
          depthStride = matrix.strides[depth];
  int64_t padded = ceilDiv(count, width) * width;
  panels.resize(padded * size);
  if (outerStride == 1 && depthStride != 1) {
    line.assign(padded, 0);
    for (int64_t k = 0; k < size; ++k) {
      toFloats(matrix.at(k * depthStride), matrix.type, count, 1, line.data());
      for (int64_t p = 0; p < padded; p += width)
        std::memcpy(&panels[p * size + k * width], &line[p],
                    width * sizeof(float));
    }
    return;
  }
  int64_t pitch = ceilDiv(size, 4) * 4;
  line.resize(width * pitch);
  for (int64_t p = 0; p < padded; p += width) {
    int64_t lines = std::min(width, count - p);
    for (int64_t i = 0; i < lines; ++i)
      toFloats(matrix.at((p + i) * outerStride), matrix.type, size, depthStride,
               &line[i * pitch]);
    std::fill(line.begin() + lines * pitch, line.end(), 0.0f);
    float *panel = &panels[p * size];
    int64_t k = 0;
    for (; k + 4 <= size; k += 4)
      for (int64_t i = 0; i < width; i += 4)
        transpose4(&line[i * pitch + k], pitch, panel + k * width + i, width);
    for (; k < size; ++k)
      for (int64_t i = 0; i < width; ++i)
        panel[k * width + i] = line[i * pitch + k];
  }
}

/// sums [m, n] (padded) of panels of lhs and rhs; lines of sums are `pitch`
/// apart.
NM_CLONED(void, multiplyPanels,
          (const float *lhs, const float *rhs, float *sums, int64_t m,
           int64_t k, int64_t n, int64_t pitch),
          (lhs, rhs, sums, m, k, n, pitch), {
            for (int64_t k0 = 0; k0 < k || k0 == 0; k0 += kDepth) {
              int64_t depth = std::min(kDepth, k - k0);
              for (int64_t j = 0; j < n; j += kCols)
                for (int64_t i = 0; i < m; i += kRows) {
                  const float *a = lhs + i * k + k0 * kRows;
                  const float *b = rhs + j * k + k0 * kCols;
                  float *c = sums + i * pitch + j;
                  Vec8 acc[kRows][2] = {};
                  if (k0)
                    for (int r = 0; r != kRows; ++r)
                      for (int h = 0; h != 2; ++h)
                        acc[r][h] = load8(c + r * pitch + 8 * h);
                  for (int64_t p = 0; p < depth; ++p, a += kRows, b += kCols) {
                    Vec8 b0 = load8(b);
                    Vec8 b1 = load8(b + 8);
                    for (int r = 0; r != kRows; ++r) {
                      acc[r][0] += b0 * a[r];
                      acc[r][1] += b1 * a[r];
                    }
                  }
                  for (int r = 0; r != kRows; ++r)
                    for (int h = 0; h != 2; ++h)
                      store8(c + r * pitch + 8 * h, acc[r][h]);
                }
            }
          })

/// One column of an N:M product: 32 rows of lhs at a time, transposed so that
/// row numbers run fastest.
NM_CLONED(void, multiplyKept,
          (const float *lhs, const float *values, const int32_t *places,
           int64_t count, int64_t pitch, int64_t rows, float *sums),
          (lhs, values, places, count, pitch, rows, sums), {
            for (int64_t i = 0; i < rows; i += 32) {
              Vec8 acc[4] = {};
              for (int64_t p = 0; p < count; ++p) {
                const float *a = lhs + places[p] * pitch + i;
                for (int h = 0; h != 4; ++h)
                  acc[h] += load8(a + 8 * h) * values[p];
              }
              for (int h = 0; h != 4; ++h)
                store8(sums + i + 8 * h, acc[h]);
            }
          })

/// Rows [begin, end) of dest (= or +=) factor * sums, which are `pitch` apart.
/// `line` has room for a row.
void writeSums(const View &dest, const Instruction &instruction, float *sums,
               int64_t pitch, int64_t begin, int64_t end, float *line) {
  int64_t n = dest.sizes[1];
  for (int64_t i = begin; i < end; ++i) {
    float *row = sums + i * pitch;
    uint8_t *to = dest.at(i * dest.strides[0]);
    if (instruction.value != 1)
      for (int64_t j = 0; j < n; ++j)
        row[j] *= instruction.value;
    if (instruction.accumulate) {
      toFloats(to, dest.type, n, dest.strides[1], line);
      for (int64_t j = 0; j < n; ++j)
        row[j] += line[j];
    }
    fromFloats(row, dest.type, n, dest.strides[1], to);
  }
}

/// The places of the kept elements of one row, as elements of the reduction.
void decode(const uint8_t *bytes, int64_t stride, int64_t size,
            model::SparsePattern pattern, int64_t count, int32_t *places) {
  int64_t bits = pattern.indexBits(), p = 0;
  for (int64_t base = 0; p < count; base += pattern.m)
    for (int64_t end = p + pattern.n; p < end; ++p) {
      // At most 6 bits: no index spans more than two bytes.
      int64_t byte = p * bits / 8;
      int64_t word = bytes[byte * stride];
      if (byte + 1 < size)
        word |= int64_t(bytes[(byte + 1) * stride]) << 8;
      int64_t index = word >> (p * bits % 8) & ((int64_t(1) << bits) - 1);
      // A damaged index stays within its group.
      places[p] = static_cast<int32_t>(base + std::min(index, pattern.m - 1));
    }
}

/// Work for which it is worth to wake other threads, in products.
constexpr int64_t kLarge = 1 << 20;

} // namespace

void computeGemm(const Instruction &instruction, const View *operands,
                 Scratch &scratch) {
  const View &lhs = operands[0], &rhs = operands[1], &dest = operands[2];
  if (dest.rank == 3) {
    for (int64_t g = 0; g < dest.sizes[0]; ++g) {
      View slices[3] = {lhs.row(g), rhs.row(g), dest.row(g)};
      computeGemm(instruction, slices, scratch);
    }
    return;
  }
  int lhsDepth = instruction.transposeLhs ? 0 : 1;
  int rhsDepth = instruction.transposeRhs ? 1 : 0;
  int64_t m = ceilDiv(dest.sizes[0], kRows) * kRows,
          n = ceilDiv(dest.sizes[1], kCols) * kCols, k = lhs.sizes[lhsDepth];
  pack(lhs, 1 - lhsDepth, lhsDepth, kRows, scratch.first, scratch.fourth);
  pack(rhs, 1 - rhsDepth, rhsDepth, kCols, scratch.second, scratch.fourth);
  scratch.third.resize(m * n);
  // Each task has some of the rows.
  int64_t tasks = m * n * k < kLarge ? 1 : scratch.pool.size();
  int64_t rows = ceilDiv(ceilDiv(m, tasks), kRows) * kRows;
  tasks = ceilDiv(m, rows);
  scratch.fourth.resize(tasks * n);
  scratch.pool.run(tasks, [&](int64_t task) {
    int64_t begin = task * rows, count = std::min(rows, m - begin);
    float *sums = scratch.third.data();
    multiplyPanels(scratch.first.data() + begin * k, scratch.second.data(),
                   sums + begin * n, count, k, n, n);
    writeSums(dest, instruction, sums, n, begin,
              std::min(begin + count, dest.sizes[0]),
              &scratch.fourth[task * n]);
  });
}

void computeNMGemm(const Instruction &instruction, const View *operands,
                   Scratch &scratch) {
  const View &lhs = operands[0], &values = operands[1], &indices = operands[2],
             &dest = operands[3];
  constexpr int64_t block = 64; // columns of a task at a time
  int64_t rows = dest.sizes[0], columns = dest.sizes[1];
  int64_t kept = values.sizes[1];
  // One panel: the reduction outermost.
  int64_t pitch = ceilDiv(rows, 32) * 32;
  pack(lhs, 0, 1, pitch, scratch.first, scratch.fourth);
  int64_t blocks = ceilDiv(columns, block);
  int64_t tasks = rows * columns * kept < kLarge
                      ? 1
                      : std::min<int64_t>(scratch.pool.size(), blocks);
  int64_t perTask = ceilDiv(blocks, tasks);
  tasks = ceilDiv(blocks, perTask);
  // For each task: a row of values, its places, columns of sums, the same as
  // rows, and a line.
  scratch.second.resize(tasks * kept);
  std::vector<int32_t> places(tasks * kept);
  scratch.third.resize(tasks * 2 * block * pitch);
  scratch.fourth.resize(tasks * block);
  auto compute = [&](int64_t task, int64_t first, int64_t count) {
    float *line = &scratch.second[task * kept];
    int32_t *place = &places[task * kept];
    float *sums = &scratch.third[task * 2 * block * pitch];
    float *turned = sums + block * pitch;
    for (int64_t c = first; c < first + count; ++c) {
      toFloats(values.at(c * values.strides[0]), values.type, kept,
               values.strides[1], line);
      decode(indices.at(c * indices.strides[0]), indices.strides[1],
             indices.sizes[1], instruction.pattern, kept, place);
      multiplyKept(scratch.first.data(), line, place, kept, pitch, pitch,
                   &sums[(c - first) * pitch]);
    }
    // Columns of sums become rows of dest.
    for (int64_t c = 0; c < count; c += 4)
      for (int64_t i = 0; i < pitch; i += 4)
        transpose4(&sums[c * pitch + i], pitch, &turned[i * block + c], block);
    View part = dest;
    part.base = dest.at(first * dest.strides[1]);
    part.sizes[1] = count;
    writeSums(part, instruction, turned, block, 0, rows,
              &scratch.fourth[task * block]);
  };
  scratch.pool.run(tasks, [&](int64_t task) {
    int64_t end = std::min(columns, (task + 1) * perTask * block);
    for (int64_t c = task * perTask * block; c < end; c += block)
      compute(task, c, std::min(block, end - c));
  });
}

} // namespace nm::sim
