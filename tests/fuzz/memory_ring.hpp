// MemoryRing: a BPF ring buffer in a file, written as the kernel writes one (kernel/bpf/ringbuf.c),
// for RingReader to map. Records have any length; the order of a record's parts is the kernel's, as
// far as one thread can tell.
#pragma once

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <deque>

#include "base/fd.hpp"
#include "tests/fuzz/input.hpp"

namespace hb::fuzz {

class MemoryRing {
 public:
  static constexpr std::size_t kBytes = 4096;  // a page, the least that a ring can have

  explicit MemoryRing(std::size_t bytes = kBytes)
      : bytes_(bytes), fd_(::memfd_create("ring", MFD_CLOEXEC)) {
    require(::ftruncate(fd_.get(), static_cast<off_t>(file_bytes())) == 0,
            "there is memory for a ring");
    void* memory = ::mmap(nullptr, file_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    require(memory != MAP_FAILED, "and it can be mapped");
    memory_ = static_cast<std::uint8_t*>(memory);
  }
  MemoryRing(const MemoryRing&) = delete;
  MemoryRing& operator=(const MemoryRing&) = delete;
  ~MemoryRing() { ::munmap(memory_, file_bytes()); }

  [[nodiscard]] int fd() const { return fd_.get(); }

  // Empty, after so many bytes have been through it.
  void begin(std::uint64_t position) {
    position &= ~std::uint64_t{7};
    std::memset(memory_, 0, file_bytes());
    store(kConsumerAt, position);
    store(kProducerAt, position);
    busy_.clear();
  }

  // False: there is no room. Busy: not committed yet, so nobody may read it.
  bool put(std::span<const std::uint8_t> record, std::uint32_t flags) {
    const auto at = load(kProducerAt);
    const std::uint64_t stride = (record.size() + BPF_RINGBUF_HDR_SZ + 7) & ~std::uint64_t{7};
    if (at + stride - load(kConsumerAt) > bytes_ - 1) return false;
    const std::uint32_t word = static_cast<std::uint32_t>(record.size()) | flags;
    write(at, word);
    for (std::size_t i = 0; i < record.size(); ++i) write(at + BPF_RINGBUF_HDR_SZ + i, record[i]);
    store(kProducerAt, at + stride);
    if ((flags & BPF_RINGBUF_BUSY_BIT) != 0) busy_.push_back({at, word & ~BPF_RINGBUF_BUSY_BIT});
    return true;
  }

  [[nodiscard]] bool has_busy() const { return !busy_.empty(); }

  // The oldest busy record.
  void commit() {
    write(busy_.front().at, busy_.front().word);
    busy_.pop_front();
  }

 private:
  static constexpr std::size_t kConsumerAt = 0;
  static constexpr std::size_t kProducerAt = 4096;
  static constexpr std::size_t kDataAt = 2 * 4096;

  [[nodiscard]] std::size_t file_bytes() const { return kDataAt + 2 * bytes_; }

  struct Busy {
    std::uint64_t at;
    std::uint32_t word;  // of its header, once it is committed
  };

  [[nodiscard]] std::uint64_t load(std::size_t at) const {
    std::uint64_t position = 0;
    std::memcpy(&position, memory_ + at, sizeof(position));
    return position;
  }
  void store(std::size_t at, std::uint64_t position) {
    std::memcpy(memory_ + at, &position, sizeof(position));
  }

  // The kernel maps the data twice in a row; here they are there twice.
  void write(std::uint64_t position, std::uint8_t byte) {
    const std::size_t at = kDataAt + position % bytes_;
    memory_[at] = byte;
    memory_[at + bytes_] = byte;
  }
  void write(std::uint64_t position, std::uint32_t word) {
    for (std::size_t i = 0; i < sizeof(word); ++i) {
      write(position + i, static_cast<std::uint8_t>(word >> (8 * i)));
    }
  }

  const std::size_t bytes_;
  const Fd fd_;
  std::uint8_t* memory_ = nullptr;
  std::deque<Busy> busy_;
};

}  // namespace hb::fuzz
