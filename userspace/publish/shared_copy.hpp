// SharedCopy: the latest value of a plain struct, in memory that two processes share. The writer
// never waits; a reader gets a whole value, or none.
//
// Two buffers: the writer fills the one that is not current, then makes it current. So a writer
// that is stopped in the middle does no harm. A reader that was overtaken copies again. All words
// are atomics (release and acquire, which cost nothing on x86): no data race, and no fence.
//
// All zero is valid: nothing was written. One writer; any number of readers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace hb {

template <typename T>
class SharedCopy {
 public:
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0);

  // Only the first `bytes` of it, where a struct ends with rows that are not in use; what is behind
  // them is then of an earlier value.
  void write(const T& value, std::size_t bytes = sizeof(T)) {
    const std::uint64_t next = written_ + 1;
    std::atomic<std::uint64_t>* to = buffers_[next % 2];
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    const std::size_t words = (bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
    for (std::size_t i = 0; i < words && i < kWords; ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, from + i * sizeof(word), sizeof(word));
      to[i].store(word, std::memory_order_release);
    }
    written_ = next;
    current_.store(next, std::memory_order_release);
  }

  // False: nothing was written yet, or the writer was faster time and again.
  [[nodiscard]] bool read(T& value) const {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const std::uint64_t current = current_.load(std::memory_order_acquire);
      if (current == 0) return false;
      copy(buffers_[current % 2], value);
      // While it is current nobody writes to its buffer.
      if (current_.load(std::memory_order_acquire) == current) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t kWords = sizeof(T) / sizeof(std::uint64_t);
  static constexpr int kAttempts = 100;

  static void copy(const std::atomic<std::uint64_t>* from, T& value) {
    auto* to = reinterpret_cast<std::byte*>(&value);
    for (std::size_t i = 0; i < kWords; ++i) {
      const std::uint64_t word = from[i].load(std::memory_order_acquire);
      std::memcpy(to + i * sizeof(word), &word, sizeof(word));
    }
  }

  std::uint64_t written_ = 0;  // the writer's own: it believes no word that a reader could change
  std::atomic<std::uint64_t> current_;
  std::atomic<std::uint64_t> buffers_[2][kWords];
};

}  // namespace hb
