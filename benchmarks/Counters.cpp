//===- Counters.cpp - Instructions and misses -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Counters.h"
#include <csignal>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nm::bench;

Counters::Counters() {
  const uint64_t events[kCount] = {PERF_COUNT_HW_INSTRUCTIONS,
                                   PERF_COUNT_HW_CACHE_MISSES,
                                   PERF_COUNT_HW_BRANCH_MISSES};
  for (int i = 0; i < kCount; ++i) {
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.size = sizeof(attributes);
    attributes.config = events[i];
    attributes.disabled = i == 0;
    attributes.exclude_kernel = attributes.exclude_hv = 1;
    attributes.read_format = PERF_FORMAT_GROUP;
    int group = i ? files[0] : -1;
    files[i] = syscall(SYS_perf_event_open, &attributes, 0, -1, group, 0);
    if (files[i] < 0)
      return;
  }
  leader = files[0];
}

Counters::~Counters() {
  for (int file : files)
    if (file >= 0)
      close(file);
}

void Counters::start() {
  if (!available())
    return;
  ioctl(leader, PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP);
  ioctl(leader, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

std::array<uint64_t, Counters::kCount> Counters::stop() {
  std::array<uint64_t, kCount> counts{};
  if (!available())
    return counts;
  ioctl(leader, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
  // {number of counters, their values}.
  uint64_t values[1 + kCount] = {};
  if (read(leader, values, sizeof(values)) == sizeof(values))
    for (int i = 0; i < kCount; ++i)
      counts[i] = values[1 + i];
  return counts;
}

/// The steps of a child between two stops; -1 on failure.
static int64_t stepsOf(const std::function<void()> &work) {
  pid_t child = fork();
  if (child < 0)
    return -1;
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
      _exit(1);
    raise(SIGSTOP);
    work();
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  auto stopsBy = [&](int signal) {
    return waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
           WSTOPSIG(status) == signal;
  };
  int64_t steps = stopsBy(SIGSTOP) ? 0 : -1;
  while (steps >= 0 &&
         ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0 &&
         stopsBy(SIGTRAP))
    ++steps;
  if (!WIFEXITED(status) && !WIFSIGNALED(status)) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  return steps;
}

int64_t nm::bench::countBySteps(const std::function<void()> &work) {
  int64_t none = stepsOf([] {}), some = stepsOf(work);
  return none < 0 || some < 0 ? -1 : some - none;
}
