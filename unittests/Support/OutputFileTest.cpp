//===- OutputFileTest.cpp - What each kind of name does -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/OutputFile.h"
#include "TestFolder.h"
#include "nm/Support/Signals.h"
#include <csignal>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>

using namespace nm::support;

namespace {

/// Both ways of making a file that is not to be seen yet.
class OutputFileTest : public TestFolder,
                       public testing::WithParamInterface<bool> {
protected:
  OutputOptions options(mode_t mode = 0666) const {
    OutputOptions options;
    options.mode = mode;
    options.named = GetParam();
    return options;
  }
  static mode_t modeOf(const std::string &path) {
    struct stat status = {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    return status.st_mode;
  }
};

INSTANTIATE_TEST_SUITE_P(, OutputFileTest, testing::Bool(),
                         [](const auto &info) {
                           return info.param ? "Named" : "Nameless";
                         });

TEST_P(OutputFileTest, NewFileHasTheModeOfTheUmask) {
  mode_t before = ::umask(027);
  EXPECT_TRUE(writeFile(at("a"), "text", options()).ok());
  EXPECT_TRUE(writeFile(at("b"), "text", options(0777)).ok());
  ::umask(before);
  EXPECT_EQ(get(at("a")), "text");
  EXPECT_EQ(modeOf(at("a")) & 07777, 0640u);
  EXPECT_EQ(modeOf(at("b")) & 07777, 0750u);
  EXPECT_EQ(entries(), 2u);
}

TEST_P(OutputFileTest, FileThatIsThereKeepsItsModeButRunsAsNobodyElse) {
  put(at("a"), "old");
  ASSERT_EQ(::chmod(at("a").c_str(), 04751), 0);
  EXPECT_TRUE(writeFile(at("a"), "new", options()).ok());
  EXPECT_EQ(get(at("a")), "new");
  EXPECT_EQ(modeOf(at("a")) & 07777, 0751u);
  EXPECT_EQ(entries(), 1u);
}

TEST_P(OutputFileTest, NothingHappensWithoutCommit) {
  put(at("a"), "old");
  for (const char *name : {"a", "b"}) {
    auto file = OutputFile::open(at(name), options());
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->write(std::string(1 << 20, 'x')).ok());
    ASSERT_TRUE((*file)->prepare().ok());
    EXPECT_EQ(get(at("a")), "old");
  }
  EXPECT_EQ(entries(), 1u);
}

TEST_P(OutputFileTest, LinksAreFollowedAlsoWhereTheyLeadNowhereYet) {
  std::filesystem::create_directory(at("sub"));
  put(at("sub/real"), "old");
  std::filesystem::create_symlink("sub/real", at("link"));
  std::filesystem::create_symlink("link", at("link-to-link"));
  std::filesystem::create_symlink("sub/new", at("dangling"));
  EXPECT_TRUE(writeFile(at("link-to-link"), "new", options()).ok());
  EXPECT_TRUE(writeFile(at("dangling"), "made", options()).ok());
  EXPECT_EQ(get(at("sub/real")), "new");
  EXPECT_EQ(get(at("sub/new")), "made");
  for (const char *name : {"link", "link-to-link", "dangling"})
    EXPECT_TRUE(std::filesystem::is_symlink(at(name))) << name;
}

TEST_P(OutputFileTest, PipesAreWrittenThrough) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  std::string content(300000, 'p'), got;
  std::thread reader([&] { got = get(at("pipe")); });
  EXPECT_TRUE(writeFile(at("pipe"), content, options()).ok());
  reader.join();
  EXPECT_EQ(got, content);
  EXPECT_TRUE(S_ISFIFO(modeOf(at("pipe"))));
}

TEST_P(OutputFileTest, SocketsAreWrittenThrough) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string path = at("socket");
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(
      ::bind(server, reinterpret_cast<sockaddr *>(&address), sizeof(address)),
      0);
  ASSERT_EQ(::listen(server, 1), 0);
  EXPECT_TRUE(writeFile(path, "hello", options()).ok());
  int peer = ::accept(server, nullptr, nullptr);
  char buffer[16] = {};
  EXPECT_EQ(::read(peer, buffer, sizeof(buffer)), 5);
  EXPECT_STREQ(buffer, "hello");
  ::close(peer);
  ::close(server);
  EXPECT_TRUE(S_ISSOCK(modeOf(path)));
}

TEST_P(OutputFileTest, DevicesStayDevices) {
  std::string device = "/dev/null";
  // One of the test's own where it may be made.
  if (::mknod(at("null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0 &&
      ::access(at("null").c_str(), W_OK) == 0) {
    int fd = ::open(at("null").c_str(), O_WRONLY); // nodev
    if (fd >= 0) {
      device = at("null");
      ::close(fd);
    }
  }
  EXPECT_TRUE(writeFile(device, "gone", options()).ok());
  EXPECT_TRUE(S_ISCHR(modeOf(device)));
}

TEST_P(OutputFileTest, ADescriptorGoesOnWhereItIs) {
  int fd = ::open(at("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(fd, "first ", 6), 6);
  std::string number = std::to_string(fd);
  EXPECT_TRUE(writeFile("/dev/fd/" + number, "second ", options()).ok());
  std::filesystem::create_symlink("/proc/self/fd/" + number, at("link"));
  EXPECT_TRUE(writeFile(at("link"), "third", options()).ok());
  ::close(fd);
  EXPECT_EQ(get(at("log")), "first second third");
}

TEST_P(OutputFileTest, FullDevicesAreErrorsWithTheFilesName) {
  Status status = writeFile("/dev/full", "x", options());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message,
            "cannot write '/dev/full': No space left on device");
  // Where the bytes come through a stream, too.
  auto file = OutputFile::open("/dev/full", options());
  ASSERT_TRUE(file.ok());
  for (int i = 0; i < 100000; ++i)
    std::fputs("many lines of text\n", (*file)->stream());
  EXPECT_EQ((*file)->commit().error().message,
            "cannot write '/dev/full': No space left on device");
}

TEST_P(OutputFileTest, LargePartsAreWrittenInChunks) {
  // Parts that end before, at and behind multiples of 2 MiB.
  constexpr size_t chunk = size_t(2) << 20;
  std::string all(9 * chunk + 77, 0);
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<char>(i * 2654435761u >> 13);
  const size_t sizes[] = {3,         100000,    chunk - 100003, chunk,
                          5,         2 * chunk, 70000,          chunk - 70005,
                          chunk + 1, 1,         3 * chunk};
  auto file = OutputFile::open(at("a"), options());
  ASSERT_TRUE(file.ok());
  size_t done = 0;
  for (size_t size : sizes) {
    size = std::min(size, all.size() - done);
    EXPECT_TRUE((*file)->write(all.data() + done, size).ok());
    done += size;
  }
  EXPECT_TRUE((*file)->write(all.data() + done, all.size() - done).ok());
  EXPECT_TRUE((*file)->commit().ok());
  EXPECT_TRUE(get(at("a")) == all);
}

TEST_P(OutputFileTest, StreamsAndWritesGiveWholeFiles) {
  auto file = OutputFile::open(at("a"), options());
  ASSERT_TRUE(file.ok());
  std::string expected;
  for (int i = 0; i < 50000; ++i) {
    std::fprintf((*file)->stream(), "%d\n", i);
    expected += std::to_string(i) + "\n";
  }
  EXPECT_TRUE((*file)->commit().ok());
  EXPECT_EQ(get(at("a")), expected);
}

TEST_P(OutputFileTest, PathsThatCannotBe) {
  auto message = [&](const std::string &path) {
    Status status = writeFile(path, "x", options());
    return status ? "" : status.error().message;
  };
  EXPECT_EQ(message(at("no/x")), "cannot write '" + at("no/x") +
                                     "': no such folder '" + at("no") +
                                     "'; make it first");
  EXPECT_EQ(message(folder),
            "cannot write '" + folder +
                "': it is a folder; expected the name of a file");
  EXPECT_EQ(message(at("new/")),
            "cannot write '" + at("new/") +
                "': it names a folder; expected the name of a file");
  EXPECT_NE(message(""), "");
  std::filesystem::create_symlink("loop", at("loop"));
  EXPECT_EQ(message(at("loop")), "cannot write '" + at("loop") +
                                     "': Too many levels of symbolic links");
  put(at("file"), "");
  EXPECT_EQ(message(at("file/x")),
            "cannot write '" + at("file/x") + "': Not a directory");
  EXPECT_EQ(message("/dev/fd/987654"),
            "cannot write '/dev/fd/987654': it is closed");
  EXPECT_EQ(message(at("new\nline/x")),
            "cannot write '" + at("new\\x0aline/x") + "': no such folder '" +
                at("new\\x0aline") + "'; make it first");
}

/// A process that writes half and then waits for its end.
TEST_P(OutputFileTest, SignalsLeaveNothingBehind) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      // Whoever started the tests may ignore it, as a shell does for SIGINT of
      // what it runs in the background.
      ::signal(signal, SIG_DFL);
      removeTemporariesOnSignal();
      auto file = OutputFile::open(at("a"), options());
      bool good = file.ok() && (*file)->write(std::string(1 << 20, 'x')).ok();
      // With its temporary name, the last moment before the end.
      good = good && (*file)->prepare().ok();
      auto other = TemporaryFolder::create();
      good = good && other.ok();
      std::string name = good ? other->file("x") : "";
      std::ofstream(name) << "x";
      name += '\0';
      good = good && ::write(ready[1], name.data(), name.size()) > 0;
      while (good)
        ::pause();
      ::_exit(1);
    }
    ::close(ready[1]);
    char name[4096] = {};
    ASSERT_GT(::read(ready[0], name, sizeof(name) - 1), 0);
    ::close(ready[0]);
    EXPECT_EQ(entries(), 1u); // the temporary
    EXPECT_TRUE(std::filesystem::exists(name));
    ::kill(child, signal);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal);
    EXPECT_EQ(entries(), 0u) << "signal " << signal;
    EXPECT_FALSE(
        std::filesystem::exists(std::filesystem::path(name).parent_path()));
  }
}

} // namespace
