//===- LayoutFormat.h - one way to store a weight -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layout is one file of lib/Runtime/Layouts, which says all that this library
// knows of it, and one line of NM_FOR_EACH_LAYOUT. Text, sizes, conversions to
// and from every other layout, and checks of stored files follow.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_LAYOUTFORMAT_H
#define NM_LIB_RUNTIME_LAYOUTFORMAT_H

#include "Fibers.h"
#include "Support.h"
#include "nm/Runtime/Layout.h"
#include "nm/Runtime/Tensor.h"
#include <string_view>
#include <vector>

namespace nm::rt {

/// A parameter in the text of a layout.
struct LayoutParameter {
  std::string_view name;
  int64_t LayoutSpec::*field;
  /// Its value where the text does not give it; 0: the text has to.
  int64_t fallback = 0;
};

/// A weight as its sizes see it: rows (fibers) of `length` elements.
struct StoredWeight {
  const std::vector<int64_t> &shape;
  int64_t axis, length, n, m, elemBytes;

  /// The product of the other dimensions, or that it overflows.
  Result<int64_t> rows() const {
    std::vector<int64_t> others = shape;
    others.erase(others.begin() + axis);
    return checkedCount(others);
  }
};

/// What a layout is. Stateless; the parameters come with every call.
class LayoutFormat {
public:
  virtual ~LayoutFormat() = default;

  /// The word that names it in manifests and in the IR.
  virtual std::string_view name() const = 0;
  /// In the order of the text.
  virtual std::vector<LayoutParameter> parameters() const { return {}; }
  /// Whether the parameters are legal, whatever the weight.
  virtual Status check(const LayoutSpec &) const { return {}; }
  /// Whether it stores elements of this type.
  virtual bool holds(DType) const { return true; }
  /// Whether values are scales times integers, found when they are written.
  virtual bool hasForm() const { return false; }
  /// Sizes of the parts. The parameters and the weight's pattern were checked;
  /// `elemBytes` is 1, 2 or 4, or 8 for dense.
  virtual Result<StorageShapes> shapes(const LayoutSpec &,
                                       const StoredWeight &) const = 0;
  /// Rows that one thread has to write together.
  virtual int64_t rowsTogether(const LayoutSpec &,
                               const FiberGeometry &) const {
    return 1;
  }
  /// Whether reading all fibers is part of a check of stored parts.
  virtual bool readsToVerify() const { return true; }
  /// Whether a quick look shows that no index is illegal, so that fibers need
  /// not be read; false says nothing.
  virtual bool areIndicesLegal(const StoredParts &,
                               const FiberGeometry &) const {
    return false;
  }
  /// Checks what readers of fibers do not look at but kernels do.
  virtual Status verifyPlaces(const StoredParts &, const FiberGeometry &,
                              const std::string &) const {
    return {};
  }

  /// Fills a tile whose firstRow and numRows are set, and stores it.
#define NM_DECLARE(U)                                                          \
  virtual void read(const StoredParts &, const FiberGeometry &,                \
                    FiberTile<U> &) const = 0;                                 \
  virtual void write(const StoredParts &, const FiberGeometry &,               \
                     FiberTile<U> &) const = 0;
  NM_FOR_EACH_WORD(NM_DECLARE)
#undef NM_DECLARE
};

/// Gives a layout that has the function templates `readTile` and `writeTile`
/// the functions above.
template <typename Derived> class LayoutFormatOf : public LayoutFormat {
public:
#define NM_DEFINE(U)                                                           \
  void read(const StoredParts &parts, const FiberGeometry &geometry,           \
            FiberTile<U> &tile) const final {                                  \
    Derived::readTile(parts, geometry, tile);                                  \
  }                                                                            \
  void write(const StoredParts &parts, const FiberGeometry &geometry,          \
             FiberTile<U> &tile) const final {                                 \
    Derived::writeTile(parts, geometry, tile);                                 \
  }
  NM_FOR_EACH_WORD(NM_DEFINE)
#undef NM_DEFINE
};

/// The registry, one line for each file of lib/Runtime/Layouts.
#define NM_FOR_EACH_LAYOUT(DO)                                                 \
  DO(dense)                                                                    \
  DO(canonical)                                                                \
  DO(panel)                                                                    \
  DO(shared)                                                                   \
  DO(paired)                                                                   \
  DO(whole)                                                                    \
  DO(lane)                                                                     \
  DO(grouped)                                                                  \
  DO(lanePanel)

#define NM_DECLARE(name) const LayoutFormat &name##Format();
NM_FOR_EACH_LAYOUT(NM_DECLARE)
#undef NM_DECLARE

/// An error about the layout `spec`.
template <typename... Parts>
Error layoutError(const LayoutSpec &spec, const Parts &...parts) {
  return makeError(Errc::Argument, "layout ", spec.str(), ": ", parts...);
}

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_LAYOUTFORMAT_H
