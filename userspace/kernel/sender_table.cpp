#include "kernel/sender_table.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>

namespace hb::kernel {
namespace {

template <typename T>
T read(T& word) {
  return std::atomic_ref(word).load(std::memory_order_acquire);
}

}  // namespace

Result<std::unique_ptr<SenderTable>> SenderTable::map(int map_fd, std::size_t senders) {
  const std::size_t bytes = senders * sizeof(hb_sender);
  void* memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, map_fd, 0);
  const int code = errno;
  if (memory == MAP_FAILED) return os_error(code, "mapping the table of senders");
  return std::unique_ptr<SenderTable>(new SenderTable(memory, bytes, senders));
}

SenderTable::~SenderTable() { ::munmap(memory_, bytes_); }

// The generation is read before and after the rest, so the entry was not reused in between.
std::optional<Attempt> SenderTable::last_attempt(std::uint32_t slot,
                                                 std::uint64_t generation_ns) const {
  if (slot >= senders_) return std::nullopt;
  hb_sender& sender = static_cast<hb_sender*>(memory_)[slot];
  if (read(sender.generation_ns) != generation_ns) return std::nullopt;
  const std::uint64_t attempted_ns = read(sender.attempted_ns);
  Attempt attempt{attempted_ns, std::nullopt};
  if (read(sender.refused_ns) >= attempted_ns) {
    attempt.refused_for = static_cast<hb_drop>(read(sender.refused_for));
  }
  if (read(sender.generation_ns) != generation_ns || attempted_ns == 0) return std::nullopt;
  return attempt;
}

}  // namespace hb::kernel
