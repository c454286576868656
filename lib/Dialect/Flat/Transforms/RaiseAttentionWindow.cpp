//===- RaiseAttentionWindow.cpp - Which keys a term hides -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RaiseAttentionWindow.h"
#include "RaiseAttentionValue.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "nm/Dialect/NM/Transforms/WideDims.h"

using namespace mlir;
using namespace mlir::flat;
using namespace mlir::flat::raise;

//===----------------------------------------------------------------------===//
// Constants and their slices
//===----------------------------------------------------------------------===//

namespace {

/// A tensor that is part of a constant.
struct ConstantView {
  DenseElementsAttr elements;
  /// For each dimension of the tensor that of the constant; -1 for one of size
  /// 1 that the constant does not have.
  SmallVector<int64_t> dims;
  /// Where the part begins, for each dimension of the constant.
  SmallVector<int64_t> offsets;
};

} // namespace

static std::optional<ConstantView> viewConstant(Value value) {
  if (DenseElementsAttr elements = nm::getConstantElements(value)) {
    int64_t rank = elements.getType().getRank();
    return ConstantView{elements, llvm::to_vector(llvm::seq<int64_t>(0, rank)),
                        SmallVector<int64_t>(rank, 0)};
  }
  Operation *def = value.getDefiningOp();
  if (!def || !isa<tensor::CastOp, tensor::ExtractSliceOp,
                   tensor::CollapseShapeOp, tensor::ExpandShapeOp>(def))
    return std::nullopt;
  std::optional<ConstantView> view = viewConstant(def->getOperand(0));
  if (!view || isa<tensor::CastOp>(def))
    return view;
  SmallVector<int64_t> dims;
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(def)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [dim, offset, stride] :
         llvm::enumerate(slice.getStaticOffsets(), slice.getStaticStrides())) {
      int64_t of = view->dims[dim];
      if (ShapedType::isDynamic(offset) || stride != 1 ||
          (of < 0 && offset != 0))
        return std::nullopt;
      if (of >= 0)
        view->offsets[of] += offset;
      if (!dropped[dim])
        dims.push_back(of);
    }
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(def)) {
    auto wide = nm::getWideDims(collapse.getSrcType(),
                                collapse.getReassociationIndices());
    if (!wide)
      return std::nullopt;
    for (int64_t dim : *wide)
      dims.push_back(dim < 0 ? -1 : view->dims[dim]);
  } else {
    auto expand = cast<tensor::ExpandShapeOp>(def);
    auto wide = nm::getWideDims(expand.getResultType(),
                                expand.getReassociationIndices());
    if (!wide)
      return std::nullopt;
    dims.assign(expand.getResultType().getRank(), -1);
    for (auto [group, dim] : llvm::enumerate(*wide))
      if (dim >= 0)
        dims[dim] = view->dims[group];
  }
  view->dims = std::move(dims);
  return view;
}

namespace {

/// Elements of a constant by query and key.
class KeyTable {
public:
  int64_t queries = 1, keys = 1;
  /// The program has as many as that; else any smaller number.
  bool hasAllKeys = true;

  static std::optional<KeyTable> read(const Term *leaf, const Match &match,
                                      const AxisTable &axes) {
    std::optional<ConstantView> view = viewConstant(leaf->value);
    if (!view)
      return std::nullopt;
    KeyTable table;
    table.elements = view->elements;
    ArrayRef<int64_t> shape = table.elements.getType().getShape();
    SmallVector<int64_t> strides(shape.size(), 1);
    for (int64_t dim = static_cast<int64_t>(shape.size()) - 1; dim > 0; --dim)
      strides[dim - 1] = strides[dim] * shape[dim];
    for (auto [offset, stride] : llvm::zip(view->offsets, strides))
      table.base += offset * stride;
    Axes own[] = {axes.resolve(match.queries), axes.resolve(match.keys)};
    bool isFound[] = {own[0].empty(), own[1].empty()};
    for (auto [dim, read] : llvm::enumerate(leaf->dims)) {
      Axes along = axes.resolve(read);
      if (along.empty())
        continue;
      int64_t role = along == own[0] ? 0 : along == own[1] ? 1 : -1;
      int64_t of = view->dims[dim];
      if (role < 0 || isFound[role] || of < 0)
        return std::nullopt;
      isFound[role] = true;
      // As many as are left, where the program says only later how many it
      // takes.
      int64_t size = axes.getStaticSize(along);
      bool isKnown = !ShapedType::isDynamic(size);
      if (!isKnown)
        size = shape[of] - view->offsets[of];
      (role == 0 ? table.queries : table.keys) = size;
      table.steps[role] = strides[of];
      if (role == 1)
        table.hasAllKeys = isKnown;
    }
    constexpr int64_t kMaxElements = int64_t(1) << 22;
    if (!isFound[0] || !isFound[1] || table.queries <= 0 || table.keys <= 0 ||
        table.queries > kMaxElements / table.keys)
      return std::nullopt;
    return table;
  }

  /// Calls `visit` with query, key and element until it returns false.
  bool forEach(function_ref<bool(int64_t, int64_t, double)> visit) const {
    if (isa<FloatType>(elements.getElementType()))
      return walk(elements.getValues<APFloat>().begin(), visit,
                  [](const APFloat &x) { return x.convertToDouble(); });
    if (elements.getElementType().isInteger(1))
      return walk(elements.getValues<bool>().begin(), visit,
                  [](bool x) { return x ? 1.0 : 0.0; });
    return walk(elements.getValues<APInt>().begin(), visit, [](const APInt &x) {
      // Different numbers stay different.
      return x.getSignificantBits() > 53
                 ? std::numeric_limits<double>::quiet_NaN()
                 : x.signedRoundToDouble();
    });
  }

private:
  template <typename Iterator, typename Convert>
  bool walk(Iterator begin, function_ref<bool(int64_t, int64_t, double)> visit,
            Convert convert) const {
    for (int64_t i = 0; i < queries; ++i)
      for (int64_t j = 0; j < keys; ++j)
        if (!visit(i, j,
                   convert(*(begin + (base + i * steps[0] + j * steps[1])))))
          return false;
    return true;
  }

  DenseElementsAttr elements;
  int64_t base = 0;
  int64_t steps[2] = {0, 0};
};

/// What an element of the constant does to its key: few different ones are met.
class Hiding {
public:
  enum Effect { Seen, Hidden, SoftlyHidden, Other };

  Hiding(const Term *term, const Term *leaf, HidingForm form, double hidden)
      : term(term), leaf(leaf), form(form), hidden(hidden) {}

  Effect of(double element) {
    for (auto [known, effect] : effects)
      if (known == element)
        return effect;
    // A mask has two values; one that has many is a bias.
    constexpr unsigned kMaxValues = 8;
    if (effects.size() == kMaxValues || std::isnan(element))
      return Other;
    effects.emplace_back(element, compute(element));
    return effects.back().second;
  }

private:
  Effect compute(double element) {
    TermEvaluator evaluator(1);
    evaluator.bind(leaf, element);
    std::optional<double> value = evaluator.evaluate(term, 0);
    if (!value || std::isnan(*value))
      return Other;
    double score = *value;
    if (form != HidingForm::Added)
      score = (*value != 0) == (form == HidingForm::SeenIf) ? 0.0 : hidden;
    if (score == 0)
      return Seen;
    if (!isVeryNegative(score))
      return Other;
    return std::isinf(score) ? Hidden : SoftlyHidden;
  }

  const Term *term, *leaf;
  HidingForm form;
  double hidden;
  SmallVector<std::pair<double, Effect>> effects;
};

} // namespace

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

/// The one tensor that `term` is a function of, null if there is another.
static const Term *findLeaf(const Term *term) {
  const Term *leaf = nullptr;
  bool isOther = false;
  walkTerms(term, [&](const Term *inner) {
    if (inner->kind == Term::Leaf) {
      isOther |= leaf != nullptr;
      leaf = inner;
    } else if (inner->kind != Term::Apply && inner->kind != Term::Constant) {
      isOther = true;
    }
  });
  return isOther ? nullptr : leaf;
}

std::optional<KeyWindow>
mlir::flat::raise::readWindow(const Term *term, HidingForm form, double hidden,
                              const Match &match, const AxisTable &axes) {
  const Term *leaf = findLeaf(term);
  std::optional<KeyTable> table =
      leaf ? KeyTable::read(leaf, match, axes) : std::nullopt;
  if (!table)
    return std::nullopt;
  Hiding hiding(term, leaf, form, hidden);
  // The widest distances at which a key is seen; then whether all keys within
  // them are.
  KeyWindow window;
  constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
  int64_t left = kNone, right = kNone;
  bool isMask = table->forEach([&](int64_t i, int64_t j, double element) {
    Hiding::Effect effect = hiding.of(element);
    window.isSoft |= effect == Hiding::SoftlyHidden;
    if (effect == Hiding::Seen) {
      left = std::max(left, i - j);
      right = std::max(right, j - i);
    }
    return effect != Hiding::Other;
  });
  // Where nothing is seen at all: that is for the mask to say.
  if (!isMask || right == kNone)
    return std::nullopt;
  bool isWindow = table->forEach([&](int64_t i, int64_t j, double element) {
    bool isSeen = j - i <= right && i - j <= left;
    // A very negative number hides a key only beside one that is seen: key 0,
    // if it is not known how many there are.
    bool mayBeAlone =
        window.isSoft && j == 0 &&
        (table->hasAllKeys ? i - left >= table->keys || i + right < 0
                           : !isSeen);
    return isSeen == (hiding.of(element) == Hiding::Seen) && !mayBeAlone;
  });
  if (!isWindow)
    return std::nullopt;
  if (left < table->queries - 1)
    window.left = left;
  if (right < table->keys - 1)
    window.right = right;
  return window;
}
