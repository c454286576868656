//===- TightestPattern.cpp - find the tightest N:M of a tensor ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights are read once and become one bit an element; everything else
// works on the bits. Counts along the innermost axis are popcounts of M
// neighbouring bits. Counts along another axis are kept bit-sliced: plane p of
// 64 columns holds bit p of their 64 counts, and adding a row is a ripple
// carry.
//
//===----------------------------------------------------------------------===//

#include "FiberDriver.h"
#include "Memory.h"
#include "NonZeroBits.h"
#include "Permute.h"
#include "nm/Runtime/Sparsity.h"
#include <atomic>

namespace nm::rt {

namespace {
/// The fullest group found so far, shared by threads; only ever grows.
class Fullest {
public:
  /// Stops counting once this is exceeded: a better pattern is known.
  explicit Fullest(int64_t limit) : limit(limit) {}

  int64_t get() const { return value.load(std::memory_order_relaxed); }
  bool hopeless() const { return get() > limit; }
  void raise(int64_t found) {
    int64_t seen = get();
    while (found > seen && !value.compare_exchange_weak(
                               seen, found, std::memory_order_relaxed)) {
    }
  }

private:
  std::atomic<int64_t> value{0};
  int64_t limit;
};

/// One bit an element in row-major order, readable past its end.
class BitImage {
public:
  BitImage(const TensorView &view, const Mask *mask) : count(view.count()) {
    uint64_t bytes = uint64_t(ceilDiv(count, 64)) * 8;
    buffer = allocateBuffer(bytes + 16);
    std::memset(buffer.get() + bytes, 0, 16);
    dispatchElement(elementBytes(view.dtype), [&](auto zero) {
      fill<decltype(zero)>(view, mask);
      return 0;
    });
  }

  const unsigned char *bits() const { return buffer.get(); }
  int64_t nonZeros = 0;
  int64_t count;

private:
  std::shared_ptr<unsigned char> buffer;

  template <typename U> void fill(const TensorView &view, const Mask *mask) {
    U magnitude = static_cast<U>(magnitudeMask(view.dtype));
    int64_t words = ceilDiv(count, 64), total = 0;
    int threads = threadsFor(words, view.bytes());
    unsigned char *out = buffer.get();
    // A tensor without elements has no data to offset from.
    const unsigned char *data = view.data;
    PassedPages pages(data, uint64_t(view.bytes()));
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(+ : total)
    for (int64_t w = 0; w < words; ++w) {
      int64_t first = w * 64, length = std::min<int64_t>(64, count - first);
      uint64_t word =
          nonZeroBits<U>(data + first * int64_t(sizeof(U)), length, magnitude);
      if (mask) {
        unsigned char kept[64];
        mask->expand(first, length, kept);
        word &= nonZeroBits<uint8_t>(kept, length, 0xff);
      }
      storeUnaligned(out + w * 8, word);
      total += __builtin_popcountll(word);
      pages.pass(uint64_t(first) * sizeof(U),
                 uint64_t(first + length) * sizeof(U));
    }
    nonZeros = total;
  }
};

/// Finds the fullest group along one axis of [outer][length][inner].
class AxisScanner {
public:
  AxisScanner(const BitImage &image, int64_t outer, int64_t length,
              int64_t inner)
      : image(image), outer(outer), length(length), inner(inner) {}

  int64_t fullest(int64_t m, int64_t limit) const {
    Fullest result(limit);
    if (inner == 1)
      neighbours(m, result);
    else
      slices(m, result);
    return result.get();
  }

private:
  const BitImage &image;
  int64_t outer, length, inner;

  /// Groups are runs of M bits: M divides the length, so they never straddle.
  void neighbours(int64_t m, Fullest &result) const {
    constexpr int64_t chunk = 4096;
    int64_t groups = image.count / m, chunks = ceilDiv(groups, chunk);
    int threads = threadsFor(chunks, image.count);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t c = 0; c < chunks; ++c) {
      if (result.hopeless())
        continue;
      int64_t end = std::min(groups, (c + 1) * chunk), most = 0;
      if (64 % m == 0)
        most = aligned(m, c * chunk * m, (end - c * chunk) * m);
      else
        for (int64_t g = c * chunk; g < end; ++g)
          most = std::max<int64_t>(
              most, __builtin_popcountll(extractBits(image.bits(), g * m, m)));
      result.raise(most);
    }
  }

  /// The same for M a power of two: all groups of a word at once. Fields of
  /// `step` bits hold the counts of `step` elements.
  int64_t aligned(int64_t m, int64_t begin, int64_t bits) const {
    static constexpr uint64_t low[] = {0x5555555555555555, 0x3333333333333333,
                                       0x0f0f0f0f0f0f0f0f, 0x00ff00ff00ff00ff,
                                       0x0000ffff0000ffff, 0x00000000ffffffff};
    int64_t most = 0;
    uint64_t field = m == 64 ? ~uint64_t(0) : (uint64_t(1) << m) - 1;
    uint64_t ones = ~uint64_t(0) / field; // 1 in every field
    for (int64_t at = begin; at < begin + bits; at += 64) {
      uint64_t word = loadUnaligned<uint64_t>(image.bits() + at / 8);
      if (at + 64 > begin + bits)
        word &= (uint64_t(1) << (begin + bits - at)) - 1;
      for (int level = 0; (int64_t(1) << level) < m; ++level)
        word = (word & low[level]) + ((word >> (1 << level)) & low[level]);
      if (m == 2) { // fields of two bits hold 0, 1 or 2
        int64_t here = word & 0xaaaaaaaaaaaaaaaa ? 2 : word ? 1 : 0;
        most = std::max(most, here);
        continue;
      }
      // The top bit of a field tells that its count exceeds `most`.
      uint64_t top = uint64_t(1) << (m - 1);
      if (((word + ones * (top - 1 - uint64_t(most))) & (ones * top)) == 0)
        continue;
      for (; word; word = m == 64 ? 0 : word >> m)
        most = std::max<int64_t>(most, int64_t(word & field));
    }
    return most;
  }

  /// Bit-sliced: 64 columns of `inner` at a time.
  void slices(int64_t m, Fullest &result) const {
    int64_t columns = ceilDiv(inner, 64), groups = length / m;
    int64_t tasks = outer * groups;
    int threads = threadsFor(tasks, image.count);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t task = 0; task < tasks; ++task) {
      if (result.hopeless())
        continue;
      int64_t base = task * m * inner, most = result.get();
      for (int64_t c = 0; c < columns; ++c) {
        int64_t width = std::min<int64_t>(64, inner - c * 64);
        most = std::max(most, column(m, base + c * 64, width, most));
      }
      result.raise(most);
    }
  }

  /// Largest of the `width` counts of M rows, or `known` when none exceeds it.
  int64_t column(int64_t m, int64_t position, int64_t width,
                 int64_t known) const {
    uint64_t planes[7] = {};
    for (int64_t k = 0; k < m; ++k) {
      uint64_t carry = extractBits(image.bits(), position + k * inner, width);
      for (int p = 0; carry && p < 7; ++p) {
        uint64_t sum = planes[p] ^ carry;
        carry &= planes[p];
        planes[p] = sum;
      }
    }
    // The maximum, from the top plane down, among the columns still leading.
    uint64_t leaders = width == 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
    int64_t most = 0;
    for (int p = 7; p-- > 0;) {
      if (leaders & planes[p]) {
        leaders &= planes[p];
        most |= int64_t(1) << p;
      }
    }
    return std::max(most, known);
  }
};
} // namespace

/// Keeps `best` the smallest ratio, among equals the smallest M.
static void consider(const AxisScanner &scanner, int64_t m, double density,
                     AxisPattern &best) {
  // n/m < best.n/best.m, or equal with a smaller m.
  int64_t limit = best.n * m / best.m;
  if (m > best.m && limit * best.m == best.n * m)
    --limit;
  // No pattern can be below the average.
  if (double(limit) < density * double(m) * 0.999999)
    return;
  int64_t n = scanner.fullest(m, limit);
  if (n <= limit) {
    best.n = n;
    best.m = m;
  }
}

static AxisPattern tightestAlong(const BitImage &image,
                                 const std::vector<int64_t> &shape,
                                 size_t axis) {
  AxisPattern best;
  int64_t outer = 1, inner = 1, length = shape[axis];
  for (size_t i = 0; i < shape.size(); ++i)
    if (i != axis)
      (i < axis ? outer : inner) *= shape[i];
  if (image.nonZeros == 0) {
    best.n = 0;
    return best;
  }
  if (image.nonZeros == image.count)
    return best;
  AxisScanner scanner(image, outer, length, inner);
  double density = double(image.nonZeros) / double(image.count);
  for (int64_t m = 2; m <= 64; m *= 2)
    if (length % m == 0)
      consider(scanner, m, density, best);
  for (int64_t m = 3; m <= 64; ++m)
    if (length % m == 0 && (m & (m - 1)) != 0)
      consider(scanner, m, density, best);
  return best;
}

Result<SparsityReport> tightestPattern(const TensorView &view,
                                       const Mask *mask) {
  return guarded([&]() -> Result<SparsityReport> {
    int64_t elem = elementBytes(view.dtype);
    if (elem == 0)
      return makeError(Errc::Unsupported, "the element type is unknown");
    if (Result<int64_t> count = checkedCount(view.shape, elem); !count)
      return count.error();
    if (mask && mask->shape != view.shape)
      return makeError(Errc::Argument, "mask of shape ",
                       shapeString(mask->shape), ", expected ",
                       shapeString(view.shape));
    // Masks are row-major: with one, the weights have to be so too.
    Tensor tensor;
    tensor.view = view;
    Result<Tensor> rowMajor = mask ? toContiguous(tensor) : tensor;
    if (!rowMajor)
      return rowMajor.error();
    Result<MemoryOrder> order = inMemoryOrder(rowMajor->view);
    if (!order)
      return order.error();
    BitImage image(order->tensor.view, mask);
    SparsityReport report;
    report.count = image.count;
    report.nonZeros = image.nonZeros;
    for (size_t axis = 0; axis < view.shape.size(); ++axis) {
      size_t where = size_t(order->position(int64_t(axis)));
      AxisPattern pattern =
          tightestAlong(image, order->tensor.view.shape, where);
      pattern.axis = int64_t(axis);
      report.axes.push_back(pattern);
    }
    return report;
  });
}

} // namespace nm::rt
