//===- Headers.cpp - What the headers of a packet say -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Link types as in www.tcpdump.org/linktypes.html; tags IEEE 802.1Q, labels RFC
// 3032, PPP RFC 1661 and 1662, PPPoE RFC 2516, Cisco's framing RFC 1547, IPv4
// RFC 791, IPv6 RFC 8200, its other extension headers RFC 4302, 6275, 7401,
// 5533.
//
//===----------------------------------------------------------------------===//

#include "Headers.h"
#include <cstring>
#include <pcap/pcap.h>

using namespace nm::traffic;

namespace {

enum EtherType : unsigned {
  kNone = 0,
  kCookedLlc = 4, ///< of Linux cooked captures: no EtherType but LLC
  kIPv4 = 0x0800,
  kTag = 0x8100,
  kServiceTag = 0x88a8,
  kOldServiceTag = 0x9100,
  kIPv6 = 0x86dd,
  kMpls = 0x8847,
  kMplsMulticast = 0x8848,
  kPppoeSession = 0x8864,
};

/// Tags and labels that are looked through.
constexpr int kMostTags = 16;

class Reader {
public:
  Reader(const uint8_t *data, size_t size) : data(data), size(size) {}
  Headers run(int link);

private:
  bool has(size_t count) const { return at + count <= size; }
  unsigned u8(size_t offset) const {
    return has(offset + 1) ? data[at + offset] : 0;
  }
  unsigned u16(size_t offset) const { return u8(offset) << 8 | u8(offset + 1); }
  uint64_t number(size_t offset, size_t bytes) const {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i)
      value = value << 8 | u8(offset + i);
    return value;
  }

  /// Each begins at `at` and gives the EtherType of what follows there.
  unsigned linkHeader(int link);
  unsigned lengthOrType(unsigned number);
  unsigned llc();
  unsigned ppp();
  unsigned hdlc();
  unsigned pppoe();
  unsigned labels();
  unsigned byVersion() const;

  void ipv4();
  void ipv6();
  void ports();

  const uint8_t *data;
  size_t size;
  size_t at = 0;
  Headers result;
};

/// IP says its version itself.
unsigned Reader::byVersion() const {
  unsigned version = u8(0) >> 4;
  return version == 4 ? kIPv4 : version == 6 ? kIPv6 : kNone;
}

/// The protocol field, which may be compressed to one byte, with or without
/// HDLC's address and control in front of it.
unsigned Reader::ppp() {
  if (u16(0) == 0xff03)
    at += 2;
  unsigned protocol = u8(0);
  if (protocol & 1) {
    at += 1;
  } else {
    protocol = u16(0);
    at += 2;
  }
  switch (protocol) {
  case 0x0021:
    return kIPv4;
  case 0x0057:
    return kIPv6;
  case 0x0281:
    return kMpls;
  case 0x0283:
    return kMplsMulticast;
  default:
    return kNone;
  }
}

/// Cisco's framing has an EtherType behind address and control.
unsigned Reader::hdlc() {
  unsigned address = u8(0);
  if (address != 0x0f && address != 0x8f)
    return ppp();
  unsigned type = u16(2);
  at += 4;
  return type;
}

unsigned Reader::pppoe() {
  // Version and type 1, code 0 for session data; the id and the length.
  bool isSession = u8(0) == 0x11 && u8(1) == 0;
  at += 6;
  return isSession ? ppp() : unsigned(kNone);
}

unsigned Reader::labels() {
  for (int i = 0; i < kMostTags && has(4); ++i) {
    bool isLast = u8(2) & 1;
    at += 4;
    if (isLast)
      return byVersion();
  }
  return kNone;
}

/// LLC, behind which SNAP may have an EtherType.
unsigned Reader::llc() {
  if (u16(0) != 0xaaaa || u8(2) != 3 || number(3, 3) != 0)
    return kNone;
  unsigned type = u16(6);
  at += 8;
  return type;
}

/// What stands behind addresses or a tag: a length has LLC behind it.
unsigned Reader::lengthOrType(unsigned number) {
  return number > 1500 ? number : llc();
}

unsigned Reader::linkHeader(int link) {
  unsigned type = kNone;
  switch (link) {
  case DLT_EN10MB:
    type = u16(12);
    at = 14;
    return lengthOrType(type);
  case DLT_LINUX_SLL:
    type = u16(14);
    at = 16;
    return type == kCookedLlc ? llc() : type;
  case DLT_LINUX_SLL2:
    type = u16(0);
    at = 20;
    return type == kCookedLlc ? llc() : type;
  case DLT_NULL:
  case DLT_LOOP:
    // The family's number differs between systems; the version does not.
    at = 4;
    return byVersion();
  case DLT_PPP:
    return ppp();
  case DLT_PPP_SERIAL:
  case DLT_C_HDLC:
    return hdlc();
  case DLT_PPP_WITH_DIR:
    at = 1;
    return ppp();
  case DLT_PPP_ETHER:
    return pppoe();
  case DLT_MPLS:
    return labels();
  default:
    return byVersion();
  }
}

void Reader::ports() {
  // TCP, UDP, DCCP, SCTP and UDP-Lite begin with both ports.
  unsigned protocol = result.key[32];
  if ((protocol != 6 && protocol != 17 && protocol != 33 && protocol != 132 &&
       protocol != 136) ||
      !has(4))
    return;
  result.sourcePort = u16(0);
  result.destinationPort = u16(2);
  std::memcpy(&result.key[33], data + at, 4);
}

void Reader::ipv4() {
  unsigned header = (u8(0) & 15) * 4;
  if (u8(0) >> 4 != 4 || header < 20 || !has(20))
    return;
  result.hasIp = true;
  result.tos = u8(1);
  result.protocol = u8(9);
  result.source = number(12, 4);
  result.destination = number(16, 4);
  result.key[32] = static_cast<uint8_t>(result.protocol);
  std::memcpy(&result.key[0], data + at + 12, 4);
  std::memcpy(&result.key[16], data + at + 16, 4);
  result.key[39] = 4;
  // Only the first fragment has ports; the others would make another flow, so
  // that no fragmented packet counts its ports.
  bool isFragment = (u16(6) & 0x3fff) != 0;
  at += header;
  if (!isFragment)
    ports();
}

void Reader::ipv6() {
  if (u8(0) >> 4 != 6 || !has(40))
    return;
  result.hasIp = true;
  result.tos = (u16(0) >> 4) & 255;
  result.sourcePrefix = number(8, 8);
  result.source = number(16, 8);
  result.destinationPrefix = number(24, 8);
  result.destination = number(32, 8);
  std::memcpy(&result.key[0], data + at + 8, 32);
  result.key[39] = 6;
  unsigned next = u8(6);
  bool isFragment = false;
  at += 40;
  // At most a few in practice; each has eight bytes at least.
  for (int i = 0; i < kMostTags && !isFragment && has(8); ++i) {
    size_t length;
    switch (next) {
    case 0:   // hop-by-hop options
    case 43:  // routing
    case 60:  // destination options
    case 135: // mobility
    case 139: // host identity
    case 140: // shim6
      length = 8 + u8(1) * 8;
      break;
    case 44: // a fragment, unless it has neither offset nor successor
      length = 8;
      isFragment = (u16(2) & 0xfff9) != 0;
      break;
    case 51: // authentication
      length = 8 + u8(1) * 4;
      break;
    default:
      length = 0;
    }
    if (length == 0)
      break;
    next = u8(0);
    at += length;
  }
  result.protocol = next;
  result.key[32] = static_cast<uint8_t>(next);
  if (!isFragment)
    ports();
}

Headers Reader::run(int link) {
  unsigned type = linkHeader(link);
  for (int i = 0; i < kMostTags; ++i) {
    if (type == kTag || type == kServiceTag || type == kOldServiceTag) {
      result.priority = u8(0) >> 5;
      result.vlan = u16(0) & 0xfff;
      unsigned next = u16(2);
      at += 4;
      type = lengthOrType(next);
    } else if (type == kMpls || type == kMplsMulticast) {
      type = labels();
    } else if (type == kPppoeSession) {
      type = pppoe();
    } else {
      break;
    }
  }
  if (type == kIPv4)
    ipv4();
  else if (type == kIPv6)
    ipv6();
  if (!result.hasIp) {
    result.key[0] = static_cast<uint8_t>(type >> 8);
    result.key[1] = static_cast<uint8_t>(type);
  }
  return result;
}

} // namespace

bool nm::traffic::isKnownLink(int link) {
  switch (link) {
  case DLT_EN10MB:
  case DLT_RAW:
  case DLT_IPV4:
  case DLT_IPV6:
  case DLT_LINUX_SLL:
  case DLT_LINUX_SLL2:
  case DLT_NULL:
  case DLT_LOOP:
  case DLT_PPP:
  case DLT_PPP_SERIAL:
  case DLT_C_HDLC:
  case DLT_PPP_WITH_DIR:
  case DLT_PPP_ETHER:
  case DLT_MPLS:
    return true;
  default:
    return false;
  }
}

const char *nm::traffic::knownLinks() {
  return "Ethernet, raw IP, Linux cooked (1 and 2), loopback, PPP, PPPoE, "
         "Cisco HDLC or MPLS";
}

Headers nm::traffic::readHeaders(int link, const uint8_t *data, size_t size) {
  return Reader(data, size).run(link);
}
