#include "kernel/ring_reader.hpp"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace hb::kernel {
namespace {

constexpr std::uint64_t kReleaseBytes = 8'192;

}  // namespace

Result<RingReader> RingReader::map(int map_fd, std::size_t ring_bytes) {
  RingReader ring;
  ring.page_bytes_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  ring.ring_bytes_ = ring_bytes;

  void* consumer = ::mmap(nullptr, ring.page_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  int code = errno;
  if (consumer == MAP_FAILED) return os_error(code, "mapping the ring's consumer page");
  ring.consumer_page_ = consumer;

  void* producer = ::mmap(nullptr, ring.page_bytes_ + 2 * ring_bytes, PROT_READ, MAP_SHARED, map_fd,
                          static_cast<off_t>(ring.page_bytes_));
  code = errno;
  if (producer == MAP_FAILED) return os_error(code, "mapping the ring's records");
  ring.producer_pages_ = producer;

  ring.consumer_ = static_cast<Position*>(consumer);
  ring.producer_ = static_cast<const Position*>(producer);
  ring.data_ = static_cast<const std::byte*>(producer) + ring.page_bytes_;
  ring.read_to_ = ring.consumer_->load(std::memory_order_relaxed);
  ring.released_to_ = ring.read_to_;
  ring.release_bytes_ = std::min<std::uint64_t>(kReleaseBytes, ring_bytes / 8);
  return ring;
}

RingReader::RingReader(RingReader&& other) noexcept
    : read_to_(other.read_to_),
      released_to_(other.released_to_),
      release_bytes_(other.release_bytes_),
      front_stride_(other.front_stride_),
      are_kept_(other.are_kept_),
      page_bytes_(other.page_bytes_),
      ring_bytes_(other.ring_bytes_),
      consumer_page_(std::exchange(other.consumer_page_, nullptr)),
      producer_pages_(std::exchange(other.producer_pages_, nullptr)),
      consumer_(other.consumer_),
      producer_(other.producer_),
      data_(other.data_) {}

RingReader::~RingReader() {
  if (consumer_page_ != nullptr) ::munmap(consumer_page_, page_bytes_);
  if (producer_pages_ != nullptr) ::munmap(producer_pages_, page_bytes_ + 2 * ring_bytes_);
}

std::optional<RingReader::Bytes> RingReader::front() {
  while (read_to_ < reserved_to()) {
    const Record record = record_at(read_to_);
    if (record.busy) return std::nullopt;
    front_stride_ = record.stride;
    if (!record.discarded) return record.data;
    pop();
  }
  return std::nullopt;
}

RingReader::Record RingReader::record_at(std::uint64_t position) const {
  const std::byte* header = data_ + (position & (ring_bytes_ - 1));
  const auto& length_word = *reinterpret_cast<const std::atomic<std::uint32_t>*>(header);
  const std::uint32_t word = length_word.load(std::memory_order_acquire);

  const std::uint32_t flags = BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT;
  const std::uint32_t length = word & ~flags;
  const std::uint64_t padded = (std::uint64_t{length} + BPF_RINGBUF_HDR_SZ + 7) & ~std::uint64_t{7};
  return {.busy = (word & BPF_RINGBUF_BUSY_BIT) != 0,
          .discarded = (word & BPF_RINGBUF_DISCARD_BIT) != 0,
          .stride = padded,
          .data = {header + BPF_RINGBUF_HDR_SZ, length}};
}

}  // namespace hb::kernel
