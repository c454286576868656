//===- consumer.cpp - A project outside nm that uses its models -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Import/PifoPolicy.h"
#include "nm/Isa/Kernels/Strided.h"
#include "nm/Machine/Device.h"
#include "nm/Model/Explore.h"
#include "nm/Model/PifoMesh/Config.h"
#include "nm/Runtime/Checkpoint.h"
#include "nm/Simulator/Simulator.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"
#include "nm/Traffic/Source.h"
#include <iostream>

int main() {
  nm::support::Result<nm::machine::Device> device =
      nm::machine::findDevice("edge");
  if (!device)
    return 1;
  std::cout << device->name << "\n";
  auto none = nm::rt::Checkpoint::open("none.npz");
  return bool(none);
}
