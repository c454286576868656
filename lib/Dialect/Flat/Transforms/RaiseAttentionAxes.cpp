//===- RaiseAttentionAxes.cpp - Tensors as seen by a loop nest -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/Transforms/RaiseAttentionAxes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "nm/Dialect/NM/Transforms/RaiseView.h"

using namespace mlir;
using namespace mlir::flat::raise;

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

Axes AxisTable::create(Value value, int64_t dim) {
  int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
  if (size == 1)
    return {};
  entries.push_back({size, value, dim, {}});
  return {static_cast<Axis>(entries.size() - 1)};
}

Axes AxisTable::resolve(ArrayRef<Axis> axes) const {
  Axes resolved;
  for (Axis axis : axes) {
    if (entries[axis].parts.empty())
      resolved.push_back(axis);
    else
      llvm::append_range(resolved, resolve(entries[axis].parts));
  }
  return resolved;
}

int64_t AxisTable::getStaticSize(ArrayRef<Axis> axes) const {
  int64_t product = 1;
  for (Axis axis : axes) {
    if (ShapedType::isDynamic(entries[axis].size))
      return ShapedType::kDynamic;
    product *= entries[axis].size;
  }
  return product;
}

OpFoldResult AxisTable::getSize(OpBuilder &builder, Location loc,
                                ArrayRef<Axis> axes) const {
  int64_t known = getStaticSize(axes);
  if (!ShapedType::isDynamic(known))
    return builder.getIndexAttr(known);
  Value product;
  for (Axis axis : axes) {
    const Entry &entry = entries[axis];
    Value size =
        ShapedType::isDynamic(entry.size)
            ? Value(tensor::DimOp::create(builder, loc, entry.value, entry.dim))
            : Value(arith::ConstantIndexOp::create(builder, loc, entry.size));
    product =
        product ? arith::MulIOp::create(builder, loc, product, size) : size;
  }
  return product;
}

FailureOr<SmallVector<Axes>> AxisTable::split(ArrayRef<Axis> axes, Value value,
                                              int64_t first, int64_t count) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> targets;
  for (int64_t dim = first; dim < first + count; ++dim)
    if (type.getDimSize(dim) != 1)
      targets.push_back(dim);
  SmallVector<Axis> rest(resolve(axes));
  std::reverse(rest.begin(), rest.end());
  auto cut = [&](Axis axis, ArrayRef<std::pair<int64_t, int64_t>> parts) {
    Axes made;
    for (auto [size, dim] : parts) {
      entries.push_back({size, value, dim, {}});
      made.push_back(entries.size() - 1);
    }
    entries[axis].parts = made;
    return made;
  };

  SmallVector<Axes> result(count);
  for (auto [index, dim] : llvm::enumerate(targets)) {
    Axes &own = result[dim - first];
    int64_t size = type.getDimSize(dim);
    if (index + 1 == targets.size()) {
      // The last dimension takes what is left, if the sizes may be equal.
      own.assign(rest.rbegin(), rest.rend());
      rest.clear();
      int64_t total = getStaticSize(own);
      if (!ShapedType::isDynamic(total) && !ShapedType::isDynamic(size) &&
          total != size)
        return failure();
      break;
    }
    while (size != 1) {
      if (rest.empty())
        return failure();
      Axis axis = rest.back();
      int64_t have = entries[axis].size;
      if (have == size) {
        // Two dynamic sizes, too: one axis for several dimensions is cut below.
        if (!ShapedType::isDynamic(size) || rest.size() > 1) {
          own.push_back(axis);
          rest.pop_back();
          break;
        }
      } else if (!ShapedType::isDynamic(have) && !ShapedType::isDynamic(size) &&
                 have != 0 && size % have == 0) {
        own.push_back(axis);
        rest.pop_back();
        size /= have;
        continue;
      } else if (!ShapedType::isDynamic(have) && !ShapedType::isDynamic(size) &&
                 size != 0 && have % size == 0) {
        Axes parts = cut(axis, {{size, dim}, {have / size, -1}});
        own.push_back(parts[0]);
        rest.back() = parts[1];
        break;
      }
      if (rest.size() != 1 || !own.empty())
        return failure();
      // A dynamic axis and all dimensions that remain.
      SmallVector<std::pair<int64_t, int64_t>> sizes;
      for (int64_t target : ArrayRef(targets).drop_front(index))
        sizes.push_back({type.getDimSize(target), target});
      Axes parts = cut(axis, sizes);
      for (auto [target, part] :
           llvm::zip(ArrayRef(targets).drop_front(index), parts))
        result[target - first] = {part};
      return result;
    }
  }
  if (!rest.empty())
    return failure();
  return result;
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

AxisView mlir::flat::raise::readOperand(OpOperand &operand, AffineMap map,
                                        ArrayRef<Axes> loopAxes) {
  AxisView view{operand.get(), {}};
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    view.dims.push_back(dim ? loopAxes[dim.getPosition()] : Axes());
  }
  return view;
}

FailureOr<SmallVector<Axes>>
mlir::flat::raise::getLoopAxes(AffineMap resultMap, ArrayRef<Axes> dims) {
  if (!nm::raise::readsWholeDimensions(resultMap))
    return failure();
  SmallVector<Axes> loops(resultMap.getNumDims());
  for (auto [expr, axes] : llvm::zip(resultMap.getResults(), dims))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = axes;
  return loops;
}

std::optional<AxisView> mlir::flat::raise::stepOverReshape(const AxisView &view,
                                                           AxisTable &table) {
  Operation *def = view.value.getDefiningOp();
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(def)) {
    if (isa<RankedTensorType>(cast.getSource().getType()))
      return AxisView{cast.getSource(), view.dims};
    return std::nullopt;
  }
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(def)) {
    AxisView source{expand.getSrc(), {}};
    for (const ReassociationIndices &group : expand.getReassociationIndices()) {
      Axes merged;
      for (int64_t dim : group)
        llvm::append_range(merged, view.dims[dim]);
      source.dims.push_back(merged);
    }
    return source;
  }
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(def)) {
    AxisView source{collapse.getSrc(), {}};
    for (auto [axes, group] :
         llvm::zip(view.dims, collapse.getReassociationIndices())) {
      FailureOr<SmallVector<Axes>> parts =
          table.split(axes, collapse.getSrc(), group.front(), group.size());
      if (failed(parts))
        return std::nullopt;
      llvm::append_range(source.dims, *parts);
    }
    return source;
  }
  return std::nullopt;
}

OpOperand *mlir::flat::raise::getMovedOperand(linalg::LinalgOp op) {
  if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0 ||
      op->getNumResults() != 1)
    return nullptr;
  Block *block = op.getBlock();
  Value yielded = block->getTerminator()->getOperand(0);
  while (Operation *def = yielded.getDefiningOp()) {
    if (def->getBlock() != block || !isa<arith::ExtFOp, arith::TruncFOp>(def))
      return nullptr;
    yielded = def->getOperand(0);
  }
  auto argument = dyn_cast<BlockArgument>(yielded);
  if (!argument || argument.getOwner() != block)
    return nullptr;
  OpOperand *operand = op.getMatchingOpOperand(argument);
  if (!op.isDpsInput(operand) ||
      !isa<RankedTensorType>(operand->get().getType()))
    return nullptr;
  if (!nm::raise::readsWholeDimensions(op.getMatchingIndexingMap(operand)) ||
      !op.getIndexingMapsArray().back().isPermutation())
    return nullptr;
  return operand;
}

//===----------------------------------------------------------------------===//
// Arrangement
//===----------------------------------------------------------------------===//

Value Reshape::apply(OpBuilder &builder, Location loc, Value value) const {
  if (!isExpansion)
    return tensor::CollapseShapeOp::create(builder, loc, value, groups);
  SmallVector<int64_t> shape;
  for (OpFoldResult size : to)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto type = RankedTensorType::get(
      shape, cast<RankedTensorType>(value.getType()).getElementType());
  return tensor::ExpandShapeOp::create(builder, loc, type, value, groups, to);
}

namespace {

/// A run of axes of one role (-1: none, size 1).
struct Segment {
  int role;
  Axes axes;
};

/// Turns the dimensions of a tensor into ones of a single role, by one step
/// after another: cut where the role changes, merge what belongs together, and
/// add what no dimension stands for.
class Arranger {
public:
  Arranger(const AxisView &view, ArrayRef<Axes> roles, bool isComplete,
           AxisTable &table, OpBuilder &builder, Location loc)
      : view(view), roles(roles), isComplete(isComplete), table(table),
        builder(builder), loc(loc) {}

  FailureOr<Arrangement> run(bool exists) {
    if (failed(findSegments()) || failed(checkRoles()))
      return failure();
    readSizes(exists);
    cutDimensions();
    useUnits();
    if (failed(mergeSegments()) || failed(addMissing()))
      return failure();
    return std::move(result);
  }

private:
  LogicalResult findSegments();
  LogicalResult checkRoles() const;
  void readSizes(bool exists);
  void cutDimensions();
  void useUnits();
  LogicalResult mergeSegments();
  LogicalResult addMissing();

  OpFoldResult sizeOf(const Segment &segment) const {
    return table.getSize(builder, loc, segment.axes);
  }
  /// Adds a reshape to the sizes `to`.
  void reshape(bool isExpansion, ArrayRef<ReassociationIndices> groups,
               SmallVector<OpFoldResult> to) {
    result.reshapes.push_back(
        {isExpansion, llvm::to_vector(groups), sizes, to});
    sizes = std::move(to);
  }

  const AxisView &view;
  ArrayRef<Axes> roles;
  bool isComplete;
  AxisTable &table;
  OpBuilder &builder;
  Location loc;

  SmallVector<Segment> segments;
  /// The segments of each dimension.
  SmallVector<ReassociationIndices> cuts;
  /// Of the tensor as it is after the reshapes so far.
  SmallVector<OpFoldResult> sizes;
  Arrangement result;
};

} // namespace

/// Cuts every dimension where the role changes. Fails at an axis without one.
LogicalResult Arranger::findSegments() {
  auto roleOf = [&](Axis axis) {
    for (auto [index, axes] : llvm::enumerate(roles))
      if (llvm::is_contained(axes, axis))
        return static_cast<int>(index);
    return -1;
  };
  for (const Axes &dim : view.dims) {
    ReassociationIndices group;
    auto append = [&](Segment segment) {
      group.push_back(segments.size());
      segments.push_back(std::move(segment));
    };
    for (Axis axis : table.resolve(dim)) {
      int role = roleOf(axis);
      if (role < 0)
        return failure();
      if (group.empty() || segments.back().role != role)
        append({role, {axis}});
      else
        segments.back().axes.push_back(axis);
    }
    if (group.empty())
      append({-1, {}});
    cuts.push_back(group);
  }
  return success();
}

/// Every role's axes are in order and side by side but for dimensions of size
/// 1; none is missing where all are asked for.
LogicalResult Arranger::checkRoles() const {
  SmallVector<Axes> found(roles.size());
  int last = -1;
  for (const Segment &segment : segments) {
    if (segment.role < 0)
      continue;
    if (segment.role != last && !found[segment.role].empty())
      return failure();
    last = segment.role;
    llvm::append_range(found[segment.role], segment.axes);
  }
  for (auto [have, role] : llvm::zip(found, roles)) {
    if (!have.empty() && have != role)
      return failure();
    if (isComplete && have.empty() && !role.empty())
      return failure();
  }
  return success();
}

void Arranger::readSizes(bool exists) {
  if (exists)
    sizes = tensor::getMixedSizes(builder, loc, view.value);
  else
    for (const Axes &dim : view.dims)
      sizes.push_back(table.getSize(builder, loc, table.resolve(dim)));
}

/// Gives each segment a dimension. Sizes that do not change are those of the
/// tensor itself.
void Arranger::cutDimensions() {
  if (segments.size() == view.dims.size())
    return;
  SmallVector<OpFoldResult> to;
  for (auto [index, group] : llvm::enumerate(cuts)) {
    if (group.size() == 1)
      to.push_back(sizes[index]);
    else
      for (int64_t segment : group)
        to.push_back(sizeOf(segments[segment]));
  }
  reshape(/*isExpansion=*/true, cuts, std::move(to));
}

/// Dimensions of size 1 serve roles without axes.
void Arranger::useUnits() {
  if (!isComplete)
    return;
  for (auto [index, role] : llvm::enumerate(roles)) {
    if (!role.empty())
      continue;
    auto *unit = llvm::find_if(
        segments, [](const Segment &segment) { return segment.role < 0; });
    if (unit != segments.end())
      unit->role = index;
  }
}

/// Merges what belongs to one role, and what is left of size 1 into it.
LogicalResult Arranger::mergeSegments() {
  SmallVector<ReassociationIndices> merged;
  SmallVector<Segment> whole;
  ReassociationIndices pending;
  for (auto [index, segment] : llvm::enumerate(segments)) {
    bool isRest = isComplete && segment.role < 0;
    bool continues = !whole.empty() && segment.role >= 0 &&
                     whole.back().role == segment.role;
    if (isRest && whole.empty()) {
      pending.push_back(index);
    } else if (isRest || continues) {
      merged.back().push_back(index);
      llvm::append_range(whole.back().axes, segment.axes);
    } else {
      pending.push_back(index);
      merged.push_back(std::move(pending));
      pending.clear();
      whole.push_back(segment);
    }
  }
  if (!pending.empty())
    return failure();
  if (merged.size() != segments.size()) {
    SmallVector<OpFoldResult> to;
    for (auto [group, segment] : llvm::zip(merged, whole))
      to.push_back(group.size() == 1 ? sizes[group.front()] : sizeOf(segment));
    reshape(/*isExpansion=*/false, merged, std::move(to));
  }
  for (const Segment &segment : whole) {
    // A dimension of size 1 may have come between two of one role.
    if (segment.role >= 0 && llvm::is_contained(result.roles, segment.role))
      return failure();
    result.roles.push_back(segment.role);
  }
  return success();
}

/// Roles that no dimension stands for lie in front.
LogicalResult Arranger::addMissing() {
  SmallVector<int> missing;
  for (int role = 0; isComplete && role < static_cast<int>(roles.size());
       ++role)
    if (!llvm::is_contained(result.roles, role))
      missing.push_back(role);
  if (missing.empty())
    return success();
  if (result.roles.empty())
    return failure();
  SmallVector<ReassociationIndices> groups(result.roles.size());
  SmallVector<OpFoldResult> to(missing.size(), builder.getIndexAttr(1));
  for (size_t i = 0; i < missing.size(); ++i)
    groups[0].push_back(i);
  for (auto [index, group] : llvm::enumerate(groups))
    group.push_back(missing.size() + index);
  llvm::append_range(to, sizes);
  reshape(/*isExpansion=*/true, groups, std::move(to));
  result.roles.insert(result.roles.begin(), missing.begin(), missing.end());
  return success();
}

FailureOr<Arrangement>
mlir::flat::raise::arrange(const AxisView &view, ArrayRef<Axes> roles,
                           bool isComplete, AxisTable &table,
                           OpBuilder &builder, Location loc, bool exists) {
  return Arranger(view, roles, isComplete, table, builder, loc).run(exists);
}
