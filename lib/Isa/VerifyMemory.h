//===- VerifyMemory.h - Who last touched which bytes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_VERIFYMEMORY_H
#define NM_LIB_ISA_VERIFYMEMORY_H

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace nm::isa {

/// An executed instruction: its queue, its number in it from 1, its index in
/// the code.
struct Access {
  int queue = -1; ///< none
  int64_t number = 0;
  int32_t instruction = -1;

  bool operator==(const Access &other) const {
    return queue == other.queue && number == other.number;
  }
};

/// For each queue, how many of its instructions are known to have ended.
using Clock = std::vector<int64_t>;

/// Bytes of one memory with the last write of each and the reads since then.
class TouchedBytes {
public:
  struct Conflict {
    enum Kind { None, Unwritten, ReadEarly, WriteEarly } kind = None;
    Access other;
    int64_t byte = 0;
    int64_t visits = 0; ///< pieces of the record looked at, also without one
  };

  /// An access to [begin, end) by an instruction that all in `clock` precede.
  /// WriteEarly: a write or read of the bytes need not have ended.
  Conflict read(int64_t begin, int64_t end, const Access &access,
                const Clock &clock);
  Conflict write(int64_t begin, int64_t end, const Access &access,
                 const Clock &clock);

  /// Everything so far has ended: only that bytes are written is kept, in as
  /// few pieces as possible.
  void settle();
  /// Whether [begin, end) is written.
  bool isWritten(int64_t begin, int64_t end) const;
  /// Pieces of the record.
  int64_t size() const { return static_cast<int64_t>(segments.size()); }
  /// Calls `visit(begin, end)` for the written runs in [begin, end).
  template <typename Visitor>
  void forEachRun(int64_t begin, int64_t end, Visitor visit) const {
    auto segment = segments.upper_bound(begin);
    if (segment != segments.begin())
      --segment;
    for (; segment != segments.end() && segment->first < end; ++segment)
      if (segment->second.end > begin)
        visit(std::max(segment->first, begin),
              std::min(segment->second.end, end));
  }
  /// Whether the same bytes were touched by the same instructions.
  bool operator==(const TouchedBytes &other) const;

private:
  struct Segment {
    int64_t end = 0;
    Access write;
    std::vector<Access> reads; ///< the last of each queue
  };
  using Segments = std::map<int64_t, Segment>;

  Segments::iterator split(Segments::iterator segment, int64_t at);
  /// The first segment that ends behind `begin`.
  Segments::iterator find(int64_t begin);

  Segments segments; ///< by begin; bytes in none were never written
};

/// The same for a memory of rows of equal length, of which boxes are touched:
/// bands of rows that have been touched alike share one record. A box costs as
/// much as one of its rows would in TouchedBytes.
class TouchedRows {
public:
  using Conflict = TouchedBytes::Conflict;

  /// Bytes of a row.
  explicit TouchedRows(int64_t pitch) : pitch(pitch) {}

  /// An access to bytes [begin, end) of rows [first, last).
  Conflict touch(bool isRead, int64_t first, int64_t last, int64_t begin,
                 int64_t end, const Access &access, const Clock &clock);
  /// An access to a run of bytes that may reach over rows.
  Conflict touchRun(bool isRead, int64_t begin, int64_t end,
                    const Access &access, const Clock &clock);
  void settle();
  /// Whether bytes [begin, end) of rows [first, last) are written.
  bool isWritten(int64_t first, int64_t last, int64_t begin, int64_t end) const;

  int64_t rowBytes() const { return pitch; }
  /// Pieces of the record.
  int64_t size() const { return pieces; }
  /// Calls `visit(begin, end)` for each written run of bytes.
  template <typename Visitor> void forEachRun(Visitor visit) const {
    for (const auto &[first, band] : bands) {
      if (band.bytes.isWritten(0, pitch)) {
        visit(first * pitch, band.end * pitch);
        continue;
      }
      for (int64_t row = first; row < band.end; ++row)
        band.bytes.forEachRun(0, pitch, [&](int64_t begin, int64_t end) {
          visit(row * pitch + begin, row * pitch + end);
        });
    }
  }

private:
  struct Band {
    int64_t end = 0;
    TouchedBytes bytes;
  };
  using Bands = std::map<int64_t, Band>;

  /// The band that begins at `row`, cut so that it ends by `last`; if none
  /// holds the row, end() or, with `create`, a new one.
  Bands::iterator bandAt(int64_t row, int64_t last, bool create);
  /// Joins the bands of rows [first, last) that are alike.
  void join(int64_t first, int64_t last);

  int64_t pitch;
  int64_t pieces = 0;
  Bands bands; ///< by first row
};

} // namespace nm::isa

#endif // NM_LIB_ISA_VERIFYMEMORY_H
