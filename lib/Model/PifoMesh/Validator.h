//===- Validator.h - Well-formed mesh configurations ------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_PIFOMESH_VALIDATOR_H
#define NM_LIB_MODEL_PIFOMESH_VALIDATOR_H

#include "nm/Model/PifoMesh/Config.h"
#include <algorithm>
#include <set>

namespace nm::mesh {

inline std::string quote(const std::string &name) { return "'" + name + "'"; }
inline std::string str(uint64_t value) { return std::to_string(value); }

/// A name that is an identifier in C++ and SystemVerilog alike.
inline bool isName(const std::string &name) {
  if (name.empty() || name.size() > 64 || (name[0] >= '0' && name[0] <= '9'))
    return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
  });
}

/// One validation: the first thing that is wrong, and where.
class Validator {
public:
  explicit Validator(const Config &config) : config(config) {}

  std::string run(Place *place) {
    checkTop() && checkClassifier() && checkBlocks() && checkLeaves() &&
        checkDequeues();
    if (place && !error.empty())
      *place = here;
    return error;
  }

private:
  const Config &config;
  std::string error;
  /// What is being checked. Every check that goes into a part says so, and
  /// takes it back when it comes out without an error.
  Place here;

  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }

  template <typename T>
  bool uniqueNames(const std::vector<T> &list, const std::string &what,
                   int Place::*part) {
    std::set<std::string> seen;
    for (const T &item : list) {
      ++(here.*part);
      if (!isName(item.name))
        return fail(what + " name " + quote(item.name) +
                    ": expected an identifier of at most 64 characters");
      if (!seen.insert(item.name).second)
        return fail(what + " " + quote(item.name) + " is declared twice");
    }
    here.*part = -1;
    return true;
  }

  bool inRange(uint64_t value, uint64_t low, uint64_t high,
               const std::string &what) {
    if (value >= low && value <= high)
      return true;
    return fail(what + " is " + str(value) + ", expected " + str(low) + " to " +
                str(high));
  }

  bool checkTop();
  bool checkBlocks();
  bool checkBlock(const Block &block);
  bool checkPifos(const Block &block);
  bool checkHop(const Block &block, const NextHop &hop, const std::string &at);
  bool checkWriters(const Block &block, const std::vector<int> &use);
  bool checkRoutes(const Block &block, const std::vector<int> &owner);
  /// Every leaf has one route per depth from its own to the root.
  bool checkLeaves();
  /// One block is popped by one block, one logical PIFO by one.
  bool checkDequeues();
  bool routeAt(unsigned leaf, unsigned depth);

  // ValidateProgram.cpp
  bool checkClassifier();
  bool checkValue(const Block &block, const Program &program,
                  const std::string &what, size_t i, bool dequeue);
  bool checkProgram(const Block &block, const Program &program, bool dequeue);
  bool checkWrites(const Block &block, const Program &program, bool dequeue,
                   const std::string &where);
  bool checkStateAccess(const Block &block, const Program &program,
                        const std::string &where);
};

} // namespace nm::mesh

#endif // NM_LIB_MODEL_PIFOMESH_VALIDATOR_H
