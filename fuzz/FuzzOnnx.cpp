//===- FuzzOnnx.cpp - ONNX models as messages and as checkpoints -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuzzUtil.h"
#include "nm/Runtime/Onnx.h"

using namespace nm::rt;

/// Every tensor that stands in an attribute, in graphs of any depth.
static void readAttributes(const nm::onnx::Model &model,
                           const std::vector<nm::onnx::Node> &nodes) {
  for (const nm::onnx::Node &node : nodes)
    for (const nm::onnx::Attribute &attribute : node.attributes) {
      if (attribute.t) {
        auto tensor = nm::onnx::readTensor(model, *attribute.t);
        fuzz::checkError(tensor);
        if (tensor)
          fuzz::touch(tensor->view);
      }
      if (attribute.sparse)
        fuzz::checkError(nm::onnx::readSparse(model, *attribute.sparse));
      if (attribute.g)
        readAttributes(model, attribute.g->nodes);
    }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // External data would make it open files.
  auto model = nm::onnx::parseModel(data, size, "/nonexistent/fuzz.onnx");
  fuzz::checkError(model);
  if (!model)
    return 0;
  readAttributes(**model, (*model)->graph.nodes);
  for (const nm::onnx::Function &function : (*model)->functions)
    readAttributes(**model, function.nodes);
  fuzz::readEverything(data, size, Checkpoint::Format::Onnx);
  return 0;
}
