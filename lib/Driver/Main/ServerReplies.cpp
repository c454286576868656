//===- ServerReplies.cpp - What MLIR's language server says, for nm --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ServerReplies.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Version.h"
#include "llvm/Support/JSON.h"
#include <cerrno>
#include <cstring>
#include <unistd.h>

using namespace mlir::nm;
using namespace mlir::nm::driver;
using llvm::StringRef;
namespace json = llvm::json;

/// The generated pages of docs/reference/Dialects.
static constexpr const char *kPages[] = {
#include "nm/Driver/DialectPages.inc"
};

/// What stands between the head of an operation's section and its tables.
static StringRef descriptionIn(StringRef section) {
  section = section.substr(section.find('\n'));
  size_t end = section.size();
  for (StringRef table : {"\nTraits:", "\nInterfaces:", "\nEffects:", "\n####"})
    end = std::min(end, section.find(table));
  return section.take_front(end).trim();
}

static llvm::StringMap<StringRef> readPages() {
  llvm::StringMap<StringRef> descriptions;
  constexpr StringRef kHead = "\n### `";
  for (StringRef page : kPages)
    for (size_t at = page.find(kHead); at != StringRef::npos;) {
      StringRef section = page.drop_front(at + kHead.size());
      StringRef name = section.take_until([](char c) { return c == '`'; });
      // The next operation, or the next chapter: of attributes, of types.
      size_t next = std::min(section.find("\n### "), section.find("\n## "));
      descriptions[name] = descriptionIn(section.take_front(next));
      at = page.find(kHead, at + kHead.size());
    }
  return descriptions;
}

StringRef driver::describeOperation(StringRef name) {
  static const llvm::StringMap<StringRef> descriptions = readPages();
  return descriptions.lookup(name);
}

/// Puts the description behind the first line of a hover, `"nm.param"` and what
/// symbol it defines.
static bool completeHover(json::Object &result) {
  json::Object *contents = result.getObject("contents");
  auto text = contents ? contents->getString("value") : std::nullopt;
  if (!text || !text->starts_with("\""))
    return false;
  auto [first, rest] = text->split('\n');
  StringRef name = first.drop_front().take_until([](char c) { //
    return c == '"';
  });
  StringRef description = describeOperation(name);
  if (description.empty())
    return false;
  std::string longer = (first + "\n\n" + description + "\n" + rest).str();
  (*contents)["value"] = std::move(longer);
  return true;
}

std::string driver::completeReply(StringRef message) {
  llvm::Expected<json::Value> value = json::parse(message);
  if (!value) {
    llvm::consumeError(value.takeError());
    return message.str();
  }
  json::Object *reply = value->getAsObject();
  json::Object *result = reply ? reply->getObject("result") : nullptr;
  if (!result)
    return message.str();
  if (json::Object *server = result->getObject("serverInfo")) {
    (*server)["name"] = "nm-lsp-server";
    (*server)["version"] = NM_VERSION;
  } else if (!completeHover(*result)) {
    return message.str();
  }
  // Laid out as the server laid out its own.
  return message.contains('\n') ? llvm::formatv("{0:2}", *value).str()
                                : llvm::formatv("{0}", *value).str();
}

llvm::Error ReplyStream::start() {
  int ends[2];
  if (::pipe(ends) != 0)
    return makeError("cannot make a pipe: {0}", std::strerror(errno));
  source = ends[0];
  output = ::dup(STDOUT_FILENO);
  bool isPlaced = output >= 0 && ::dup2(ends[1], STDOUT_FILENO) >= 0;
  int error = errno;
  ::close(ends[1]);
  if (!isPlaced)
    return makeError("cannot read standard output: {0}", std::strerror(error));
  thread = std::thread([this] { forward(); });
  return llvm::Error::success();
}

llvm::Error ReplyStream::finish() {
  if (thread.joinable()) {
    llvm::outs().flush();
    // The last writer is gone, which ends the thread.
    ::dup2(output, STDOUT_FILENO);
    thread.join();
  }
  for (int *descriptor : {&source, &output})
    if (*descriptor >= 0)
      ::close(std::exchange(*descriptor, -1));
  if (writeError)
    return makeError("cannot write standard output: {0}",
                     std::strerror(writeError));
  return llvm::Error::success();
}

bool ReplyStream::writeAll(StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(output, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      writeError = errno;
      return false;
    }
    bytes = bytes.drop_front(static_cast<size_t>(count));
  }
  return true;
}

/// Bytes of the first message in `text` with its head, 0 if there is more to
/// come. `body` becomes the message. What is no head passes as it is.
static size_t findMessage(StringRef text, StringRef &body) {
  constexpr StringRef kLength = "Content-Length: ", kEnd = "\r\n\r\n";
  size_t head = text.find(kLength);
  if (head == StringRef::npos)
    return 0;
  size_t end = text.find(kEnd, head);
  size_t length = 0;
  if (end == StringRef::npos ||
      text.substr(head + kLength.size()).consumeInteger(10, length) ||
      text.size() - end - kEnd.size() < length)
    return 0;
  body = text.substr(end + kEnd.size(), length);
  return end + kEnd.size() + length;
}

void ReplyStream::forward() {
  std::string pending;
  char buffer[1 << 14];
  bool isRead = true;
  while (isRead) {
    ssize_t count = ::read(source, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR)
      continue;
    isRead = count > 0;
    if (isRead)
      pending.append(buffer, static_cast<size_t>(count));
    StringRef body;
    while (size_t bytes = findMessage(pending, body)) {
      std::string reply = completeReply(body);
      StringRef before(pending.data(), pending.find("Content-Length: "));
      std::string head = before.str() +
                         "Content-Length: " + std::to_string(reply.size()) +
                         "\r\n\r\n";
      // After an error the server's writes still have a reader.
      if (!writeError && writeAll(head))
        writeAll(reply);
      pending.erase(0, bytes);
    }
  }
  if (!writeError)
    writeAll(pending);
}
