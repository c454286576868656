//===- ApplyCalibration.cpp - Masks and rounded weights of a model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Calibrate.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Prune.h"
#include "nm/Driver/Support.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// Reads the masks of an image, which stays.
static llvm::Error takeMasks(const std::string &image,
                             CompileOptions &options) {
  auto opened = rt::Checkpoint::openMemory(image.data(), image.size(),
                                           rt::Checkpoint::Format::Safetensors,
                                           "the masks of --prune");
  if (!opened)
    return toError(opened.error());
  if ((*opened)->tensors().empty() && options.roundBy == RoundBy::Nearest)
    return makeError("--calibrate has no effect: --prune leaves every weight "
                     "as it is");
  options.mask.source = *opened;
  return llvm::Error::success();
}

llvm::Expected<PruningReport> Calibration::apply(const rt::Manifest &manifest,
                                                 const Model &model,
                                                 CompileOptions &options,
                                                 std::string &masks) const {
  std::vector<std::string> notes;
  if (!options.prune.empty() || options.roundBy == RoundBy::Nearest) {
    auto image = makeMasks(manifest, notes);
    if (!image)
      return image.takeError();
    masks = std::move(*image);
    if (llvm::Error error = takeMasks(masks, options))
      return std::move(error);
  }
  auto weights = std::make_shared<rt::RoundedWeights>();
  Rounded rounded;
  if (options.roundBy == RoundBy::Gptq) {
    auto made = round(manifest, options.mask, notes);
    if (!made)
      return made.takeError();
    rounded = std::move(*made);
    options.mask.rounded = rounded.weights;
    *weights = *rounded.weights;
  }
  if (llvm::Error error =
          describePruning(*model.source.module, model.source.functions, options,
                          model.log, llvm::errs(), weights.get()))
    return std::move(error);
  // Not once more where they run, and once more where they are packed.
  if (!weights->empty())
    options.mask.rounded = std::move(weights);
  for (const std::string &note : notes)
    llvm::errs() << note << "\n";
  auto report = compare(options.mask);
  if (!report)
    return report.takeError();
  report->rounded = std::move(rounded.layers);
  llvm::errs() << formatPruning(*report);
  if (!options.masksFile.empty())
    if (llvm::Error error = writeFile(options, options.masksFile, masks))
      return std::move(error);
  return std::move(*report);
}
