//===- SweepOptions.h - The axes of a sweep, as options -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What nm-explore and its command `map` read from their command lines alike.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_SWEEPOPTIONS_H
#define NM_LIB_MODEL_SWEEPOPTIONS_H

#include "nm/Model/Explore.h"
#include "nm/Support/Options.h"
#include <algorithm>
#include <utility>

namespace nm::model {

/// The first error of the command line.
struct OptionFailure {
  Error error;
  bool failed = false;

  template <typename... Parts> void operator()(const Parts &...parts) {
    if (!failed)
      error = support::makeError(Errc::Argument, parts...);
    failed = true;
  }
};

/// Reads the options one by one; what is wrong goes to `fail`.
class SweepReader {
public:
  Sweep sweep;
  std::vector<std::string> deviceNames; ///< as they were given
  OptionFailure fail;

  /// Machines and shapes; how a point is evaluated; what is best.
  void declareAxes(support::CommandLine &line);
  void declareModes(support::CommandLine &line);
  void declareObjectives(support::CommandLine &line);

  /// Defaults of what was not given, and what does not go together.
  void finishAxes();

protected:
  std::string name, value; ///< of the option that is read

  /// Declares an option that `read` reads from `name` and `value`.
  template <typename Reader>
  void parsed(support::CommandLine &line, const char *option, const char *shown,
              const char *help, void (Reader::*read)()) {
    line.parsed(option, shown, help, [=](const std::string &text) {
      name = std::string("--") + option;
      value = text;
      (static_cast<Reader *>(this)->*read)(); // errors go to `fail`
      return Status();
    });
  }

  std::vector<int64_t> numbers(int64_t least, int64_t most);
  int64_t single(int64_t least, int64_t most);
  void mode();

private:
  bool methodsGiven = false;

  template <typename T>
  std::vector<T> words(const std::vector<std::pair<std::string, T>> &table);
  template <typename T>
  T word(const std::vector<std::pair<std::string, T>> &table);
  Objective objectiveWord();

  void device();
  void model();
  void length();
  void batch();
  void group();
  void mask();
  void buffer();
  void bandwidth();
  void lanes();
  void array();
  void pattern();
  void method();
  void space();
  void part();
  void within();
  void objective();
  void then();
};

} // namespace nm::model

#endif // NM_LIB_MODEL_SWEEPOPTIONS_H
