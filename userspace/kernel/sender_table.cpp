#include "kernel/sender_table.hpp"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

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

hb_sender* SenderTable::find(std::uint32_t slot, std::uint64_t generation_ns) const {
  if (slot >= senders_) return nullptr;
  hb_sender* sender = static_cast<hb_sender*>(memory_) + slot;
  return read(sender->generation_ns) == generation_ns ? sender : nullptr;
}

std::optional<Attempt> SenderTable::last_attempt(std::uint32_t slot,
                                                 std::uint64_t generation_ns) const {
  hb_sender* sender = find(slot, generation_ns);
  if (sender == nullptr) return std::nullopt;
  const std::uint64_t attempted_ns = read(sender->attempted_ns);
  Attempt attempt{attempted_ns, std::nullopt};
  if (read(sender->refused_ns) >= attempted_ns) {
    attempt.refused_for = static_cast<hb_drop>(read(sender->refused_for));
  }
  if (find(slot, generation_ns) == nullptr || attempted_ns == 0) return std::nullopt;
  return attempt;
}

// Both halves are read whole, as the program writes them.
Comm SenderTable::comm(std::uint32_t slot, std::uint64_t generation_ns) const {
  hb_sender* sender = find(slot, generation_ns);
  if (sender == nullptr) return {};
  auto* words = reinterpret_cast<std::uint64_t*>(sender->comm);
  const std::array<std::uint64_t, 2> read_words{read(words[0]), read(words[1])};
  if (find(slot, generation_ns) == nullptr) return {};
  std::array<char, sizeof(read_words)> bytes{};
  std::memcpy(bytes.data(), read_words.data(), bytes.size());
  return Comm(std::string_view(bytes.data(), bytes.size()));
}

std::optional<FatalSignal> SenderTable::fatal(std::uint32_t slot,
                                              std::uint64_t generation_ns) const {
  hb_sender* sender = find(slot, generation_ns);
  if (sender == nullptr) return std::nullopt;
  const FatalSignal fatal{read(sender->fatal_ns), read(sender->fatal_signal)};
  if (find(slot, generation_ns) == nullptr || fatal.at_ns == 0) return std::nullopt;
  return fatal;
}

}  // namespace hb::kernel
