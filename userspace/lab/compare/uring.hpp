// Uring: a minimal io_uring(7) to send one datagram at a time, without liburing.
//
// Owns the ring and its mappings. One thread.
#pragma once

#include <linux/io_uring.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::compare {

class Uring {
 public:
  // `flags`: IORING_SETUP_*.
  static Result<Uring> open(std::uint32_t flags);

  [[nodiscard]] bool has(std::uint32_t feature) const {
    return (parameters_.features & feature) != 0;
  }

  // Queues one IORING_OP_SEND and waits for its completion.
  Result<> send(int socket_fd, std::span<const std::uint8_t> bytes);

 private:
  // One shared mapping.
  class Mapping {
   public:
    static Result<Mapping> make(const Fd& ring, std::size_t bytes, std::uint64_t offset);
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&&) = delete;
    ~Mapping();

    template <typename T>
    T* at(std::size_t offset) const {
      return reinterpret_cast<T*>(static_cast<std::byte*>(start_) + offset);
    }

   private:
    Mapping(void* start, std::size_t bytes) : start_(start), bytes_(bytes) {}

    void* start_;
    std::size_t bytes_;
  };

  Uring(Fd ring, const io_uring_params& parameters, Mapping queues, Mapping entries)
      : ring_(std::move(ring)),
        parameters_(parameters),
        queues_(std::move(queues)),
        entries_(std::move(entries)) {}

  void queue(int socket_fd, std::span<const std::uint8_t> bytes);
  Result<> enter();
  Result<> take_completion();

  Fd ring_;
  io_uring_params parameters_;
  Mapping queues_;   // both, in one (IORING_FEAT_SINGLE_MMAP, Linux 5.4)
  Mapping entries_;  // of the submission queue
};

}  // namespace hb::compare
