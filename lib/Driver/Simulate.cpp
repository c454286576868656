//===- Simulate.cpp - Programs on simulated accelerators -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Simulate.h"
#include "nm/Driver/Arrays.h"
#include "nm/Driver/Compare.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/ProgramParams.h"
#include "nm/Driver/Support.h"
#include "nm/Simulator/Golden.h"
#include "nm/Simulator/Report.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/OutputFolder.h"
#include "nm/Support/Progress.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
using ::nm::support::JsonWriter;
namespace isa = ::nm::isa;
namespace model = ::nm::model;
namespace sim = ::nm::sim;

/// Events of a trace or a page; viewers cannot show more.
static constexpr size_t kMaxEvents = 1000000;

llvm::Expected<std::optional<model::Device>>
driver::findAccelerator(StringRef target) {
  bool isFile = target.contains('/') || target.ends_with(".json");
  if (!isFile &&
      !llvm::is_contained(model::builtinDevices(model::DeviceKind::Accelerator),
                          target))
    return std::nullopt;
  auto device = model::findDevice(target.str());
  if (!device)
    return toError(device.error());
  if (device->kind != model::DeviceKind::Accelerator)
    return makeError("--target '{0}' describes the processor {1}; expected an "
                     "accelerator, or the name of a processor to generate "
                     "code for",
                     target, device->name);
  return std::optional(std::move(*device));
}

namespace {

/// One run.
class Simulation {
public:
  Simulation(const isa::Program &program, const model::Device &device,
             const SimulateOptions &options, sim::ModelOperations operations)
      : program(program), device(device), options(options),
        operations(std::move(operations)), memory(sim::Memory::none(program)) {}

  llvm::Error run();

private:
  void describe();
  llvm::Error bind();
  /// Starts writing the golden vectors, if the options name a folder.
  llvm::Error openGolden();
  llvm::Error writeResults(std::vector<rt::Tensor> &results);
  llvm::Error compare(ArrayRef<rt::Tensor> results);
  llvm::Error report(const sim::SimulationResult &result);
  std::string reportJson(const sim::SimulationResult &result);
  llvm::Expected<std::vector<std::pair<size_t, std::string>>>
  resultsOf(StringRef option, ArrayRef<Binding> bindings);

  const isa::Program &program;
  const model::Device &device;
  const SimulateOptions &options;
  const sim::ModelOperations operations;
  sim::Memory memory;
  /// The program as a function: its tensors of role In and Out.
  Signature function;
  std::vector<size_t> arguments, results; ///< their numbers
  std::vector<std::pair<size_t, std::string>> outputs, expects;
  std::vector<std::pair<size_t, Comparison>> comparisons;
  std::unique_ptr<sim::GoldenWriter> golden;
};

} // namespace

void Simulation::describe() {
  function.name = program.name;
  for (auto [i, tensor] : llvm::enumerate(program.tensors)) {
    ValueType type;
    type.dtype = isa::dtypeOf(tensor.hostType);
    type.shape = tensor.hostShape.empty() ? tensor.shape : tensor.hostShape;
    if (tensor.role == isa::Role::In) {
      arguments.push_back(i);
      function.arguments.push_back({tensor.name, type, std::nullopt});
    } else if (tensor.role == isa::Role::Out) {
      results.push_back(i);
      function.results.push_back(type);
    }
  }
}

/// Results by the name of their tensor too.
llvm::Expected<std::vector<std::pair<size_t, std::string>>>
Simulation::resultsOf(StringRef option, ArrayRef<Binding> bindings) {
  std::vector<Binding> numbered(bindings.begin(), bindings.end());
  for (Binding &binding : numbered)
    for (auto [i, tensor] : llvm::enumerate(results))
      if (binding.name == program.tensors[tensor].name)
        binding.name = std::to_string(i);
  return assignResults(option, function, numbered);
}

llvm::Error Simulation::bind() {
  auto writes = resultsOf("output", options.outputs);
  if (!writes)
    return writes.takeError();
  outputs = std::move(*writes);
  auto references = resultsOf("expect", options.expects);
  if (!references)
    return references.takeError();
  expects = std::move(*references);
  if (options.timingOnly) {
    if (!outputs.empty() || !expects.empty())
      return makeError("--output and --expect need values, but --timing-only "
                       "computes none; drop one of them");
    return llvm::Error::success();
  }
  auto inputs = readInputs(function, options.inputs);
  if (!inputs)
    return inputs.takeError();
  auto allocated = sim::Memory::allocate(program);
  if (!allocated)
    return toError(allocated.error());
  memory = std::move(*allocated);
  for (auto [input, index] : llvm::zip(*inputs, arguments))
    warnOfOverflow(program.tensors[index],
                   sim::writeTensor(program.tensors[index], memory.data(index),
                                    input.view.data,
                                    program.tensors[index].hostType));
  return loadProgramParams(program, options, memory);
}

llvm::Error Simulation::writeResults(std::vector<rt::Tensor> &values) {
  for (auto [type, index] : llvm::zip(function.results, results)) {
    auto tensor = allocateTensor(type.dtype, type.shape);
    if (!tensor)
      return tensor.takeError();
    sim::readTensor(program.tensors[index], memory.data(index),
                    const_cast<unsigned char *>(tensor->view.data),
                    program.tensors[index].hostType);
    values.push_back(std::move(*tensor));
  }
  for (auto &[index, path] : outputs)
    if (llvm::Error error = writeArray(options, path, values[index]))
      return error;
  return llvm::Error::success();
}

llvm::Error Simulation::compare(ArrayRef<rt::Tensor> values) {
  // Rounding in the machine's element type bounds the accuracy.
  return compareResults(
      expects, values, options,
      [&](size_t index) {
        return isa::dtypeOf(program.tensors[results[index]].type);
      },
      [&](size_t index, const Comparison &comparison) {
        textStream(options)
            << "result " << index << ": " << comparison.str() << "\n";
        comparisons.push_back({index, comparison});
      });
}

/// The simulator's report with the comparisons at its end.
std::string Simulation::reportJson(const sim::SimulationResult &result) {
  return sim::formatJson(result, program, device, [&](JsonWriter &json) {
    if (!operations.operations.empty())
      sim::writeOperations(json, result, program, operations);
    json.array("comparisons", [&] {
      for (auto &[index, comparison] : comparisons)
        json.object([&, index = index, &of = comparison] {
          json.field("result", index);
          json.field("max_abs_error", of.maxAbsError);
          json.field("max_rel_error", of.maxRelError);
          json.field("failures", of.failures);
          json.field("elements", of.count);
          json.field("passed", of.passed());
        });
    });
  });
}

llvm::Error Simulation::report(const sim::SimulationResult &result) {
  if (options.report)
    textStream(options) << sim::formatTable(result, program, device);
  else
    textStream(options) << llvm::formatv(
        "{0} on {1}: {2:f0} cycles, {3:f6} ms, utilisation {4:f1} %, {5} bytes "
        "of DRAM, {6:f6} mJ\n",
        program.name, device.name, result.cycles, result.seconds(device) * 1e3,
        100 * result.utilisation(device), result.dramBytes(),
        result.energy.total() * 1e-9);
  if (!options.json.empty())
    if (llvm::Error error =
            writeFile(options, options.json, reportJson(result)))
      return error;
  if (!options.traceFile.empty())
    if (llvm::Error error =
            writeFile(options, options.traceFile,
                      sim::formatTrace(result, program, device)))
      return error;
  if (!options.htmlFile.empty())
    if (llvm::Error error =
            writeFile(options, options.htmlFile,
                      sim::formatHtml(result, program, device, operations)))
      return error;
  return commitFiles(options);
}

llvm::Error Simulation::openGolden() {
  const std::string &folder = options.goldenFolder;
  if (folder.empty())
    return llvm::Error::success();
  if (options.timingOnly)
    return makeError("--golden needs values, but --timing-only computes none; "
                     "drop one of them");
  for (auto make : {+[](const std::string &path) {
                      return ::nm::support::checkOutputFolder("--golden", path,
                                                              /*empty=*/true);
                    },
                    +[](const std::string &path) {
                      return ::nm::support::makeOutputFolder("--golden", path);
                    }})
    if (rt::Status status = make(folder); !status)
      return toError(status.error());
  auto writer = sim::GoldenWriter::create(folder, program, device);
  if (!writer)
    return toError(writer.error());
  golden = std::move(*writer);
  return llvm::Error::success();
}

llvm::Error Simulation::run() {
  describe();
  if (llvm::Error error = bind())
    return error;
  if (llvm::Error error = openGolden())
    return error;
  sim::SimulatorOptions simulator;
  simulator.observer = golden.get();
  simulator.functional = !options.timingOnly;
  simulator.threads = options.threads;
  simulator.maxSteps = options.maxSteps;
  if (!options.traceFile.empty() || !options.htmlFile.empty())
    simulator.maxEvents = kMaxEvents;
  auto result = [&] {
    ::nm::support::Progress progress("simulating " + program.name);
    return sim::simulate(program, device, memory, simulator);
  }();
  if (!result)
    return toError(result.error());
  if (golden)
    if (rt::Status status = golden->commit(); !status)
      return toError(status.error());
  std::vector<rt::Tensor> values;
  if (!options.timingOnly)
    if (llvm::Error error = writeResults(values))
      return error;
  llvm::Error failed = compare(values);
  return llvm::joinErrors(std::move(failed), report(*result));
}

llvm::Error driver::simulateProgram(const isa::Program &program,
                                    const model::Device &device,
                                    const SimulateOptions &options,
                                    const sim::ModelOperations *operations) {
  if (rt::Status status = isa::checkProgram(program); !status)
    return toError(status.error());
  return Simulation(program, device, options,
                    operations ? *operations : sim::ModelOperations())
      .run();
}
