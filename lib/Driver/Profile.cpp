//===- Profile.cpp - A run, operation by operation -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Profile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/DerivedKey.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::machine::Bounds;

bool OperationProfile::isSparse() const {
  auto [n, m] = StringRef(pattern).split(':');
  return !pattern.empty() && n != m;
}

std::optional<double> driver::bitsPerWeight(int64_t bytes, int64_t weights) {
  if (weights == 0)
    return std::nullopt;
  return 8 * static_cast<double>(bytes) / static_cast<double>(weights);
}

double Profile::readFraction(int64_t read, double ms) const {
  double memory = bounds.levels.back().bytesPerSecond * ms * 1e-3;
  return memory > 0 ? static_cast<double>(read) / memory : 0;
}

double Profile::operationsMs() const {
  double sum = 0;
  for (const OperationProfile &operation : operations)
    sum += operation.ms;
  return sum;
}

//===----------------------------------------------------------------------===//
// What the compilation tells
//===----------------------------------------------------------------------===//

static bool isConstant(Operation *op) {
  return isa<ParamOp, func::ReturnOp>(op) ||
         op->hasTrait<OpTrait::ConstantLike>();
}

void ProfileSource::see(Stage stage, ModuleOp module) {
  if (stage == Stage::Import) {
    llvm::SetVector<StringRef> names;
    std::vector<std::string> all;
    module.walk([&](Operation *op) {
      if (!isa<ModuleOp, func::FuncOp>(op) && !isConstant(op))
        llvm::append_range(all, namesOf(op->getLoc()));
    });
    names.insert(all.begin(), all.end());
    for (StringRef name : names)
      modelNames.push_back(name.str());
  } else if (stage == Stage::Named) {
    module.walk([&](Operation *op) {
      if (op->getDialect() && op->getDialect()->getNamespace() == "layer")
        for (const std::string &name : namesOf(op->getLoc()))
          namedOperations[name] = op->getName().getStringRef().str();
    });
  } else if (stage == Stage::Buffers) {
    auto list = module->getAttrOfType<ArrayAttr>(kMeasuresAttrName);
    if (!list)
      return;
    for (auto fields : list.getAsRange<DictionaryAttr>()) {
      auto text = [&](StringRef name) {
        auto value = fields.getAs<StringAttr>(name);
        return value ? value.str() : std::string();
      };
      auto number = [&](StringRef name, int64_t otherwise) {
        auto value = fields.getAs<IntegerAttr>(name);
        return value ? value.getInt() : otherwise;
      };
      auto location = cast<LocationAttr>(fields.get("location"));
      Measure measure;
      measure.names = namesOf(location);
      measure.isNamed = location.findInstanceOf<NameLoc>() != nullptr;
      measure.kind = text("kind");
      measure.pattern = text("pattern");
      measure.layout = text("layout");
      measure.element = text("element");
      measure.weight = number("weight", -1);
      measure.columnFlops = number("column_flops", 0);
      measure.denseColumnFlops = number("dense_column_flops", 0);
      measure.weightBytes = number("weight_bytes", 0);
      measure.weights = number("weights", 0);
      measure.isCounted = fields.getAs<BoolAttr>("counted").getValue();
      measures.push_back(std::move(measure));
    }
  }
}

std::string driver::layerOf(StringRef name) {
  size_t begin = name.find_first_not_of("/.");
  if (begin == StringRef::npos)
    return "";
  name = name.drop_front(begin);
  for (size_t at = 0; at < name.size();) {
    size_t end = std::min(name.find_first_of("/.", at), name.size());
    StringRef part = name.slice(at, end);
    if (at != 0 && !part.empty() && llvm::all_of(part, llvm::isDigit)) {
      std::string layer = name.take_front(end).str();
      std::replace(layer.begin(), layer.end(), '/', '.');
      return layer;
    }
    at = end + 1;
  }
  return "";
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {

/// Kinds by how much they say of an operation of several kernels.
constexpr StringLiteral kKinds[] = {
    "product", "attention", "contraction", "convolution", "call",
    "loop",    "reduction", "elementwise", "copy",        "fill"};

size_t rankOf(StringRef kind) {
  return std::find(std::begin(kKinds), std::end(kKinds), kind) - kKinds;
}

class ProfileBuilder {
public:
  ProfileBuilder(const ProfileSource &source, const Recorder &recorder,
                 const rt::Manifest &manifest, size_t firstParam,
                 const CompileLog &log, Profile &profile)
      : source(source), recorder(recorder), manifest(manifest),
        firstParam(firstParam), log(log), profile(profile) {}

  void build() {
    for (size_t id = 0; id != source.count(); ++id)
      if (recorder.operations()[id].calls)
        add(source.measures[id], recorder.operations()[id]);
    findLayers();
    for (const RemarkRecord &remark : log.remarks) {
      for (const std::string &name : remark.names)
        remarksOf[name].push_back(&remark);
      if (!remark.argument("key").empty())
        remarksOfKey[remark.argument("key")].push_back(&remark);
    }
    for (OperationProfile &operation : profile.operations)
      explain(operation);
    findWithoutCode();
    profile.runs = recorder.runs();
    profile.runMs = recorder.runMs();
    profile.memory = recorder.memory();
    profile.peakBytes = recorder.peakBytes();
  }

private:
  void add(const ProfileSource::Measure &measure, const Measured &measured) {
    std::string name =
        measure.names.empty() ? "(no place in the model)" : measure.names[0];
    auto [at, isNew] = rows.try_emplace(name, profile.operations.size());
    if (isNew) {
      profile.operations.emplace_back();
      profile.operations.back().name = name;
      isNamed.push_back(measure.isNamed);
    }
    OperationProfile &row = profile.operations[at->second];
    for (StringRef other :
         ArrayRef(measure.names)
             .drop_front(std::min<size_t>(1, measure.names.size())))
      if (other != name && !llvm::is_contained(row.fused, other))
        row.fused.push_back(other.str());
    if (row.kind.empty() || rankOf(measure.kind) < rankOf(row.kind))
      row.kind = measure.kind;
    row.calls += measured.calls;
    row.ms += measured.ms;
    row.isCounted &= measure.isCounted;
    row.flops += measured.flops;
    row.read += measured.read;
    row.written += measured.written;
    row.denseFlops +=
        measure.columnFlops
            ? measured.flops / measure.columnFlops * measure.denseColumnFlops
            : measured.flops;
    if (measure.kind == "product")
      addProduct(measure, row);
    addBound(measure, measured, row);
  }

  void addProduct(const ProfileSource::Measure &measure,
                  OperationProfile &row) {
    row.pattern = measure.pattern;
    row.layout = measure.layout;
    row.weightBytes += measure.weightBytes;
    row.weights += measure.weights;
    row.kernel = StringRef(measure.layout)
                     .take_until([](char c) { return c == '<' || c == ','; })
                     .str();
    size_t argument = firstParam;
    for (const rt::ParamSpec &spec : manifest.params) {
      auto parts = rt::paramParts(spec);
      size_t count = parts ? parts->size() : 0;
      if (measure.weight >= static_cast<int64_t>(argument) &&
          measure.weight < static_cast<int64_t>(argument + count)) {
        row.weight = rt::shownKey(spec.key);
      }
      argument += count;
    }
  }

  /// Adds the bound of a kernel; the resource of the largest one is shown.
  void addBound(const ProfileSource::Measure &measure, const Measured &measured,
                OperationProfile &row) {
    const Bounds &bounds = profile.bounds;
    // Dot products of four i8 or two bf16 in the place of an f32.
    double width = measure.element == "i8"     ? 4
                   : measure.element == "bf16" ? 2
                                               : 1;
    double calls = static_cast<double>(std::max<int64_t>(measured.calls, 1));
    double bytes = static_cast<double>(measured.read + measured.written);
    const Bounds::Level &level = bounds.levelOf(bytes / calls);
    double arithmetic = static_cast<double>(measured.flops) /
                        (width * bounds.flopsPerSecond) * 1e3;
    double transfer = bytes / level.bytesPerSecond * 1e3;
    double bound = std::max(arithmetic, transfer);
    row.boundMs += bound;
    double &largest = largestBound[row.name];
    if (bound >= largest) {
      largest = bound;
      row.boundBy = arithmetic >= transfer ? "arithmetic" : level.name;
    }
  }

  /// The layer in the name of the operation or of its weight; an operation with
  /// neither belongs to the layer before it.
  void findLayers() {
    std::string before;
    for (auto [i, row] : llvm::enumerate(profile.operations)) {
      std::string layer = isNamed[i] ? layerOf(row.name) : "";
      if (layer.empty() && !row.weight.empty())
        layer = layerOf(row.weight);
      if (layer.empty() && row.weight.empty() && !isNamedBy(row.name))
        layer = before;
      row.layer = before = layer;
      auto named = source.namedOperations.find(row.name);
      if (named != source.namedOperations.end() && row.kind != "product" &&
          row.kind != "attention")
        row.kind = named->second;
    }
    groupLayers();
  }

  /// Whether a name says where it stands, and so that it is of no layer.
  static bool isNamedBy(StringRef name) {
    return name.find_first_of("/.", 1) != StringRef::npos;
  }

  /// Groups rows by layer, layers in the order of their first rows.
  void groupLayers() {
    llvm::MapVector<StringRef, std::vector<size_t>> layers;
    for (auto [i, row] : llvm::enumerate(profile.operations))
      layers[row.layer].push_back(i);
    std::vector<OperationProfile> sorted;
    for (auto &[name, places] : layers)
      for (size_t i : places)
        sorted.push_back(profile.operations[i]);
    profile.operations = std::move(sorted);
    for (auto [i, row] : llvm::enumerate(profile.operations)) {
      if (profile.layers.empty() || profile.layers.back().name != row.layer) {
        profile.layers.emplace_back();
        profile.layers.back().name = row.layer;
        profile.layers.back().first = i;
      }
      LayerProfile &layer = profile.layers.back();
      ++layer.count;
      layer.ms += row.ms;
      layer.boundMs += row.boundMs;
      layer.flops += row.flops;
      layer.read += row.read;
      layer.written += row.written;
      layer.weightBytes += row.weightBytes;
      layer.weights += row.weights;
    }
  }

  /// What passes decided about an operation and its weight.
  void explain(OperationProfile &row) {
    for (const RemarkRecord *remark : remarksOf.lookup(row.name)) {
      if (remark->name == "attention-kernel")
        row.kernel = remark->argument("kernel").str();
      addNote(*remark, row);
    }
    if (!row.weight.empty())
      for (const RemarkRecord *remark : remarksOfKey.lookup(row.weight))
        addNote(*remark, row);
    if (row.kernel.empty())
      row.kernel = row.kind == "copy" || row.kind == "fill" ? "copy" : "loops";
  }

  static void addNote(const RemarkRecord &remark, OperationProfile &row) {
    bool isLeft = remark.kind == "missed" || remark.kind == "failed" ||
                  remark.name == "epilogue-end";
    if (!isLeft || remark.name == "dataflow-rejected")
      return;
    std::string note = remark.category + ": " + remark.message;
    if (!llvm::is_contained(row.notes, note))
      row.notes.push_back(note);
  }

  void findWithoutCode() {
    llvm::StringSet<> seen;
    for (const OperationProfile &row : profile.operations) {
      seen.insert(row.name);
      for (const std::string &name : row.fused)
        seen.insert(name);
    }
    for (const std::string &name : source.modelNames)
      if (!seen.contains(name))
        profile.withoutCode.push_back(name);
  }

  const ProfileSource &source;
  const Recorder &recorder;
  const rt::Manifest &manifest;
  size_t firstParam;
  const CompileLog &log;
  Profile &profile;
  llvm::StringMap<size_t> rows;
  llvm::StringMap<double> largestBound;
  llvm::StringMap<std::vector<const RemarkRecord *>> remarksOf, remarksOfKey;
  std::vector<bool> isNamed;
};

} // namespace

Profile driver::makeProfile(const ProfileSource &source,
                            const Recorder &recorder,
                            const rt::Manifest &manifest, size_t firstParam,
                            const CompileLog &log, Bounds bounds) {
  Profile profile;
  profile.bounds = std::move(bounds);
  ProfileBuilder(source, recorder, manifest, firstParam, log, profile).build();
  return profile;
}

//===----------------------------------------------------------------------===//
// Gains
//===----------------------------------------------------------------------===//

/// Why a product with fewer weights takes as long as with all of them.
static std::string reasonFor(const OperationProfile &row) {
  double dense = *row.denseMs, bound = *row.denseBoundMs;
  std::string text =
      llvm::formatv("{0} gains nothing: {1:f3} ms, dense {2:f3} ms; ",
                    row.pattern, row.ms, dense);
  if (bound < 1.1 * row.boundMs)
    return text + llvm::formatv("its bound is that of the dense one: of {0} "
                                "bytes {1} are activations, which no pattern "
                                "leaves out",
                                row.bytes(), row.bytes() - row.weightBytes)
                      .str();
  return text + llvm::formatv(
                    "it reaches {0:f0} % of its bound and the dense one {1:f0} "
                    "%: the time goes to what is the same for both, packing "
                    "activations, starting threads and writing results",
                    100 * row.fraction(), dense > 0 ? 100 * bound / dense : 0)
                    .str();
}

void driver::compareWithDense(Profile &profile, const Profile &dense) {
  profile.denseRunMs = dense.runMs;
  llvm::StringMap<const OperationProfile *> byName;
  for (const OperationProfile &row : dense.operations)
    byName[row.name] = &row;
  for (OperationProfile &row : profile.operations) {
    auto other = byName.find(row.name);
    if (!row.isSparse() || other == byName.end())
      continue;
    row.denseMs = other->second->ms;
    row.denseBoundMs = other->second->boundMs;
    // Less than the difference between two runs.
    if (*row.denseMs < 1.05 * row.ms)
      row.notes.push_back(reasonFor(row));
  }
}
