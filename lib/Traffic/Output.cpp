//===- Output.cpp - Files that are whole or not there -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/Output.h"
#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <pcap/pcap.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nm::traffic;

DepartureWriter::~DepartureWriter() = default;

std::unique_ptr<Output> Output::open(const std::string &path,
                                     std::string &error) {
  std::unique_ptr<Output> output(new Output());
  output->path = path;
  if (path == "-") {
    output->handle = stdout;
    return output;
  }
  std::string name = path + ".XXXXXX";
  int descriptor = ::mkstemp(name.data());
  if (descriptor < 0) {
    error = "cannot write '" + path + "': " + std::strerror(errno);
    return nullptr;
  }
  mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(descriptor, 0666 & ~mask);
  output->temporary = name;
  output->handle = ::fdopen(descriptor, "wb");
  return output;
}

Output::~Output() {
  if (temporary.empty())
    return;
  if (handle)
    std::fclose(handle);
  ::unlink(temporary.c_str());
}

bool Output::commit(std::string &error) {
  bool good = !std::ferror(handle);
  good &= std::fflush(handle) == 0;
  if (!temporary.empty() && good) {
    good = std::fclose(handle) == 0;
    handle = nullptr;
    good = good && std::rename(temporary.c_str(), path.c_str()) == 0;
    if (good)
      temporary.clear();
  }
  if (!good)
    error = "cannot write '" + path + "': " + std::strerror(errno);
  return good;
}

bool nm::traffic::writeFile(const std::string &path, const std::string &text,
                            std::string &error) {
  std::unique_ptr<Output> output = Output::open(path, error);
  if (!output)
    return false;
  std::fwrite(text.data(), 1, text.size(), output->file());
  return output->commit(error);
}

namespace {

class CsvWriter : public DepartureWriter {
public:
  CsvWriter(std::unique_ptr<Output> out, const Source &source)
      : out(std::move(out)), columns(source.columns().size()) {
    std::fputs("departure,arrival,number", this->out->file());
    for (const std::string &name : source.columns())
      std::fprintf(this->out->file(), ",%s", name.c_str());
    std::fputc('\n', this->out->file());
  }
  void write(const Departure &departure) override {
    FILE *file = out->file();
    std::fprintf(file, "%" PRId64 ",%" PRId64 ",%" PRIu64, departure.departure,
                 departure.arrival, departure.number);
    for (size_t i = 0; i < columns; ++i)
      std::fprintf(file, ",%" PRIu64, departure.values[i]);
    std::fputc('\n', file);
  }
  bool finish(std::string &error) override { return out->commit(error); }

private:
  std::unique_ptr<Output> out;
  size_t columns;
};

class PcapWriter : public DepartureWriter {
public:
  PcapWriter(std::unique_ptr<Output> out, const Source &source)
      : out(std::move(out)) {
    for (size_t i = 0; i < source.columns().size(); ++i)
      if (source.columns()[i] == "tos")
        tos = static_cast<int>(i);
  }
  ~PcapWriter() override {
    if (handle)
      pcap_close(handle);
  }
  bool begin(int link, std::string &error) {
    handle = pcap_open_dead_with_tstamp_precision(link, 262144,
                                                  PCAP_TSTAMP_PRECISION_NANO);
    dumper = handle ? pcap_dump_fopen(handle, out->file()) : nullptr;
    if (!dumper)
      error = handle ? pcap_geterr(handle) : "cannot begin a pcap file";
    return dumper;
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
  bool finish(std::string &error) override {
    return pcap_dump_flush(dumper) == 0 ? out->commit(error)
                                        : (error = "cannot write", false);
  }

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

  std::unique_ptr<Output> out;
  pcap_t *handle = nullptr;
  pcap_dumper_t *dumper = nullptr;
  int tos = -1;
};

} // namespace

std::unique_ptr<DepartureWriter>
nm::traffic::openDepartureCsv(const std::string &path, const Source &source,
                              std::string &error) {
  std::unique_ptr<Output> output = Output::open(path, error);
  if (!output)
    return nullptr;
  return std::make_unique<CsvWriter>(std::move(output), source);
}

std::unique_ptr<DepartureWriter>
nm::traffic::openDeparturePcap(const std::string &path, const Source &source,
                               std::string &error) {
  std::unique_ptr<Output> output = Output::open(path, error);
  if (!output)
    return nullptr;
  auto writer = std::make_unique<PcapWriter>(std::move(output), source);
  if (!writer->begin(source.bytes() ? source.linkType() : DLT_EN10MB, error))
    return nullptr;
  return writer;
}
