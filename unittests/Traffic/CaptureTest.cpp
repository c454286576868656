//===- CaptureTest.cpp - Captures byte by byte -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files written from the specifications: pcap and pcapng of the IETF drafts
// (opsawg-pcap, opsawg-pcapng), link types of www.tcpdump.org/linktypes.html,
// headers of the RFCs and IEEE 802.1Q. libpcap's filters, which are compiled
// for each link type, say independently whether a packet has a port or a tag.
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Traffic/Source.h"
#include "gtest/gtest.h"
#include <map>
#include <pcap/pcap.h>
#include <set>

using namespace nm::traffic;

namespace {

using Bytes = std::string;

/// "dead beef" as two times two bytes.
Bytes hex(const std::string &text) {
  Bytes bytes;
  int digits = 0, value = 0;
  for (char c : text) {
    if (c == ' ')
      continue;
    value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    if (++digits % 2 == 0) {
      bytes += static_cast<char>(value);
      value = 0;
    }
  }
  return bytes;
}

Bytes little(uint64_t value, int bytes) {
  Bytes result;
  for (int i = 0; i < bytes; ++i)
    result += static_cast<char>(value >> 8 * i);
  return result;
}

/// Little-endian, nanoseconds, one packet a microsecond.
Bytes pcap(unsigned link, const std::vector<Bytes> &packets) {
  Bytes file = little(0xa1b23c4d, 4) + little(2, 2) + little(4, 2) +
               little(0, 8) + little(262144, 4) + little(link, 4);
  for (size_t i = 0; i < packets.size(); ++i)
    file += little(1, 4) + little(1000 * i, 4) + little(packets[i].size(), 4) +
            little(packets[i].size(), 4) + packets[i];
  return file;
}

Bytes block(unsigned type, Bytes body) {
  body.resize((body.size() + 3) / 4 * 4);
  Bytes length = little(body.size() + 12, 4);
  return little(type, 4) + length + body + length;
}

/// Section, interface (with if_tsresol 10^-9), then enhanced packets.
Bytes pcapng(unsigned link, const std::vector<Bytes> &packets) {
  Bytes file = block(0x0a0d0d0a, little(0x1a2b3c4d, 4) + little(1, 2) +
                                     little(0, 2) + little(UINT64_MAX, 8));
  file += block(1, little(link, 2) + little(0, 2) + little(262144, 4) +
                       little(9, 2) + little(1, 2) + hex("09000000") +
                       little(0, 4));
  for (size_t i = 0; i < packets.size(); ++i) {
    uint64_t time = 1000000000 + 1000 * i;
    file += block(6, little(0, 4) + little(time >> 32, 4) + little(time, 4) +
                         little(packets[i].size(), 4) +
                         little(packets[i].size(), 4) + packets[i]);
  }
  return file;
}

using Row = std::map<std::string, uint64_t>;

std::vector<Row> read(const Bytes &file, std::vector<Source::Note> *notes) {
  std::string error;
  std::vector<Row> rows;
  auto source =
      test::opened(openPcapMemory(file.data(), file.size(), 100), error);
  EXPECT_TRUE(source) << error;
  if (!source)
    return rows;
  Arrival arrival;
  Source::Status status;
  while ((status = source->next(arrival)) == Source::Status::Packet) {
    Row row;
    for (size_t i = 0; i < source->columns().size(); ++i)
      if (arrival.values[i])
        row[source->columns()[i]] = arrival.values[i];
    row.erase("length");
    rows.push_back(row);
  }
  EXPECT_EQ(status, Source::Status::End) << source->error();
  if (notes)
    *notes = source->notes();
  return rows;
}

/// What the headers of one packet say, in both formats.
Row only(unsigned link, const Bytes &packet) {
  std::vector<Row> a = read(pcap(link, {packet}), nullptr);
  std::vector<Row> b = read(pcapng(link, {packet}), nullptr);
  EXPECT_EQ(a, b);
  return a.size() == 1 ? a[0] : Row{{"packets", a.size()}};
}

/// How many flows the packets are.
size_t flows(unsigned link, const std::vector<Bytes> &packets) {
  std::set<uint64_t> numbers;
  for (Row &row : read(pcap(link, packets), nullptr))
    numbers.insert(row["flow"]);
  return numbers.size();
}

/// Whether libpcap's filter takes the packet.
bool matches(int link, const Bytes &packet, const char *filter) {
  pcap_t *handle = pcap_open_dead(link, 262144);
  bpf_program program;
  bool result = false;
  if (pcap_compile(handle, &program, filter, 1, PCAP_NETMASK_UNKNOWN) == 0) {
    pcap_pkthdr header{};
    header.len = header.caplen = static_cast<bpf_u_int32>(packet.size());
    result = pcap_offline_filter(
                 &program, &header,
                 reinterpret_cast<const u_char *>(packet.data())) != 0;
    pcap_freecode(&program);
  } else {
    ADD_FAILURE() << filter << ": " << pcap_geterr(handle);
  }
  pcap_close(handle);
  return result;
}

/// IPv4 10.1.2.3 to 10.4.5.6, traffic class 0xb8, UDP 1000 to 53.
const Bytes kIPv4 = hex("45b80020 00010000 40110000 0a010203 0a040506"
                        "03e80035 000c0000 01020304");
const Row kUdp{{"tos", 0xb8},
               {"dscp", 46},
               {"protocol", 17},
               {"source_port", 1000},
               {"destination_port", 53},
               {"source_address", 0x0a010203},
               {"destination_address", 0x0a040506}};

/// IPv6 2001:db8::1 to 2001:db8::2, class 0x28, the given next header.
Bytes ipv6(const Bytes &next, const Bytes &body) {
  return hex("62800000") + hex("0000") + next + hex("40") +
         hex("20010db8 00000000 00000000 00000001") +
         hex("20010db8 00000000 00000000 00000002") + body;
}
Row udp6(uint64_t protocol, bool hasPorts) {
  Row row{{"tos", 0x28},
          {"dscp", 10},
          {"protocol", protocol},
          {"source_address", 1},
          {"destination_address", 2},
          {"source_prefix", 0x20010db800000000},
          {"destination_prefix", 0x20010db800000000}};
  if (hasPorts) {
    row["source_port"] = 1000;
    row["destination_port"] = 53;
  }
  return row;
}
const Bytes kUdpHeader = hex("03e80035 000c0000 01020304");
const Bytes kMacs = hex("020000000001 020000000002");

TEST(Capture, LinkTypes) {
  struct Case {
    const char *name;
    /// LINKTYPE_ in files, DLT_ for filters.
    unsigned link;
    int dlt;
    Bytes header;
  } cases[] = {
      {"Ethernet", 1, DLT_EN10MB, kMacs + hex("0800")},
      {"Ethernet, LLC and SNAP", 1, DLT_EN10MB,
       kMacs + hex("0028 aaaa03 000000 0800")},
      {"raw", 101, DLT_RAW, ""},
      {"IPv4", 228, DLT_IPV4, ""},
      {"BSD loopback", 0, DLT_NULL, hex("02000000")},
      {"OpenBSD loopback", 108, DLT_LOOP, hex("00000002")},
      // Packet type, ARPHRD, length of the address, address, protocol.
      {"cooked", 113, DLT_LINUX_SLL,
       hex("0000 0001 0006 020000000001 0000 0800")},
      // Protocol, reserved, interface, ARPHRD, packet type, address.
      {"cooked 2", 276, DLT_LINUX_SLL2,
       hex("0800 0000 00000003 0001 00 06 020000000001 0000")},
      {"cooked, LLC and SNAP", 113, DLT_LINUX_SLL,
       hex("0000 0001 0006 020000000001 0000 0004 aaaa03 000000 0800")},
      {"cooked 2, LLC and SNAP", 276, DLT_LINUX_SLL2,
       hex("0004 0000 00000003 0001 00 06 020000000001 0000 aaaa03 000000 "
           "0800")},
      {"PPP", 9, DLT_PPP, hex("0021")},
      {"PPP in HDLC", 50, DLT_PPP_SERIAL, hex("ff03 0021")},
      {"Cisco HDLC", 104, DLT_C_HDLC, hex("0f00 0800")},
      {"PPPoE without Ethernet", 51, DLT_PPP_ETHER,
       hex("11 00 0001 0022 0021")},
  };
  for (const Case &c : cases) {
    EXPECT_EQ(only(c.link, c.header + kIPv4), kUdp) << c.name;
    // Filters take PPP to be in HDLC, and look at what follows an EtherType.
    std::string name = c.name;
    if (name != "PPP" && name.find("SNAP") == std::string::npos &&
        c.dlt != DLT_PPP_ETHER)
      EXPECT_TRUE(matches(c.dlt, c.header + kIPv4,
                          "src host 10.1.2.3 and dst port 53 and udp"))
          << c.name;
  }
  EXPECT_EQ(only(9, hex("ff03 0021") + kIPv4), kUdp) << "PPP with HDLC";
  EXPECT_TRUE(matches(DLT_PPP, hex("ff03 0021") + kIPv4, "dst port 53"));
  EXPECT_EQ(only(9, hex("21") + kIPv4), kUdp) << "compressed protocol";
  EXPECT_EQ(only(204, hex("01 ff03 0021") + kIPv4), kUdp) << "with direction";
  EXPECT_EQ(only(9, hex("0057") + ipv6(hex("11"), kUdpHeader)), udp6(17, true));
  EXPECT_EQ(only(219, hex("00010140") + kIPv4), kUdp) << "MPLS alone";
}

TEST(Capture, TagsAndLabels) {
  Row tagged = kUdp;
  tagged["vlan"] = 5;
  tagged["pcp"] = 6;
  // Priority 6, VLAN 5.
  Bytes one = kMacs + hex("8100 c005 0800") + kIPv4;
  EXPECT_EQ(only(1, one), tagged);
  EXPECT_TRUE(matches(DLT_EN10MB, one, "vlan 5 and dst port 53"));
  // The innermost of two tags, as IEEE 802.1ad and as it was before.
  for (const char *outer : {"88a8", "9100", "8100"}) {
    Bytes two = kMacs + hex(outer) + hex("e064 8100 c005 0800") + kIPv4;
    EXPECT_EQ(only(1, two), tagged) << outer;
    EXPECT_TRUE(matches(DLT_EN10MB, two, "vlan 100 and vlan 5 and udp"));
  }
  // A tag may have a length behind it, and LLC with SNAP behind that.
  EXPECT_EQ(only(1, kMacs + hex("8100 c005 0028 aaaa03 000000 0800") + kIPv4),
            tagged);
  // Without SNAP the length is no EtherType: other lengths are no other flow.
  EXPECT_EQ(flows(1, {kMacs + hex("8100 c005 0003 424203"),
                      kMacs + hex("8100 c005 0004 424203 00"),
                      kMacs + hex("0003 424203")}),
            1u);
  // Labels 16 and 17, time to live 64; the second is the bottom.
  Bytes mpls = hex("00010040 00011140");
  EXPECT_EQ(only(1, kMacs + hex("8847") + mpls + kIPv4), kUdp);
  EXPECT_TRUE(matches(DLT_EN10MB, kMacs + hex("8847") + mpls + kIPv4,
                      "mpls 16 and mpls 17 and dst host 10.4.5.6"));
  EXPECT_EQ(only(1, kMacs + hex("8848") + mpls + ipv6(hex("11"), kUdpHeader)),
            udp6(17, true));
  EXPECT_EQ(only(1, kMacs + hex("8100 c005 8847") + mpls + kIPv4), tagged);
  // A pseudowire's control word is no IP.
  EXPECT_EQ(only(1, kMacs + hex("8847") + mpls + hex("00000000") + kIPv4),
            Row());
  Bytes session = kMacs + hex("8864 11 00 0001 0022 0021") + kIPv4;
  EXPECT_EQ(only(1, session), kUdp);
  EXPECT_TRUE(matches(DLT_EN10MB, session, "pppoes and src host 10.1.2.3"));
  // Discovery has no packet inside.
  EXPECT_EQ(only(1, kMacs + hex("8863 11 09 0000 0004 01010000")), Row());
}

TEST(Capture, IPv6ExtensionHeaders) {
  struct Case {
    const char *name;
    Bytes next, headers;
    Row expected;
  } cases[] = {
      {"none", hex("11"), "", udp6(17, true)},
      {"hop-by-hop, routing, destination", hex("00"),
       hex("2b00 010400000000") +
           hex("3c02 000000000000 0000000000000000"
               "0000000000000000") +
           hex("1100 010400000000"),
       udp6(17, true)},
      {"authentication: four words and two", hex("33"),
       hex("1104 0000 00000001 00000002 000000000000000000000000"),
       udp6(17, true)},
      {"mobility", hex("87"), hex("1100 000000000000"), udp6(17, true)},
      {"atomic fragment", hex("2c"), hex("1100 0000 00000007"), udp6(17, true)},
      {"first fragment", hex("2c"), hex("1100 0001 00000007"), udp6(17, false)},
      {"later fragment", hex("2c"), hex("1100 0059 00000007"), udp6(17, false)},
      {"encrypted", hex("32"), hex("00000001 00000001"), udp6(50, false)},
      {"no next header", hex("3b"), "", udp6(59, false)},
  };
  for (const Case &c : cases)
    EXPECT_EQ(
        only(1, kMacs + hex("86dd") + ipv6(c.next, c.headers + kUdpHeader)),
        c.expected)
        << c.name;
  // All fragments of a packet are one flow.
  std::vector<Row> rows =
      read(pcap(1, {kMacs + hex("86dd") +
                        ipv6(hex("2c"), hex("1100000100000007") + kUdpHeader),
                    kMacs + hex("86dd") +
                        ipv6(hex("2c"), hex("1100005800000007") + kUdpHeader)}),
           nullptr);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0], rows[1]);
}

TEST(Capture, IPv4FragmentsAndOptions) {
  Bytes options =
      hex("46b80024 00010000 40110000 0a010203 0a040506 01010101") + kUdpHeader;
  EXPECT_EQ(only(101, options), kUdp);
  Bytes fragment = kIPv4;
  fragment[6] = 0x20;
  Row expected = kUdp;
  expected.erase("source_port");
  expected.erase("destination_port");
  EXPECT_EQ(only(101, fragment), expected);
}

/// Cut anywhere, a packet has what is left of its headers, and no more.
TEST(Capture, CutHeaders) {
  Bytes whole = kMacs + hex("8100 c005 86dd") +
                ipv6(hex("00"), hex("1100 010400000000") + kUdpHeader);
  for (size_t size = 1; size < whole.size(); ++size) {
    Row row = only(1, whole.substr(0, size));
    EXPECT_EQ(row.count("source_address"), size >= 18 + 40) << size;
    EXPECT_EQ(row.count("destination_port"), size >= 18 + 40 + 8 + 4) << size;
  }
}

TEST(Capture, SaysHowManyHaveNoIp) {
  Bytes arp = kMacs + hex("0806 0001");
  std::vector<Source::Note> notes;
  std::vector<Row> rows = read(pcap(1, {arp, kMacs + hex("0800") + kIPv4, arp,
                                        kMacs + hex("0003 424203")}),
                               &notes);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0], rows[2]);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_FALSE(notes[0].isWarning);
  EXPECT_EQ(notes[0].text,
            "<memory>: 3 of 4 packets have no IP header; one flow for each "
            "EtherType, addresses and ports 0");
  read(pcap(1, {kMacs + hex("0800") + kIPv4}), &notes);
  EXPECT_TRUE(notes.empty());
}

TEST(Capture, TornLastPacketIsAWarning) {
  for (bool next : {false, true}) {
    Bytes packet = kMacs + hex("0800") + kIPv4;
    Bytes file = next ? pcapng(1, {packet, packet, packet})
                      : pcap(1, {packet, packet, packet});
    std::vector<Source::Note> notes;
    EXPECT_EQ(read(file.substr(0, file.size() - 5), &notes).size(), 2u);
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_TRUE(notes[0].isWarning);
    EXPECT_NE(notes[0].text.find("<memory>: packet 3 "), Bytes::npos);
    EXPECT_NE(notes[0].text.find("is cut off by the end of the capture"),
              Bytes::npos)
        << notes[0].text;
  }
}

TEST(Capture, NamesThePacketOfLengthZero) {
  std::string error;
  Bytes file = pcap(1, {kMacs + hex("0800") + kIPv4, ""});
  auto source =
      test::opened(openPcapMemory(file.data(), file.size(), 9), error);
  ASSERT_TRUE(source) << error;
  Arrival arrival;
  EXPECT_EQ(source->next(arrival), Source::Status::Packet);
  EXPECT_EQ(source->next(arrival), Source::Status::Error);
  EXPECT_EQ(source->error(), "<memory>: packet 2 (offset 86): a length of 0 "
                             "bytes; expected 1 to 2^24");
}

TEST(Capture, NamesOtherLinkTypes) {
  std::string error;
  Bytes file = pcap(105, {});
  EXPECT_FALSE(
      test::opened(openPcapMemory(file.data(), file.size(), 9), error));
  EXPECT_EQ(error,
            "<memory>: link type IEEE802_11; expected Ethernet, raw IP, "
            "Linux cooked (1 and 2), loopback, PPP, PPPoE, Cisco HDLC or "
            "MPLS");
}

} // namespace
