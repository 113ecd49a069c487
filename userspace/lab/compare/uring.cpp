#include "lab/compare/uring.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

namespace hb::compare {
namespace {

constexpr unsigned kEntries = 4;

// std::atomic_ref takes no const before C++26.
std::uint32_t load(std::uint32_t* word) {  // NOLINT(readability-non-const-parameter)
  return std::atomic_ref(*word).load(std::memory_order_acquire);
}

void store(std::uint32_t* word, std::uint32_t value) {  // NOLINT(readability-non-const-parameter)
  std::atomic_ref(*word).store(value, std::memory_order_seq_cst);
}

std::size_t bytes_of_queues(const io_uring_params& p) {
  return std::max(p.sq_off.array + p.sq_entries * sizeof(std::uint32_t),
                  p.cq_off.cqes + p.cq_entries * sizeof(io_uring_cqe));
}

}  // namespace

Result<Uring::Mapping> Uring::Mapping::make(const Fd& ring, std::size_t bytes,
                                            std::uint64_t offset) {
  void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                       ring.get(), static_cast<off_t>(offset));
  const int code = errno;
  if (start == MAP_FAILED) return os_error(code, "cannot map an io_uring");
  return Mapping(start, bytes);
}

Uring::Mapping::Mapping(Mapping&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)), bytes_(other.bytes_) {}

Uring::Mapping::~Mapping() {
  if (start_ != nullptr) ::munmap(start_, bytes_);
}

Result<Uring> Uring::open(std::uint32_t flags) {
  io_uring_params parameters{};
  parameters.flags = flags;
  Fd ring(static_cast<int>(::syscall(SYS_io_uring_setup, kEntries, &parameters)));
  const int code = errno;
  if (!ring) return os_error(code, "io_uring is not allowed here (io_uring_setup)");
  auto queues = Mapping::make(ring, bytes_of_queues(parameters), IORING_OFF_SQ_RING);
  if (!queues) return queues.error();
  auto entries = Mapping::make(ring, parameters.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
  if (!entries) return entries.error();
  return Uring(std::move(ring), parameters, std::move(queues).value(), std::move(entries).value());
}

Result<> Uring::send(int socket_fd, std::span<const std::uint8_t> bytes) {
  queue(socket_fd, bytes);
  if (auto entered = enter(); !entered) return entered;
  return take_completion();
}

void Uring::queue(int socket_fd, std::span<const std::uint8_t> bytes) {
  const auto& offsets = parameters_.sq_off;
  auto* tail = queues_.at<std::uint32_t>(offsets.tail);
  const std::uint32_t slot = load(tail) & *queues_.at<std::uint32_t>(offsets.ring_mask);
  io_uring_sqe entry{};
  entry.opcode = IORING_OP_SEND;
  entry.fd = socket_fd;
  entry.addr = reinterpret_cast<std::uintptr_t>(bytes.data());
  entry.len = static_cast<std::uint32_t>(bytes.size());
  entries_.at<io_uring_sqe>(0)[slot] = entry;
  queues_.at<std::uint32_t>(offsets.array)[slot] = slot;
  store(tail, load(tail) + 1);
}

// With SQPOLL the kernel's thread polls for entries; wakes it if it sleeps (IORING_SQ_NEED_WAKEUP).
Result<> Uring::enter() {
  const bool polled = (parameters_.flags & IORING_SETUP_SQPOLL) != 0;
  auto* flags = queues_.at<std::uint32_t>(parameters_.sq_off.flags);
  unsigned how = IORING_ENTER_GETEVENTS;
  if (polled && (load(flags) & IORING_SQ_NEED_WAKEUP) != 0) how |= IORING_ENTER_SQ_WAKEUP;
  for (;;) {
    if (::syscall(SYS_io_uring_enter, ring_.get(), polled ? 0 : 1, 1, how, nullptr, 0) >= 0) {
      return ok();
    }
    const int code = errno;
    if (code != EINTR) return os_error(code, "cannot submit to an io_uring");
  }
}

Result<> Uring::take_completion() {
  const auto& offsets = parameters_.cq_off;
  auto* head = queues_.at<std::uint32_t>(offsets.head);
  const std::uint32_t at = load(head);
  if (at == load(queues_.at<std::uint32_t>(offsets.tail))) {
    return Error{"an io_uring returned without a completion"};
  }
  const std::uint32_t slot = at & *queues_.at<std::uint32_t>(offsets.ring_mask);
  const int result = queues_.at<io_uring_cqe>(offsets.cqes)[slot].res;
  store(head, at + 1);
  return result < 0 ? Result<>(os_error(-result, "cannot send through an io_uring")) : ok();
}

}  // namespace hb::compare
