//===- Text.h - Names and words in messages -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_TEXT_H
#define NM_SUPPORT_TEXT_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nm::support {

/// Length of the UTF-8 sequence at the start of a text that is not empty, 0
/// when it is none.
size_t utf8Length(std::string_view text);

/// Whether a text is well-formed UTF-8.
bool isUtf8(std::string_view text);

/// A name from outside (a file, the command line) that is safe to print:
/// control characters, also those beyond ASCII, and bytes that are no UTF-8
/// become \xNN; the rest stays.
std::string printable(std::string_view name);

/// printable() between single quotes, with quotes and backslashes escaped too,
/// and shortened after 200 characters.
std::string quote(std::string_view name);

/// The same without shortening: a path that is cut cannot be used.
std::string quotePath(std::string_view path);

/// The candidate that `word` most likely means: equal but for case, or within a
/// third of its letters (insertions, deletions, changes, swaps). "" if none is.
std::string nearest(std::string_view word,
                    const std::vector<std::string> &candidates);

/// " (did you mean 'x'?)" or "".
std::string didYouMean(std::string_view word,
                       const std::vector<std::string> &candidates);

/// "a, b or c", or another word before the last.
std::string alternatives(const std::vector<std::string> &words,
                         const char *last = "or");

} // namespace nm::support

#endif // NM_SUPPORT_TEXT_H
