//===- PifoScheduler.h - A compiled scheduler for traffic -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PIFOSCHEDULER_H
#define NM_DRIVER_PIFOSCHEDULER_H

#include "nm/Driver/PifoJit.h"
#include "nm/Traffic/Link.h"

namespace mlir::nm::driver {

/// Policies that take the place of the first one, in the order of their times
/// (nm::policy::Living).
struct PifoChanges {
  /// When, in ns, and with which parameters.
  std::vector<int64_t> times;
  std::vector<std::vector<int64_t>> parameters;
  /// The field with the number of the policy by which a packet is classified,
  /// empty if there is one number only; that of the first policy and of each
  /// of these; and which leaves they have.
  std::string field;
  std::vector<uint64_t> numbers;
  std::vector<std::vector<bool>> leaves;
};

/// Runs a scheduler of a module as machine code. Each field of a packet gets
/// its value from the column of its name; `bindings` say otherwise:
///
///   class=tos        another column
///   class=flow%2     the remainder of a column
///   class=hash(a,b)%1024
///                    a bucket for the values of several columns
///   class=1          always the same
///
/// A field `arrival` without a column is the time of arrival. Values beyond a
/// field are refused as unknown. Columns of writable fields change when the
/// packet leaves.
class PifoScheduler : public ::nm::traffic::Scheduler {
public:
  /// `name`, `container` and `optimized` as in PifoJit::compile; capacity 0 is
  /// the declared one. `change` takes one of `changes` over, and packets are
  /// classified by the policy of the time at which they come.
  static llvm::Expected<std::unique_ptr<PifoScheduler>>
  create(ModuleOp module, llvm::StringRef name, llvm::StringRef container,
         int64_t capacity, const std::vector<std::string> &columns,
         const std::vector<std::string> &bindings, bool optimized = true,
         PifoChanges changes = {});
  ~PifoScheduler() override;
  /// Back to the state after creation, without packets. False without memory;
  /// then nothing but this function may be called.
  bool restart();

  /// Whether a field takes its value from that column.
  bool takes(size_t column) const;

  EnqueueStatus enqueue(uint64_t handle, const uint64_t *values,
                        int64_t now) override;
  bool dequeue(int64_t now, uint64_t &handle) override;
  bool changed(uint64_t *values) override;
  std::vector<std::string> classes() const override { return jit->classes; }
  void prepare(::nm::traffic::Arrivals &block) const override;
  size_t packetWords() const override { return jit->packetSize / 8; }
  EnqueueStatus enter(uint64_t handle, uint64_t *prepared,
                      int64_t now) override;
  bool passes() const override { return mayPass; }
  void pass(const uint64_t *packets, const int64_t *times,
            size_t count) override {
    latest = times[count - 1];
    jit->pass(memory, packets, times, static_cast<int64_t>(count));
  }
  bool changes() const override { return writes; }
  bool drops() const override { return mayDrop; }
  bool dropped(uint64_t &handle) override;
  /// Of each class, when it comes and goes: of none that is always there.
  void tellChanges(::nm::traffic::Totals &totals) const;
  void change(size_t number) override;
  bool disorder(::nm::traffic::Disorder &found) override;
  void release(int64_t now) override { jit->release(memory, now); }
  bool nextRelease(int64_t &time) override {
    return shaped && jit->nextRelease(memory, &time);
  }

private:
  PifoScheduler() = default;
  llvm::Error bind(llvm::ArrayRef<std::string> columns,
                   llvm::ArrayRef<std::string> bindings);

  struct Binding {
    enum Kind { Column, Remainder, Hash, Constant, Arrival, Policy } kind;
    unsigned bytes;
    int64_t offset;
    uint64_t maxValue;
    /// Column's number; divisor or constant.
    size_t column;
    uint64_t number;
    bool writable;
    /// Of Hash.
    std::vector<size_t> hashed;
    uint64_t valueOf(const ::nm::traffic::Arrivals &block, size_t i) const;
    /// Whether all packets of a block have the value of the first.
    bool isSame(const ::nm::traffic::Arrivals &block) const;
  };
  /// The number of the policy that holds at that time.
  uint64_t policyAt(int64_t now) const;
  /// Stores the field's values of a block of packets, and class -1 for those
  /// that have one beyond the field.
  void store(const Binding &field, ::nm::traffic::Arrivals &block) const;
  static llvm::Error parseHash(llvm::StringRef text,
                               llvm::ArrayRef<llvm::StringRef> columns,
                               Binding &binding);
  std::unique_ptr<PifoJit> jit;
  void *memory = nullptr;
  int64_t capacity = 0;
  PifoChanges living;
  /// The time of the latest dequeue.
  int64_t latest = 0;
  bool shaped = false, writes = false, mayDrop = false, mayPass = false;
  std::vector<Binding> fields;
  /// The columns that they read are fewer than that.
  size_t columns = 0;
  /// A packet that comes alone.
  ::nm::traffic::Arrivals alone;
  /// 8-byte words: the packet that left last, one that was dropped.
  std::vector<uint64_t> packet, lost;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PIFOSCHEDULER_H
