//===- Headers.h - What the headers of a packet say -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRAFFIC_HEADERS_H
#define NM_LIB_TRAFFIC_HEADERS_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace nm::traffic {

/// Addresses, ports and protocol, or the EtherType alone.
using FlowKey = std::array<uint8_t, 40>;

/// What a packet does not have is 0.
struct Headers {
  /// Of the innermost tag of IEEE 802.1Q.
  uint64_t vlan = 0, priority = 0;
  bool hasIp = false;
  /// The traffic class of IPv6; DSCP is its upper six bits.
  uint64_t tos = 0, protocol = 0;
  uint64_t sourcePort = 0, destinationPort = 0;
  /// Addresses of IPv4, or the lower 64 bits of those of IPv6, whose upper 64
  /// are the prefix.
  uint64_t source = 0, destination = 0;
  uint64_t sourcePrefix = 0, destinationPrefix = 0;
  FlowKey key{};
};

/// Whether readHeaders knows the link type, numbered as libpcap does.
bool isKnownLink(int link);
/// For messages: "Ethernet, raw IP, ...".
const char *knownLinks();

/// Reads the link's header, tags, labels and PPP, then IP and ports, of the
/// `size` bytes that were captured. What lies inside a tunnel is not looked at.
Headers readHeaders(int link, const uint8_t *data, size_t size);

} // namespace nm::traffic

#endif // NM_LIB_TRAFFIC_HEADERS_H
