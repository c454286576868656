//===- Calibrate.cpp - What weights see of calibration inputs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CalibrationState.h"
#include "nm/Driver/CachedLowering.h"
#include "nm/Driver/Codegen.h"
#include "nm/Driver/EntryPoint.h"
#include "nm/Driver/Execute.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/Rearrange.h"
#include "nm/Runtime/Writer.h"
#include "nm/Runtime/nm_runtime.h"
#include "nm/Support/Progress.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

Calibration::Calibration(std::unique_ptr<State> state)
    : state(std::move(state)) {}
Calibration::~Calibration() = default;

RunOptions driver::quietOptions(const RunOptions &options) {
  RunOptions quiet = options;
  quiet.files = std::make_shared<::nm::support::CommandFiles>();
  quiet.remarksFilter.clear();
  quiet.remarksFile.clear();
  quiet.dumpFolder.clear();
  quiet.configurePassManager = nullptr;
  quiet.isQuiet = true;
  quiet.measure = false;
  quiet.atStage = nullptr;
  return quiet;
}

RunOptions driver::denseOptions(const RunOptions &options) {
  RunOptions dense = quietOptions(options);
  dense.dense = true;
  dense.patterns.clear();
  dense.prune.clear();
  dense.mask.policy = rt::MaskPolicy::IfPresent;
  return dense;
}

/// Whether all samples have arrays of the same shapes: code for these takes a
/// fraction of the time that code for open sizes takes to compile.
static bool haveOneShape(ArrayRef<Sample> samples) {
  std::vector<std::vector<int64_t>> first;
  for (const Sample &sample : samples) {
    std::vector<std::vector<int64_t>> shapes;
    for (const Binding &input : sample.inputs) {
      auto array = readArray(input.path);
      if (!array) { // whoever reads it to run says so
        llvm::consumeError(array.takeError());
        return false;
      }
      shapes.push_back(array->view.shape);
    }
    if (&sample == samples.begin())
      first = std::move(shapes);
    else if (shapes != first)
      return false;
  }
  return true;
}

llvm::Error Calibration::State::compile() {
  if (options.inputFile == "-")
    return makeError("--calibrate compiles the model twice, but standard input "
                     "is read once; name the model's file");
  auto content = readFile(options.inputFile);
  if (!content)
    return content.takeError();
  model = std::make_unique<Model>(options, *registry, std::move(*content));
  OnnxImportOptions onnx;
  CallArguments arguments(samples.front().inputs);
  onnx.argument = [&](ArrayRef<std::string> names, size_t index) {
    return arguments.find(names, index);
  };
  onnx.takesCallSizes = hasOneShape;
  if (llvm::Error error = model->parse(std::move(onnx)))
    return error;
  Source &source = model->source;
  auto entry = source.findRunnable(options.entry);
  if (!entry)
    return entry.takeError();
  function = **entry;
  ownResults = function.results.size();
  options.atStage = [this](Stage stage, ModuleOp module) {
    if (stage != Stage::Named || !observes)
      return;
    products = observeProducts(module.lookupSymbol<func::FuncOp>(function.name),
                               roundBy == RoundBy::Gptq);
    for (const Signature &each : collectSignatures(module))
      if (each.name == function.name)
        function.results = each.results;
  };
  auto machine = createTargetMachine(options.target, options.targetCPU);
  if (!machine)
    return machine.takeError();
  SmallVector<char, 0> object;
  CachedLowering lowering(**machine, options, *model, function.name, object);
  // The further results come behind the stage that names code.
  if (!observes && !options.skipsCodeCache && !options.watchesPasses)
    if (llvm::Error error = lowering.open())
      return error;
  if (llvm::Error error = lowering.lower())
    return error;
  for (Signature &each : source.functions)
    if (each.name == function.name)
      each.results = function.results;
  auto parsed = readManifest(*source.module, function.name);
  if (!parsed)
    return parsed.takeError();
  manifest = std::move(*parsed);
  if (!lowering.isFound())
    if (llvm::Error error = generate(**machine, object))
      return error;
  lowering.keep();
  auto loaded = Jit::load(StringRef(object.data(), object.size()));
  if (!loaded)
    return loaded.takeError();
  jit.emplace(std::move(*loaded));
  return llvm::Error::success();
}

llvm::Error Calibration::State::generate(llvm::TargetMachine &machine,
                                         SmallVectorImpl<char> &object) const {
  llvm::LLVMContext context;
  auto code = translate(*model->source.module, model->source.functions, context,
                        machine);
  if (!code)
    return code.takeError();
  if (llvm::Error error = addInvoke(**code, function.name))
    return error;
  if (llvm::Error error = optimize(**code, machine))
    return error;
  return generateCode(**code, machine, llvm::CodeGenFileType::ObjectFile,
                      object);
}

llvm::Expected<std::unique_ptr<rt::Params>>
Calibration::State::load(const rt::MaskOptions &mask) const {
  std::vector<rt::ScopePath> scopes;
  for (const Binding &binding : options.params)
    scopes.push_back({binding.name, binding.path});
  rt::ParamsOptions loading;
  loading.mask = mask;
  loading.unmasked = unmasked;
  auto params = rt::Params::load(manifest, scopes, loading);
  if (!params)
    return toError(params.error());
  return std::move(*params);
}

llvm::Error Calibration::State::loadUnmasked() {
  auto params = load(options.mask);
  if (!params)
    return params.takeError();
  unmasked = std::move(*params);
  return llvm::Error::success();
}

llvm::Error
Calibration::State::run(const rt::MaskOptions &mask,
                        llvm::function_ref<llvm::Error(Results)> see) const {
  auto params = load(mask);
  if (!params)
    return params.takeError();
  for (const Sample &sample : samples) {
    auto inputs = readInputs(function, sample.inputs);
    if (!inputs)
      return makeError("--calibrate {0}: {1}", sample.name,
                       llvm::toString(inputs.takeError()));
    auto call =
        Call::prepare(function, jit->entry(), *inputs, manifest, params->get());
    if (!call)
      return call.takeError();
    auto result = call->run();
    if (!result)
      return makeError("--calibrate {0}: {1}", sample.name,
                       llvm::toString(result.takeError()));
    if (llvm::Error error = see(std::move(*result)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<Calibration::State::Results>>
Calibration::State::runAll(const rt::MaskOptions &mask) const {
  std::vector<Results> all;
  llvm::Error error = run(mask, [&](Results results) -> llvm::Error {
    if (roundBy == RoundBy::Gptq)
      for (const ObservedProduct &product : products)
        results[ownResults + product.input] = rt::Tensor();
    all.push_back(std::move(results));
    return llvm::Error::success();
  });
  if (error)
    return std::move(error);
  return std::move(all);
}

llvm::Expected<llvm::StringMap<std::shared_ptr<const rt::Checkpoint>>>
Calibration::State::openFiles() const {
  llvm::StringMap<std::shared_ptr<const rt::Checkpoint>> files;
  for (const Binding &binding : options.params) {
    auto file = rt::Checkpoint::open(binding.path);
    if (!file)
      return toError(file.error());
    files[binding.name] = *file;
  }
  return std::move(files);
}

llvm::Expected<std::unique_ptr<Calibration>>
Calibration::observe(const RunOptions &options, DialectRegistry &registry) {
  auto state = std::make_unique<State>();
  state->options = denseOptions(options);
  state->registry = &registry;
  state->by = options.pruneBy;
  state->roundBy = options.roundBy;
  auto samples = findSamples(options.calibrate);
  if (!samples)
    return samples.takeError();
  state->samples = std::move(*samples);
  state->hasOneShape = haveOneShape(state->samples);
  ::nm::support::Progress progress("calibrating");
  nm_set_num_threads(options.threads);
  if (llvm::Error error = state->runDense())
    return std::move(error);
  return std::unique_ptr<Calibration>(new Calibration(std::move(state)));
}

llvm::Error Calibration::State::runDense() {
  if (llvm::Error error = compile())
    return error;
  if (llvm::Error error = loadUnmasked())
    return error;
  auto results = runAll(options.mask);
  if (!results)
    return results.takeError();
  dense = std::move(*results);
  return llvm::Error::success();
}

/// A model like that of `other`, without further results.
std::unique_ptr<Calibration::State> Calibration::plainLike(const State &other) {
  auto plain = std::make_unique<State>();
  plain->options = other.options;
  plain->registry = other.registry;
  plain->samples = other.samples;
  plain->hasOneShape = other.hasOneShape;
  plain->observes = false;
  return plain;
}

/// The fastest run on the first sample.
llvm::Expected<double> Calibration::State::time() const {
  auto params = load(options.mask);
  if (!params)
    return params.takeError();
  auto inputs = readInputs(function, samples.front().inputs);
  if (!inputs)
    return inputs.takeError();
  auto call =
      Call::prepare(function, jit->entry(), *inputs, manifest, params->get());
  if (!call)
    return call.takeError();
  auto result = call->run();
  if (!result)
    return result.takeError();
  return call->time(std::max(options.repeat, 10)).min;
}

llvm::Expected<double> Calibration::timeDense() {
  plain = plainLike(*state);
  if (llvm::Error error = plain->runDense())
    return std::move(error);
  return plain->time();
}

llvm::Expected<Calibration::Timed>
Calibration::time(const std::string &pattern) const {
  std::unique_ptr<State> timed = plainLike(*state);
  timed->options.dense = false;
  timed->options.patterns = timed->options.prune = {pattern};
  timed->options.mask.policy = rt::MaskPolicy::Derive;
  if (llvm::Error error = timed->compile())
    return std::move(error);
  auto ms = timed->time();
  if (!ms)
    return ms.takeError();
  return Timed{std::move(timed->manifest), *ms};
}

double Calibration::workOf(const rt::ParamSpec &spec) const {
  double work = 0;
  for (const ObservedProduct &product : state->products) {
    if (product.key != spec.key || product.scope != spec.scope)
      continue;
    auto count = [&](size_t result) {
      const auto &results = state->dense.front();
      return static_cast<double>(
          results[state->ownResults + result].view.count());
    };
    work += count(product.squares) * count(product.output);
  }
  return work;
}

/// Of the features that the products of a weight read, over all samples.
std::vector<double>
Calibration::State::squaresOf(const rt::ParamSpec &spec) const {
  std::vector<double> sums;
  for (const ObservedProduct &product : products) {
    if (product.key != spec.key || product.scope != spec.scope)
      continue;
    for (const auto &results : dense) {
      const rt::TensorView &view = results[ownResults + product.squares].view;
      sums.resize(std::max<size_t>(sums.size(), view.count()));
      for (int64_t k = 0, count = view.count(); k < count; ++k)
        sums[k] += rt::elementToDouble(
            view.data + k * rt::elementBytes(view.dtype), view.dtype);
    }
  }
  return sums;
}

/// The N largest scores |w| * norm of every M along `axis` are kept; of equal
/// ones the first.
static std::string maskOf(const rt::TensorView &weight,
                          const rt::PatternSpec &pattern,
                          const std::vector<double> &norms) {
  int64_t inner = 1, depth = weight.shape[pattern.axis];
  for (size_t d = pattern.axis + 1; d < weight.shape.size(); ++d)
    inner *= weight.shape[d];
  std::string mask(weight.count(), 0);
  int64_t bytes = rt::elementBytes(weight.dtype);
  std::vector<std::pair<double, int64_t>> group(pattern.m);
  for (int64_t at = 0, count = weight.count(); at < count; ++at) {
    int64_t k = at / inner % depth;
    if (k % pattern.m != 0)
      continue;
    for (int64_t j = 0; j < pattern.m; ++j) {
      const unsigned char *element = weight.data + (at + j * inner) * bytes;
      group[j] = {-std::abs(rt::elementToDouble(element, weight.dtype)) *
                      norms[k + j],
                  j};
    }
    llvm::sort(group);
    for (int64_t j = 0; j < pattern.n; ++j)
      mask[at + group[j].second * inner] = 1;
  }
  return mask;
}

namespace {
struct StringSink final : ::nm::support::Sink {
  std::string bytes;
  ::nm::support::Status write(const void *data, uint64_t size) override {
    bytes.append(static_cast<const char *>(data), size);
    return {};
  }
};
} // namespace

llvm::Expected<std::string>
Calibration::makeMasks(const rt::Manifest &manifest,
                       std::vector<std::string> &notes) const {
  std::map<std::string, rt::Tensor> masks;
  auto files = state->openFiles();
  if (!files)
    return files.takeError();
  for (const rt::ParamSpec &spec : manifest.params) {
    auto file = files->find(spec.scope);
    if (!spec.sparsity || spec.sparsity->n == spec.sparsity->m ||
        file == files->end() || masks.count(spec.key))
      continue;
    std::vector<double> norms = state->squaresOf(spec);
    bool fits =
        static_cast<int64_t>(norms.size()) == spec.shape[spec.sparsity->axis];
    if (!fits && state->by == PruneBy::Wanda)
      notes.push_back(rt::shownKey(spec.key) +
                      " is pruned by magnitude: no product shows its input");
    // A mask belongs to what the file holds, in its order.
    std::string key = spec.key;
    std::vector<int64_t> shape = spec.shape;
    std::optional<rt::Rearranged> moved;
    if (rt::isRearrangedKey(key)) {
      auto parsed = rt::parseRearranged(key);
      if (!parsed)
        return toError(parsed.error());
      moved = std::move(*parsed);
      key = moved->values.key;
      shape = moved->values.shape;
    }
    if ((!fits && state->by == PruneBy::Wanda) || rt::shownKey(key) != key ||
        masks.count(key))
      continue;
    auto weight = rt::readWeight(*file->second, spec.key, state->options.mask);
    if (!weight)
      return toError(weight.error());
    if (weight->mask)
      continue;
    auto tensor = rt::toContiguous(weight->tensor);
    if (!tensor)
      return toError(tensor.error());
    if (state->by == PruneBy::Magnitude)
      norms.assign(spec.shape[spec.sparsity->axis], 1);
    else
      for (double &norm : norms)
        norm = std::sqrt(norm);
    std::string mask = maskOf(tensor->view, *spec.sparsity, norms);
    if (moved)
      mask = rt::restoreBytes(*moved, mask);
    auto owner = std::make_shared<const std::string>(std::move(mask));
    masks[key] = {rt::denseView(owner->data(), rt::DType::Bool, shape), owner};
  }
  std::vector<rt::NamedView> views;
  for (const auto &[key, mask] : masks)
    views.push_back({key, mask.view});
  StringSink image;
  if (rt::Status written = rt::writeSafetensors(image, "masks", views);
      !written)
    return toError(written.error());
  return std::move(image.bytes);
}

namespace {

/// ||a - b|| / ||b||, added up.
struct Difference {
  double moved = 0, all = 0;

  void add(const rt::TensorView &a, const rt::TensorView &b) {
    int64_t bytes = rt::elementBytes(a.dtype);
    for (int64_t i = 0, count = a.count(); i < count; ++i) {
      double x = rt::elementToDouble(a.data + i * bytes, a.dtype);
      double y = rt::elementToDouble(b.data + i * bytes, b.dtype);
      moved += (x - y) * (x - y);
      all += y * y;
    }
  }
  double value() const {
    return all == 0 ? std::sqrt(moved) : std::sqrt(moved / all);
  }
};

} // namespace

llvm::Expected<PruningReport> Calibration::compare(const rt::MaskOptions &mask,
                                                   bool withLayers) const {
  rt::MaskOptions changed = state->options.mask;
  changed.source = mask.source;
  changed.rounded = mask.rounded;
  const State &used = withLayers || !plain ? *state : *plain;
  auto pruned = used.runAll(changed);
  if (!pruned)
    return pruned.takeError();
  auto differ = [&](size_t result) {
    Difference difference;
    for (size_t i = 0; i < pruned->size(); ++i)
      difference.add((*pruned)[i][result].view, used.dense[i][result].view);
    return difference.value();
  };
  PruningReport report;
  report.by = state->by;
  report.samples = state->samples.size();
  if (withLayers)
    for (const ObservedProduct &product : state->products)
      report.layers.push_back(
          {product.key, differ(state->ownResults + product.output)});
  for (size_t i = 0; i < state->ownResults; ++i)
    report.results.push_back(differ(i));
  return std::move(report);
}

std::string driver::formatPruning(const PruningReport &report) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const RoundedLayer &layer : report.rounded)
    os << llvm::formatv("rounding {0} changes {1:e3} of the output of its "
                        "products, to nearest {2:e3}\n",
                        rt::shownKey(layer.key), layer.fed, layer.nearest);
  for (auto &[key, difference] : report.layers)
    os << llvm::formatv("difference {0:e3} of the output of the product with "
                        "{1}\n",
                        difference, rt::shownKey(key));
  for (auto [i, difference] : llvm::enumerate(report.results))
    os << llvm::formatv("difference {0:e3} of result {1}\n", difference, i);
  os << (report.rounded.empty() ? "differences are |pruned - dense| / |dense|"
                                : "differences are |rounded - dense| / |dense|")
     << " over " << report.samples
     << (report.samples == 1 ? " sample" : " samples") << "\n";
  return text;
}
