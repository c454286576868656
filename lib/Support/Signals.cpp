//===- Signals.cpp - Nothing left behind -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Signals.h"
#include "nm/Support/Text.h"
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nm::support {

namespace {

/// One thing to remove. Slots are never freed, only used again: a handler may
/// walk the list at any time.
struct Slot {
  enum Kind : int { File, Folder, Group };
  std::atomic<char *> path{nullptr}; ///< null: nothing to remove
  std::atomic<pid_t> group{0};       ///< 0: no group to end
  std::atomic<bool> used{false};
  std::atomic<int> kind{File};
  Slot *next = nullptr;
};

std::atomic<Slot *> slots{nullptr};

Slot *takeSlot(Slot::Kind kind) {
  for (Slot *slot = slots; slot; slot = slot->next) {
    bool free = false;
    if (slot->used.compare_exchange_strong(free, true)) {
      slot->kind = kind;
      return slot;
    }
  }
  auto *slot = new Slot;
  slot->used = true;
  slot->kind = kind;
  slot->next = slots;
  while (!slots.compare_exchange_weak(slot->next, slot))
    ;
  return slot;
}

/// Whoever takes the path out of the slot owns it: here or the handler.
void releaseSlot(void *pointer) {
  auto *slot = static_cast<Slot *>(pointer);
  std::free(slot->path.exchange(nullptr));
  slot->group = 0;
  slot->used = false;
}

/// Removes a folder and the files in it. Async-signal-safe: readdir is not.
void removeFolder(const char *path) {
  int folder = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return;
  struct Entry { // as the kernel writes it, see getdents64(2)
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[1];
  };
  alignas(Entry) char buffer[4096];
  long bytes = 0;
  while ((bytes = ::syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) >
         0)
    for (long at = 0; at < bytes;) {
      auto *entry = reinterpret_cast<Entry *>(buffer + at);
      ::unlinkat(folder, entry->name, 0); // fails for . and .., as it should
      at += entry->length;
    }
  ::close(folder);
  ::rmdir(path);
}

/// Groups first: what they write goes into folders.
void removeAll() {
  for (Slot *slot = slots; slot; slot = slot->next)
    if (pid_t group = slot->group.exchange(0)) {
      ::kill(-group, SIGKILL);
      while (::waitpid(group, nullptr, 0) < 0 && errno == EINTR)
        ;
    }
  for (Slot *slot = slots; slot; slot = slot->next)
    if (char *path = slot->path.exchange(nullptr)) {
      if (slot->kind == Slot::Folder)
        removeFolder(path);
      else
        ::unlink(path);
    }
}

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU};
constexpr size_t kSignalCount = sizeof(kSignals) / sizeof(kSignals[0]);
struct sigaction previous[kSignalCount];

void handler(int signal) {
  int saved = errno;
  removeAll();
  // The signal is blocked here; on return it does what it did before.
  for (size_t i = 0; i < kSignalCount; ++i)
    if (kSignals[i] == signal)
      ::sigaction(signal, &previous[i], nullptr);
  ::raise(signal);
  errno = saved;
}

Slot *registerPath(Slot::Kind kind, const std::string &path) {
  static std::once_flag once;
  std::call_once(once, [] { std::atexit(removeAll); });
  Slot *slot = takeSlot(kind);
  slot->path = ::strdup(path.c_str());
  return slot;
}

} // namespace

TemporaryPath::TemporaryPath(const std::string &path)
    : slot(registerPath(Slot::File, path)) {}
TemporaryPath::~TemporaryPath() { releaseSlot(slot); }

ChildGroup::ChildGroup(pid_t leader) : slot(takeSlot(Slot::Group)) {
  static_cast<Slot *>(slot)->group = leader;
}
ChildGroup::~ChildGroup() { releaseSlot(slot); }

Result<TemporaryFolder> TemporaryFolder::create() {
  const char *root = std::getenv("TMPDIR");
  std::string path = std::string(root && *root ? root : "/tmp") + "/nm-XXXXXX";
  if (!::mkdtemp(path.data()))
    return makeError(Errc::Io, "cannot make a temporary folder ",
                     quotePath(path), ": ", std::strerror(errno),
                     "; TMPDIR names another place for it");
  return TemporaryFolder(path, registerPath(Slot::Folder, path));
}

TemporaryFolder::TemporaryFolder(TemporaryFolder &&other) noexcept
    : path(std::move(other.path)), slot(other.slot) {
  other.slot = nullptr;
}

TemporaryFolder::~TemporaryFolder() {
  if (!slot)
    return;
  removeFolder(path.c_str());
  releaseSlot(slot);
}

void removeTemporariesOnSignal() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_handler = handler;
    ::sigfillset(&action.sa_mask);
    for (size_t i = 0; i < kSignalCount; ++i) {
      ::sigaction(kSignals[i], nullptr, &previous[i]);
      if (previous[i].sa_handler != SIG_IGN)
        ::sigaction(kSignals[i], &action, nullptr);
    }
  });
}

} // namespace nm::support
