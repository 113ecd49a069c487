#include "state/state_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "vlp/crc32c.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kMagic = 0x6574'6174'7362'6568;  // "hebstate"
constexpr std::uint64_t kPage_bytes = 4096;
constexpr std::uint64_t kMost_bytes = std::uint64_t{1} << 32;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

constexpr std::size_t kMostRegions = 8;

using Text = std::array<char, StateMemory::kTextMost>;

// In the layout of this machine: it never leaves it. No padding, since all of it is checked.
struct Header {
  std::uint64_t magic;
  std::uint32_t format;
  std::uint32_t regions;
  std::array<std::uint32_t, kMostRegions> versions;
  std::array<std::uint64_t, kMostRegions> sizes;
  Text boot_id;
  Text run_id;
  std::uint64_t start_ns;
  std::uint32_t reserved;
  std::uint32_t checksum;  // of all that is before it
};
static_assert(std::has_unique_object_representations_v<Header>);
static_assert(sizeof(Header) <= kPage_bytes);
static_assert(kStateRegions <= kMostRegions);

std::uint32_t checksum(const Header& header) {
  std::array<std::uint8_t, offsetof(Header, checksum)> bytes{};
  std::memcpy(bytes.data(), &header, bytes.size());
  return vlp::crc32c(bytes);
}

Text text(std::string_view from) {
  Text to{};
  from.copy(to.data(), to.size());
  return to;
}

std::string text(const Text& from) { return {from.data(), ::strnlen(from.data(), from.size())}; }

std::uint64_t whole_pages(std::uint64_t bytes) {
  return (bytes + kPage_bytes - 1) / kPage_bytes * kPage_bytes;
}

// Where a region begins; of the one behind the last: where the memory ends.
std::uint64_t begin_of(const StateMemory::Layout& layout, std::size_t region) {
  std::uint64_t begin = kPage_bytes;
  for (std::size_t n = 0; n < region; ++n) begin += whole_pages(layout.regions[n].bytes);
  return begin;
}

std::uint64_t whole(const StateMemory::Layout& layout) { return begin_of(layout, kStateRegions); }

Header header_of(const StateMemory::Layout& layout, const StateMemory::Origin& origin) {
  Header header{};
  header.magic = kMagic;
  header.format = StateMemory::kFormat;
  header.regions = kStateRegions;
  for (std::size_t n = 0; n < kStateRegions; ++n) {
    header.versions[n] = layout.regions[n].version;
    header.sizes[n] = layout.regions[n].bytes;
  }
  header.boot_id = text(origin.boot_id);
  header.run_id = text(origin.run_id);
  header.start_ns = origin.start_ns;
  header.checksum = checksum(header);
  return header;
}

// To be called right after the call that has failed.
Error failed(const char* doing) {
  const int code = errno;
  return os_error(code, doing);
}

Error refused(const std::string& why) { return Error{"the kept state is refused: " + why}; }

// Without a seal on the size, another holder of the descriptor could make our accesses fault.
Result<> check_file(const Fd& fd, const StateMemory::Layout& layout) {
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0) return refused("it is no memfd");
  if ((seals & kSeals) != kSeals) return refused("its size is not sealed");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed("fstat of the kept state");
  if (std::cmp_less(status.st_size, kPage_bytes)) return refused("it has no header");
  Header header;
  if (::pread(fd.get(), &header, sizeof(header), 0) != ssize_t{sizeof(header)}) {
    return failed("reading the kept state's header");
  }
  if (header.magic != kMagic) return refused("it is not a state of ours");
  if (header.format != StateMemory::kFormat) {
    return refused("its format is " + std::to_string(header.format) + ", ours is " +
                   std::to_string(StateMemory::kFormat));
  }
  if (header.checksum != checksum(header)) return refused("its header has been altered");
  if (header.regions != kStateRegions) return refused("it has other regions than ours");
  for (std::size_t n = 0; n < kStateRegions; ++n) {
    if (header.versions[n] != layout.regions[n].version) {
      return refused("region " + std::to_string(n) + " has version " +
                     std::to_string(header.versions[n]) + ", ours is " +
                     std::to_string(layout.regions[n].version));
    }
    if (header.sizes[n] != layout.regions[n].bytes) {
      return refused("region " + std::to_string(n) + " has " + std::to_string(header.sizes[n]) +
                     " bytes, ours " + std::to_string(layout.regions[n].bytes) +
                     " (another --tracker-capacity?)");
    }
  }
  if (std::cmp_not_equal(status.st_size, whole(layout))) return refused("its size is not ours");
  return ok();
}

}  // namespace

Result<StateMemory> StateMemory::create(const Layout& layout, const Origin& origin) {
  if (whole(layout) > kMost_bytes) return Error{"a state of more than 4 GiB"};
  if (origin.boot_id.size() > kTextMost || origin.run_id.size() > kTextMost) {
    return Error{"a state's boot id or run id is too long"};
  }
  Fd fd(::memfd_create("hb-ebpf-state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failed("memfd_create");
  if (::ftruncate(fd.get(), static_cast<off_t>(whole(layout))) != 0) {
    return failed("ftruncate of the state");
  }
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return failed("sealing the state");
  Result<StateMemory> mapped = map(std::move(fd), layout);
  if (!mapped) return mapped;
  const Header header = header_of(layout, origin);
  std::memcpy(mapped.value().memory_, &header, sizeof(header));
  return mapped;
}

Result<StateMemory> StateMemory::adopt(Fd fd, const Layout& layout, const std::string& boot_id,
                                       std::uint64_t now_ns) {
  if (const Result<> checked = check_file(fd, layout); !checked) return checked.error();
  Result<StateMemory> mapped = map(std::move(fd), layout);
  if (!mapped) return mapped;
  const Origin origin = mapped.value().origin();
  if (origin.boot_id != boot_id) return refused("it is of another boot");
  if (origin.start_ns > now_ns) return refused("its observer starts in the future");
  return mapped;
}

Result<StateMemory> StateMemory::map(Fd fd, const Layout& layout) {
  void* memory = ::mmap(nullptr, whole(layout), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return failed("mmap of the state");
  return StateMemory(std::move(fd), static_cast<std::byte*>(memory), layout);
}

StateMemory::StateMemory(Fd fd, std::byte* memory, const Layout& layout)
    : fd_(std::move(fd)), memory_(memory), layout_(layout) {}

StateMemory::StateMemory(StateMemory&& other) noexcept
    : fd_(std::move(other.fd_)),
      memory_(std::exchange(other.memory_, nullptr)),
      layout_(other.layout_) {}

StateMemory::~StateMemory() {
  if (memory_ != nullptr) ::munmap(memory_, whole(layout_));
}

// A record lock, as the kernel releases it with the process that took it, and not, as flock(2),
// when the last of those is gone that share the open file: these are the keepers.
Result<> StateMemory::claim() const {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(fd_.get(), F_SETLK, &whole) == 0) return ok();
  const int code = errno;
  if (code != EACCES && code != EAGAIN) return os_error(code, "claiming the state (F_SETLK)");
  const bool is_known = ::fcntl(fd_.get(), F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  return Error{"another process has the kept state" +
                   (is_known ? " (pid " + std::to_string(whole.l_pid) + ")" : std::string()) +
                   ": end it first",
               EBUSY};
}

StateMemory::Origin StateMemory::origin() const {
  Header header;
  std::memcpy(&header, memory_, sizeof(header));
  return {
      .boot_id = text(header.boot_id), .run_id = text(header.run_id), .start_ns = header.start_ns};
}

std::span<std::byte> StateMemory::region(StateRegion region) const {
  const auto number = static_cast<std::size_t>(region);
  return {memory_ + begin_of(layout_, number), layout_.regions[number].bytes};
}

}  // namespace hb
