//===- Output.cpp - Departures as CSV and captures -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Output.h"
#include <algorithm>
#include <cinttypes>
#include <pcap/pcap.h>

using namespace nm;
using namespace nm::traffic;

DepartureWriter::~DepartureWriter() = default;

namespace {

class CsvWriter : public DepartureWriter {
public:
  CsvWriter(support::OutputFile &out, const Source &source)
      : file(out.stream()), columns(source.columns().size()) {
    std::fputs("departure,arrival,number", file);
    for (const std::string &name : source.columns())
      std::fprintf(file, ",%s", name.c_str());
    std::fputc('\n', file);
  }
  void write(const Departure &departure) override {
    std::fprintf(file, "%" PRId64 ",%" PRId64 ",%" PRIu64, departure.departure,
                 departure.arrival, departure.number);
    for (size_t i = 0; i < columns; ++i)
      std::fprintf(file, ",%" PRIu64, departure.values[i]);
    std::fputc('\n', file);
  }

private:
  FILE *file;
  size_t columns;
};

class PcapWriter : public DepartureWriter {
public:
  PcapWriter(support::OutputFile &out, const Source &source)
      : file(out.stream()) {
    for (size_t i = 0; i < source.columns().size(); ++i)
      if (source.columns()[i] == "tos")
        tos = static_cast<int>(i);
  }
  ~PcapWriter() override {
    if (handle)
      pcap_close(handle);
  }
  support::Status begin(int link) {
    handle = pcap_open_dead_with_tstamp_precision(link, 262144,
                                                  PCAP_TSTAMP_PRECISION_NANO);
    dumper = handle ? pcap_dump_fopen(handle, file) : nullptr;
    if (dumper)
      return {};
    return support::makeError(support::Errc::Io,
                              handle ? pcap_geterr(handle)
                                     : "cannot begin a pcap file");
  }
  void write(const Departure &departure) override {
    pcap_pkthdr header{};
    header.ts.tv_sec = departure.departure / 1000000000;
    header.ts.tv_usec = departure.departure % 1000000000;
    header.len = static_cast<bpf_u_int32>(departure.length);
    uint8_t made[42] = {};
    const uint8_t *data = made;
    header.caplen = sizeof(made);
    if (departure.bytes) {
      data = departure.bytes->data();
      header.caplen = static_cast<bpf_u_int32>(departure.bytes->size());
    } else {
      headers(departure, made);
      header.len = std::max<bpf_u_int32>(header.len, sizeof(made));
    }
    pcap_dump(reinterpret_cast<u_char *>(dumper), &header, data);
  }
  void finish() override { pcap_dump_flush(dumper); }

private:
  /// Ethernet, IPv4, UDP; the flow's number is in addresses and ports.
  void headers(const Departure &departure, uint8_t *p) const {
    uint64_t length = departure.length > 42 ? departure.length : 42;
    auto put16 = [](uint8_t *at, uint64_t value) {
      at[0] = static_cast<uint8_t>(value >> 8);
      at[1] = static_cast<uint8_t>(value);
    };
    p[0] = p[6] = 2; // locally administered addresses
    p[11] = 1;
    put16(p + 12, 0x0800);
    uint8_t *ip = p + 14;
    ip[0] = 0x45;
    ip[1] = tos < 0 ? 0 : static_cast<uint8_t>(departure.values[tos]);
    put16(ip + 2, std::min<uint64_t>(length - 14, 65535));
    ip[8] = 64;
    ip[9] = 17;
    ip[12] = ip[16] = 10;
    ip[13] = static_cast<uint8_t>(departure.flow >> 32);
    put16(ip + 14, departure.flow >> 16);
    ip[19] = 1;
    uint64_t sum = 0;
    for (int i = 0; i < 20; i += 2)
      sum += ip[i] * 256u + ip[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, ~sum);
    put16(ip + 20, departure.flow);
    put16(ip + 22, 9);
    put16(ip + 24, std::min<uint64_t>(length - 34, 65515));
  }

  FILE *file;
  pcap_t *handle = nullptr;
  pcap_dumper_t *dumper = nullptr;
  int tos = -1;
};

} // namespace

WriterResult nm::traffic::openDepartureCsv(support::OutputFile &out,
                                           const Source &source) {
  if (!out.stream())
    return out.prepare().error();
  return std::unique_ptr<DepartureWriter>(
      std::make_unique<CsvWriter>(out, source));
}

WriterResult nm::traffic::openDeparturePcap(support::OutputFile &out,
                                            const Source &source) {
  if (!out.stream())
    return out.prepare().error();
  auto writer = std::make_unique<PcapWriter>(out, source);
  NM_RETURN_IF_ERROR(
      writer->begin(source.bytes() ? source.linkType() : DLT_EN10MB));
  return std::unique_ptr<DepartureWriter>(std::move(writer));
}
