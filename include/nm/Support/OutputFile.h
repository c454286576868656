//===- OutputFile.h - The one writer of files -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a path stands for decides how it is written:
//   -  a new name, or a regular file: into a file without a name in the same
//      folder, which takes the name when all is written. Symbolic links are
//      followed, a file that is there gives its mode and owner, a new one has
//      the mode of the umask. Until then nothing is to be seen, and what was
//      there stays; other hard links keep the old content.
//   -  a device, FIFO or socket, and a descriptor of this process (`-`,
//      /dev/stdout, /dev/fd/5): written through, in order.
// Everything is checked, also the last flush and close; messages name the path
// as it was given. docs/rationale/Support.md says why.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_OUTPUTFILE_H
#define NM_SUPPORT_OUTPUTFILE_H

#include "nm/Support/Result.h"
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace nm::support {

/// Takes bytes in order.
class Sink {
public:
  virtual ~Sink();
  virtual Status write(const void *data, uint64_t bytes) = 0;
  Status write(std::string_view text) {
    return write(text.data(), text.size());
  }
};

struct OutputOptions {
  /// Of a new file, less the umask: 0777 for programs and libraries.
  mode_t mode = 0666;
  /// A file that is there gives its mode and owner.
  bool keepMode = true;
  /// Has a name while it is written, as where the file system knows no files
  /// without.
  bool named = false;
};

class OutputFile final : public Sink {
public:
  /// Fails where nothing can be written, with nothing changed. Waits for the
  /// reader of a FIFO.
  static Result<std::unique_ptr<OutputFile>> open(const std::string &path,
                                                  OutputOptions options = {});
  /// Without commit, nothing is left of what was written to a regular file.
  ~OutputFile() override;
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  using Sink::write;
  /// Buffered. After an error all further calls fail with that error.
  Status write(const void *data, uint64_t bytes) override;

  /// The same for code that writes to a FILE; errors appear at commit. Belongs
  /// to this object.
  FILE *stream();

  /// Everything is written and can take its name: all that can fail is done
  /// but the renaming.
  Status prepare();
  /// prepare(), then under its name. Of several files, prepare all first.
  Status commit();

  const std::string &path() const { return name; }

private:
  struct State;
  explicit OutputFile(std::string path);
  Status fail(int code);
  Status flush();
  Status giveName();

  std::string name; ///< as given
  std::unique_ptr<State> state;
};

/// Whether the path names a regular file or nothing yet, where a whole file
/// takes its name; nothing else is written so.
bool isPlainFile(const std::string &path);

/// Writes a whole file.
Status writeFile(const std::string &path, std::string_view content,
                 OutputOptions options = {});

} // namespace nm::support

#endif // NM_SUPPORT_OUTPUTFILE_H
