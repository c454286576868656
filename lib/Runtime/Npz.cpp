//===- Npz.cpp - an npz archive as a checkpoint ---------------------------===//

#include "CheckpointFormats.h"
#include "Memory.h"
#include "Npy.h"
#include "Support.h"
#include <algorithm>
#include <mutex>
#include <zip.h>

namespace nm::rt {

namespace {
struct ZipClose {
  void operator()(zip_t *archive) const { zip_discard(archive); }
  void operator()(zip_file_t *file) const { zip_fclose(file); }
};

class NpzCheckpoint final : public Checkpoint {
public:
  NpzCheckpoint(const std::string &path, FileImage fileImage)
      : Checkpoint(path, Format::Npz), image(std::move(fileImage)) {
    identities.push_back(image.identity);
  }

  Status open();

protected:
  Result<LoadedTensor> readIndex(size_t index) const override;

private:
  struct Member {
    std::string name;
    zip_uint64_t zipIndex = 0;
    uint64_t size = 0;
    NpyHeader header;
  };

  FileImage image;
  std::unique_ptr<zip_t, ZipClose> archive;
  std::vector<Member> members;
  /// libzip archives are not thread safe.
  mutable std::mutex mutex;

  std::string where(const std::string &name) const {
    return path() + ": member " + quote(name);
  }
  Status checkMember(const zip_stat_t &stat, const std::string &name) const;
  Result<NpyHeader> readHeader(const Member &member) const;
  Status readBytes(zip_file_t *file, unsigned char *to, uint64_t bytes,
                   const std::string &name) const;
};
} // namespace

Status NpzCheckpoint::open() {
  // libzip takes a file without bytes for an archive without members.
  if (image.size == 0)
    return makeError(Errc::Format, path(),
                     ": found 0 bytes: not a readable zip archive");
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source =
      zip_source_buffer_create(image.data, image.size, 0, &error);
  if (source)
    archive.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (!archive) {
    std::string reason = zip_error_strerror(&error);
    if (source)
      zip_source_free(source);
    zip_error_fini(&error);
    return makeError(Errc::Format, path(),
                     ": not a readable zip archive: ", reason);
  }
  zip_error_fini(&error);

  zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < entries; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat_index(archive.get(), zip_uint64_t(i), 0, &stat) != 0 ||
        !(stat.valid & ZIP_STAT_NAME))
      return makeError(Errc::Format, path(), ": cannot read zip entry ", i);
    std::string name = stat.name;
    if (name.size() < 4 || name.compare(name.size() - 4, 4, ".npy") != 0)
      continue; // an archive may hold more than arrays
    name.resize(name.size() - 4);
    NM_RETURN_IF_ERROR(checkMember(stat, name));
    Member member;
    member.name = std::move(name);
    member.zipIndex = zip_uint64_t(i);
    member.size = stat.size;
    Result<NpyHeader> header = readHeader(member);
    if (!header)
      return header.error();
    member.header = std::move(*header);
    members.push_back(std::move(member));
  }
  std::sort(members.begin(), members.end(),
            [](const Member &a, const Member &b) { return a.name < b.name; });
  std::vector<TensorInfo> list;
  list.reserve(members.size());
  for (const Member &member : members)
    list.push_back({member.name, member.header.dtype, member.header.dtypeText,
                    member.header.shape, TensorInfo::Storage::NpzMember});
  return setTensors(std::move(list));
}

/// Refuses what cannot be read, and sizes that the compressed bytes cannot
/// expand to, before anything is allocated for them.
Status NpzCheckpoint::checkMember(const zip_stat_t &stat,
                                  const std::string &name) const {
  constexpr zip_uint64_t needed =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if ((stat.valid & needed) != needed)
    return makeError(Errc::Format, where(name),
                     ": the zip directory lacks its sizes");
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) &&
      stat.encryption_method != ZIP_EM_NONE)
    return makeError(Errc::Unsupported, where(name), ": is encrypted");
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
    return makeError(Errc::Unsupported, where(name), ": compression method ",
                     stat.comp_method, ", expected stored (0) or deflated (8)");
  // Deflate expands at most 1032 times.
  uint64_t most = stat.comp_size > image.size ? 0
                  : stat.comp_method == ZIP_CM_STORE
                      ? stat.comp_size
                      : stat.comp_size * 1032 + 64;
  if (stat.size > most)
    return makeError(Errc::Format, where(name), ": claims ", stat.size,
                     " bytes, but its ", stat.comp_size,
                     " stored bytes cannot hold more than ", most);
  return {};
}

Status NpzCheckpoint::readBytes(zip_file_t *file, unsigned char *to,
                                uint64_t bytes, const std::string &name) const {
  uint64_t done = 0;
  while (done < bytes) {
    zip_int64_t got = zip_fread(file, to + done, bytes - done);
    if (got < 0)
      return makeError(Errc::Format, where(name),
                       ": cannot read: ", zip_file_strerror(file));
    if (got == 0)
      return makeError(Errc::Format, where(name), ": found ", done,
                       " bytes, expected ", bytes);
    done += static_cast<uint64_t>(got);
  }
  return {};
}

Result<NpyHeader> NpzCheckpoint::readHeader(const Member &member) const {
  std::unique_ptr<zip_file_t, ZipClose> file(
      zip_fopen_index(archive.get(), member.zipIndex, 0));
  if (!file)
    return makeError(Errc::Format, where(member.name),
                     ": cannot open: ", zip_strerror(archive.get()));
  // The fixed part first; it says how much more the header takes.
  constexpr uint64_t fixed = 12;
  std::vector<unsigned char> bytes(std::min(member.size, fixed));
  NM_RETURN_IF_ERROR(
      readBytes(file.get(), bytes.data(), bytes.size(), member.name));
  if (bytes.size() == fixed) {
    uint64_t length = bytes[6] == 1
                          ? 10 + uint64_t(loadUnaligned<uint16_t>(&bytes[8]))
                          : fixed + loadUnaligned<uint32_t>(&bytes[8]);
    length = std::min({length, member.size, fixed + kMaxNpyHeader});
    if (length > fixed) {
      bytes.resize(length);
      NM_RETURN_IF_ERROR(readBytes(file.get(), bytes.data() + fixed,
                                   length - fixed, member.name));
    }
  }
  return parseNpyHeader(bytes.data(), bytes.size(), member.size,
                        where(member.name));
}

Result<LoadedTensor> NpzCheckpoint::readIndex(size_t index) const {
  const Member &member = members[index];
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<zip_file_t, ZipClose> file(
      zip_fopen_index(archive.get(), member.zipIndex, 0));
  if (!file)
    return makeError(Errc::Format, where(member.name),
                     ": cannot open: ", zip_strerror(archive.get()));
  std::vector<unsigned char> header(member.header.dataBegin);
  NM_RETURN_IF_ERROR(
      readBytes(file.get(), header.data(), header.size(), member.name));
  uint64_t bytes = member.size - member.header.dataBegin;
  std::shared_ptr<unsigned char> buffer = allocateBuffer(bytes);
  NM_RETURN_IF_ERROR(readBytes(file.get(), buffer.get(), bytes, member.name));
  // Reading to the end makes libzip compare the checksum.
  unsigned char extra;
  zip_int64_t rest = zip_fread(file.get(), &extra, 1);
  if (rest != 0)
    return makeError(Errc::Format, where(member.name), ": ",
                     rest > 0 ? "holds more bytes than the directory says"
                              : zip_file_strerror(file.get()));
  LoadedTensor loaded;
  loaded.tensor = {npyView(member.header, buffer.get()), buffer};
  return loaded;
}

Result<CheckpointPtr> openNpz(const std::string &path, FileImage image) {
  auto checkpoint = std::make_shared<NpzCheckpoint>(path, std::move(image));
  NM_RETURN_IF_ERROR(checkpoint->open());
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
