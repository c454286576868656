//===- PifoTestUtil.h - Compiling and running schedulers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_PIFO_PIFOTESTUTIL_H
#define NM_UNITTESTS_PIFO_PIFOTESTUTIL_H

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "nm/Driver/PifoJit.h"
#include "nm/Registration.h"
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace nm::test {

using mlir::nm::driver::PifoJit;

inline std::unique_ptr<PifoJit> compile(const std::string &text,
                                        const char *container = "auto") {
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module) {
    ADD_FAILURE() << "does not parse:\n" << text;
    return nullptr;
  }
  auto jit = PifoJit::compile(*module, "", container);
  if (!jit) {
    ADD_FAILURE() << llvm::toString(jit.takeError());
    return nullptr;
  }
  return std::move(*jit);
}

/// A scheduler that takes and gives packets by field name.
class Scheduler {
public:
  using Fields = std::map<std::string, uint64_t>;

  explicit Scheduler(const std::string &text, const char *container = "auto",
                     int64_t capacity = 0)
      : jit(compile(text, container)),
        memory(jit ? jit->create(capacity) : nullptr) {
    EXPECT_NE(memory, nullptr);
  }
  ~Scheduler() { jit->destroy(memory); }

  int enqueue(uint64_t handle, const Fields &fields, int64_t now = 0) {
    std::vector<char> packet(jit->packetSize);
    std::memcpy(packet.data(), &handle, 8);
    for (const PifoJit::Field &field : jit->fields)
      if (auto found = fields.find(field.name); found != fields.end())
        std::memcpy(&packet[field.offset], &found->second, field.bytes);
    return jit->enqueue(memory, packet.data(), now);
  }
  /// The handle of the packet that leaves, or -1.
  int64_t dequeue(int64_t now = 0) {
    last.assign(jit->packetSize, 0);
    return jit->dequeue(memory, now, last.data()) ? -1 : handleOf(last);
  }
  int64_t peek() {
    std::vector<char> packet(jit->packetSize);
    return jit->peek(memory, packet.data()) ? -1 : handleOf(packet);
  }
  /// A field of the packet that left last.
  uint64_t field(const std::string &name) const {
    uint64_t value = 0;
    for (const PifoJit::Field &field : jit->fields)
      if (field.name == name)
        std::memcpy(&value, &last[field.offset], field.bytes);
    return value;
  }
  int64_t release(int64_t now) { return jit->release(memory, now); }
  /// The time of the next release, or -1.
  int64_t nextRelease() {
    int64_t time = -1;
    return jit->nextRelease(memory, &time) ? time : -1;
  }
  int64_t size() { return jit->size(memory); }

  std::unique_ptr<PifoJit> jit;
  void *memory;

private:
  static int64_t handleOf(const std::vector<char> &packet) {
    int64_t handle;
    std::memcpy(&handle, packet.data(), 8);
    return handle;
  }
  std::vector<char> last;
};

} // namespace nm::test

#endif // NM_UNITTESTS_PIFO_PIFOTESTUTIL_H
