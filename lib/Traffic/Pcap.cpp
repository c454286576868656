//===- Pcap.cpp - Packets from captures -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Source.h"
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <pcap/pcap.h>
#include <unordered_map>

using namespace nm::traffic;

namespace {

enum Column { Length, Flow, Tos, Protocol, SourcePort, DestinationPort, Vlan };

/// Addresses, ports and protocol, or the EtherType alone.
using Key = std::array<uint8_t, 40>;

struct KeyHash {
  size_t operator()(const Key &key) const {
    uint64_t hash = 0xcbf29ce484222325;
    for (uint8_t byte : key)
      hash = (hash ^ byte) * 0x100000001b3;
    return hash;
  }
};

/// Bytes of a packet with a check of each access.
struct Bytes {
  const uint8_t *data;
  size_t size;
  bool has(size_t end) const { return end <= size; }
  unsigned u8(size_t at) const { return has(at + 1) ? data[at] : 0; }
  unsigned u16(size_t at) const {
    return has(at + 2) ? data[at] << 8 | data[at + 1] : 0;
  }
};

class Pcap : public Source {
public:
  Pcap(pcap_t *handle, std::string name, uint64_t maxFlows)
      : handle(handle), name(std::move(name)), maxFlows(maxFlows) {
    names = {"length",           "flow", "tos", "protocol", "source_port",
             "destination_port", "vlan"};
    link = pcap_datalink(handle);
  }
  ~Pcap() override { pcap_close(handle); }

  static bool known(int link) {
    return link == DLT_EN10MB || link == DLT_RAW || link == DLT_IPV4 ||
           link == DLT_IPV6 || link == DLT_LINUX_SLL || link == DLT_NULL ||
           link == DLT_LOOP;
  }

  Status next(Arrival &arrival) override;
  const std::vector<uint8_t> *bytes() const override { return &packet; }
  int linkType() const override { return link; }
  double progress() const override {
    FILE *file = pcap_file(handle);
    return total > 0 && file ? static_cast<double>(std::ftell(file)) / total
                             : -1;
  }
  double total = 0;

private:
  Key classify(Bytes bytes);
  void ip(Bytes bytes, size_t at, Key &key);
  void ports(Bytes bytes, size_t at, Key &key);

  pcap_t *handle;
  std::string name;
  uint64_t maxFlows;
  int link;
  uint64_t number = 0;
  int64_t first = 0, last = 0;
  std::array<uint64_t, 7> values;
  std::vector<uint8_t> packet;
  std::unordered_map<Key, uint64_t, KeyHash> flows;
};

void Pcap::ports(Bytes bytes, size_t at, Key &key) {
  // TCP, UDP, SCTP and UDP-Lite begin with both ports.
  unsigned protocol = key[32];
  if ((protocol != 6 && protocol != 17 && protocol != 132 && protocol != 136) ||
      !bytes.has(at + 4))
    return;
  values[SourcePort] = bytes.u16(at);
  values[DestinationPort] = bytes.u16(at + 2);
  std::memcpy(&key[33], bytes.data + at, 4);
}

void Pcap::ip(Bytes bytes, size_t at, Key &key) {
  unsigned version = bytes.u8(at) >> 4;
  if (version == 4 && bytes.has(at + 20)) {
    unsigned header = (bytes.u8(at) & 15) * 4;
    values[Tos] = bytes.u8(at + 1);
    values[Protocol] = key[32] = static_cast<uint8_t>(bytes.u8(at + 9));
    std::memcpy(&key[0], bytes.data + at + 12, 4);
    std::memcpy(&key[16], bytes.data + at + 16, 4);
    key[39] = 4;
    // Only the first fragment has ports; the others would make another flow,
    // so that no fragmented packet counts its ports.
    bool fragment = (bytes.u16(at + 6) & 0x3fff) != 0;
    if (!fragment && header >= 20)
      ports(bytes, at + header, key);
  } else if (version == 6 && bytes.has(at + 40)) {
    values[Tos] = (bytes.u16(at) >> 4) & 255;
    unsigned next = bytes.u8(at + 6);
    size_t body = at + 40;
    // Hop-by-hop, routing and destination options; at most a few in practice.
    for (int i = 0; i < 8 && (next == 0 || next == 43 || next == 60); ++i) {
      next = bytes.u8(body);
      body += 8 + bytes.u8(body + 1) * 8;
    }
    values[Protocol] = key[32] = static_cast<uint8_t>(next);
    std::memcpy(&key[0], bytes.data + at + 8, 32);
    key[39] = 6;
    ports(bytes, body, key);
  }
}

Key Pcap::classify(Bytes bytes) {
  Key key{};
  size_t at = 0;
  unsigned type;
  switch (link) {
  case DLT_EN10MB:
    type = bytes.u16(12);
    at = 14;
    break;
  case DLT_LINUX_SLL:
    type = bytes.u16(14);
    at = 16;
    break;
  case DLT_NULL:
  case DLT_LOOP:
    // The family's number differs between systems; the version does not.
    type = 0x0800;
    at = 4;
    break;
  default:
    type = 0x0800;
  }
  for (int i = 0; i < 4 && (type == 0x8100 || type == 0x88a8); ++i) {
    values[Vlan] = bytes.u16(at) & 0xfff;
    type = bytes.u16(at + 2);
    at += 4;
  }
  if (type == 0x0800 || type == 0x86dd)
    ip(bytes, at, key);
  if (key[39] == 0) {
    key[0] = static_cast<uint8_t>(type >> 8);
    key[1] = static_cast<uint8_t>(type);
  }
  return key;
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
  values = {};
  values[Length] = header->len;
  Key key = classify({data, header->caplen});
  auto [entry, isNew] = flows.try_emplace(key, flows.size());
  if (isNew && flows.size() > maxFlows)
    return at("more than " + std::to_string(maxFlows) + " flows");
  values[Flow] = entry->second;
  packet.assign(data, data + header->caplen);
  ++number;
  arrival.time = time - first;
  arrival.values = values.data();
  return Status::Packet;
}

/// Takes the file.
std::unique_ptr<Source> open(FILE *file, const std::string &name,
                             uint64_t maxFlows, std::string &error) {
  char text[PCAP_ERRBUF_SIZE] = "";
  pcap_t *handle = pcap_fopen_offline_with_tstamp_precision(
      file, PCAP_TSTAMP_PRECISION_NANO, text);
  if (!handle) {
    std::fclose(file);
    error = name + ": " + text + "; expected a pcap or pcapng file";
    return nullptr;
  }
  auto source = std::make_unique<Pcap>(handle, name, maxFlows);
  int link = pcap_datalink(handle);
  if (!Pcap::known(link)) {
    const char *link_name = pcap_datalink_val_to_name(link);
    error = name + ": link type " +
            (link_name ? link_name : std::to_string(link)) +
            "; expected Ethernet, raw IP, Linux cooked or loopback";
    return nullptr;
  }
  return source;
}

} // namespace

std::unique_ptr<Source> nm::traffic::openPcap(const std::string &path,
                                              uint64_t maxFlows,
                                              std::string &error) {
  FILE *file = std::fopen(path.c_str(), "rb");
  if (!file) {
    error = "cannot open '" + path + "': " + std::strerror(errno);
    return nullptr;
  }
  double total = 0;
  if (std::fseek(file, 0, SEEK_END) == 0) {
    total = static_cast<double>(std::ftell(file));
    std::rewind(file);
  }
  auto source = open(file, path, maxFlows, error);
  if (source)
    static_cast<Pcap &>(*source).total = total;
  return source;
}

std::unique_ptr<Source> nm::traffic::openPcapMemory(const void *data,
                                                    size_t size,
                                                    uint64_t maxFlows,
                                                    std::string &error) {
  FILE *file =
      size ? ::fmemopen(const_cast<void *>(data), size, "rb") : nullptr;
  if (!file) {
    error = "<memory>: no bytes; expected a pcap or pcapng file";
    return nullptr;
  }
  return open(file, "<memory>", maxFlows, error);
}
