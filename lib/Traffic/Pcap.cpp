//===- Pcap.cpp - Packets from captures -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Headers.h"
#include "nm/Support/Text.h"
#include "nm/Traffic/Source.h"
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <pcap/pcap.h>
#include <unordered_map>

using namespace nm::traffic;
using ::nm::support::Errc;
using ::nm::support::makeError;

namespace {

/// In the order of their values.
const char *const kColumns[] = {"length",
                                "flow",
                                "tos",
                                "protocol",
                                "source_port",
                                "destination_port",
                                "vlan",
                                "dscp",
                                "pcp",
                                "source_address",
                                "destination_address",
                                "source_prefix",
                                "destination_prefix"};
constexpr size_t kColumnCount = sizeof(kColumns) / sizeof(kColumns[0]);

struct KeyHash {
  size_t operator()(const FlowKey &key) const {
    uint64_t hash = 0xcbf29ce484222325;
    for (uint8_t byte : key)
      hash = (hash ^ byte) * 0x100000001b3;
    return hash;
  }
};

class Pcap : public Source {
public:
  Pcap(pcap_t *handle, std::string name, uint64_t maxFlows)
      : handle(handle), name(std::move(name)), maxFlows(maxFlows) {
    names.assign(std::begin(kColumns), std::end(kColumns));
    link = pcap_datalink(handle);
  }
  ~Pcap() override { pcap_close(handle); }

  Status next(Arrival &arrival) override;
  const std::vector<uint8_t> *bytes() const override { return &packet; }
  int linkType() const override { return link; }
  double progress() const override {
    FILE *file = pcap_file(handle);
    return total > 0 && file ? static_cast<double>(std::ftell(file)) / total
                             : -1;
  }
  std::vector<Note> notes() const override;
  double total = 0;

private:
  pcap_t *handle;
  std::string name;
  uint64_t maxFlows;
  int link;
  uint64_t number = 0;
  int64_t first = 0, last = 0;
  std::array<uint64_t, kColumnCount> values;
  uint64_t withoutIp = 0;
  /// Of a capture that ends in the middle of a packet.
  std::string torn;
  std::vector<uint8_t> packet;
  std::unordered_map<FlowKey, uint64_t, KeyHash> flows;
};

std::vector<Source::Note> Pcap::notes() const {
  std::vector<Note> notes;
  if (!torn.empty())
    notes.push_back({true, torn});
  if (withoutIp)
    notes.push_back(
        {false, name + ": " + std::to_string(withoutIp) + " of " +
                    std::to_string(number) +
                    " packets have no IP header; one flow for each EtherType, "
                    "addresses and ports 0"});
  return notes;
}

Source::Status Pcap::next(Arrival &arrival) {
  FILE *file = pcap_file(handle);
  long offset = file ? std::ftell(file) : -1;
  auto at = [&](const std::string &what) {
    return fail(name + ": packet " + std::to_string(number + 1) +
                (offset >= 0 ? " (offset " + std::to_string(offset) + ")"
                             : std::string()) +
                ": " + what);
  };
  pcap_pkthdr *header;
  const u_char *data;
  int code = pcap_next_ex(handle, &header, &data);
  if (code == PCAP_ERROR_BREAK)
    return Status::End;
  if (code != 1 && file && std::feof(file) &&
      std::strstr(pcap_geterr(handle), "truncated")) {
    torn = name + ": packet " + std::to_string(number + 1) +
           (offset >= 0 ? " (offset " + std::to_string(offset) + ")" : "") +
           " is cut off by the end of the capture and left out: " +
           pcap_geterr(handle);
    return Status::End;
  }
  if (code != 1)
    return at(pcap_geterr(handle));
  // Nanoseconds, because the file was opened so.
  int64_t nanoseconds = header->ts.tv_usec, seconds = header->ts.tv_sec;
  if (nanoseconds < 0 || nanoseconds >= 1000000000)
    return at("a fraction of " + std::to_string(nanoseconds) +
              " ns; expected less than a second");
  if (seconds < 0 || seconds > (int64_t(1) << 32))
    return at("time " + std::to_string(seconds) +
              " s; expected 0 to 2^32 s since 1970");
  if (header->len == 0 || header->len > (1u << 24))
    return at("a length of " + std::to_string(header->len) +
              " bytes; expected 1 to 2^24");
  int64_t time = seconds * 1000000000 + nanoseconds;
  if (number == 0)
    first = last = time;
  if (time < last)
    return at("it comes " + std::to_string(last - time) +
              " ns before the packet in front of it; expected times that do "
              "not decrease (reordercap sorts captures)");
  last = time;
  Headers headers = readHeaders(link, data, header->caplen);
  auto [entry, isNew] = flows.try_emplace(headers.key, flows.size());
  if (isNew && flows.size() > maxFlows)
    return at("more than " + std::to_string(maxFlows) +
              " flows; expected at most that (--max-flows)");
  withoutIp += !headers.hasIp;
  values = {header->len,
            entry->second,
            headers.tos,
            headers.protocol,
            headers.sourcePort,
            headers.destinationPort,
            headers.vlan,
            headers.tos >> 2,
            headers.priority,
            headers.source,
            headers.destination,
            headers.sourcePrefix,
            headers.destinationPrefix};
  packet.assign(data, data + header->caplen);
  ++number;
  arrival.time = time - first;
  arrival.values = values.data();
  return Status::Packet;
}

/// Takes the file.
::nm::support::Result<std::unique_ptr<Pcap>>
open(FILE *file, const std::string &name, uint64_t maxFlows) {
  char text[PCAP_ERRBUF_SIZE] = "";
  pcap_t *handle = pcap_fopen_offline_with_tstamp_precision(
      file, PCAP_TSTAMP_PRECISION_NANO, text);
  if (!handle) {
    std::fclose(file);
    return makeError(Errc::Format, ::nm::support::printable(name), ": ", text,
                     "; expected a pcap or pcapng file");
  }
  auto source = std::make_unique<Pcap>(handle, name, maxFlows);
  int link = pcap_datalink(handle);
  if (!isKnownLink(link)) {
    const char *link_name = pcap_datalink_val_to_name(link);
    return makeError(Errc::Unsupported, ::nm::support::printable(name),
                     ": link type ",
                     link_name ? link_name : std::to_string(link),
                     "; expected ", knownLinks());
  }
  return source;
}

} // namespace

SourceResult nm::traffic::openPcap(const std::string &path, uint64_t maxFlows) {
  FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return makeError(Errc::Io, "cannot open '", ::nm::support::printable(path),
                     "': ", std::strerror(errno));
  double total = 0;
  if (std::fseek(file, 0, SEEK_END) == 0) {
    total = static_cast<double>(std::ftell(file));
    std::rewind(file);
  }
  auto source = open(file, path, maxFlows);
  if (!source)
    return source.error();
  (*source)->total = total;
  return std::unique_ptr<Source>(std::move(*source));
}

SourceResult nm::traffic::openPcapMemory(const void *data, size_t size,
                                         uint64_t maxFlows) {
  FILE *file =
      size ? ::fmemopen(const_cast<void *>(data), size, "rb") : nullptr;
  if (!file)
    return makeError(Errc::Format,
                     "<memory>: no bytes; expected a pcap or pcapng file");
  auto source = open(file, "<memory>", maxFlows);
  if (!source)
    return source.error();
  return std::unique_ptr<Source>(std::move(*source));
}
