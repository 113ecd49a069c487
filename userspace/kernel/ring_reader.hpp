// RingReader: reads a BPF ring buffer from its own memory mapping (Documentation/bpf/ringbuf.rst).
//
// Why not libbpf's: pairing needs the consumer and the producer position, which libbpf does not
// expose before 1.3. Nothing here makes a system call.
//
// The kernel writes the producer position and the records, we write the consumer position. Both are
// in the map, so a reader continues where the previous process stopped. One reader per ring; one
// thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "base/result.hpp"

namespace hb::kernel {

// A copy of the record as a T, if it is that long.
template <typename T>
std::optional<T> record_as(std::span<const std::byte> record) {
  if (record.size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, record.data(), sizeof(T));
  return value;
}

class RingReader {
 public:
  // Maps the ring behind `map_fd`, of `ring_bytes` data bytes. The descriptor is not kept.
  static Result<RingReader> map(int map_fd, std::size_t ring_bytes);

  RingReader(RingReader&& other) noexcept;
  RingReader& operator=(RingReader&&) = delete;
  ~RingReader();

  using Bytes = std::span<const std::byte>;

  // The oldest record; nothing when the ring is empty or that record is still being written. Valid
  // until pop(), which may be called only if there is one.
  std::optional<Bytes> front();
  void pop() {
    read_to_ += std::exchange(front_stride_, 0);
    if (!are_kept_ && read_to_ - released_to_ >= release_bytes_) release();
  }

  // From now on popped records are freed only by release_to(), for those who may have to be read
  // again by somebody else.
  void keep_popped() { are_kept_ = true; }
  // Frees the records before `position`, where one begins that was popped or is the next. Once for
  // several records, unless `now`, as release() does.
  void release_to(std::uint64_t position, bool now) {
    if (position == released_to_ || (!now && position - released_to_ < release_bytes_)) return;
    released_to_ = position;
    consumer_->store(position, std::memory_order_release);
  }
  // Goes on at `position`, to which another reader has come that did not free the records before
  // it. False: no record can begin there.
  bool go_on_at(std::uint64_t position) {
    if (position < read_to_ || position > reserved_to() || position % 8 != 0) return false;
    read_to_ = position;
    return true;
  }

  // Publishes the consumer position, which frees the popped records for writers: call it before
  // waiting. pop() does so only once for several records, since it invalidates a cache line of the
  // writers.
  void release() {
    released_to_ = read_to_;
    consumer_->store(read_to_, std::memory_order_release);
  }

  // Calls on_record(Bytes) for each record that was there when drain() began, oldest first; stops
  // at one that is still being written.
  template <typename OnRecord>
  void drain(OnRecord&& on_record) {
    const std::uint64_t end = reserved_to();
    while (read_to_ < end) {
      const auto record = front();
      if (!record) break;
      on_record(*record);
      pop();
    }
    release();
  }

  // Calls on_record(Bytes) for each unread record, up to one that is still being written, and
  // removes none.
  template <typename OnRecord>
  void look(OnRecord&& on_record) const {
    const std::uint64_t end = reserved_to();
    for (std::uint64_t position = read_to_; position < end;) {
      const Record record = record_at(position);
      if (record.busy) return;
      if (!record.discarded) on_record(record.data);
      position += record.stride;
    }
  }

  // The consumer position, including what release() has not published yet, and the producer
  // position.
  [[nodiscard]] std::uint64_t read_to() const { return read_to_; }
  [[nodiscard]] std::uint64_t reserved_to() const {
    return producer_->load(std::memory_order_acquire);
  }

 private:
  using Position = std::atomic<std::uint64_t>;
  static_assert(Position::is_always_lock_free && sizeof(Position) == sizeof(std::uint64_t));

  struct Record {
    bool busy;
    bool discarded;
    std::uint64_t stride;  // header and padding included
    Bytes data;
  };

  RingReader() = default;
  [[nodiscard]] Record record_at(std::uint64_t position) const;

  std::uint64_t read_to_ = 0;
  std::uint64_t released_to_ = 0;  // the published consumer position
  std::uint64_t release_bytes_ = 0;
  std::uint64_t front_stride_ = 0;  // of the record that front() returned
  bool are_kept_ = false;           // popped records, until release_to()
  std::size_t page_bytes_ = 0;
  std::size_t ring_bytes_ = 0;
  void* consumer_page_ = nullptr;
  void* producer_pages_ = nullptr;  // producer position, then the data, mapped twice in a row
  Position* consumer_ = nullptr;
  const Position* producer_ = nullptr;
  const std::byte* data_ = nullptr;
};

}  // namespace hb::kernel
