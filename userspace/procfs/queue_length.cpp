#include "procfs/queue_length.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <string>

namespace hb {
namespace {

constexpr const char* kFile = "/proc/sys/net/unix/max_dgram_qlen";
constexpr std::uint64_t kUnknown = 1u << 20;
constexpr int kLockAttempts = 50;
constexpr timespec kLockPause{0, 2'000'000};

std::optional<std::uint64_t> read_number(int fd) {
  std::array<char, 32> text{};
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  if (length <= 0) return std::nullopt;
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + length, number);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return number;
}

// 0, or errno.
int write_number(int fd, std::uint64_t number) {
  const std::string text = std::to_string(number);
  return ::pwrite(fd, text.data(), text.size(), 0) < 0 ? errno : 0;
}

// For a bounded time: any process may lock this file, and must not keep an observer from starting.
void lock_for_a_while(int fd) {
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return;
    ::nanosleep(&kLockPause, nullptr);
  }
}

std::optional<std::uint64_t> read_only_look() {
  const Fd file(::open(kFile, O_RDONLY | O_CLOEXEC));
  return file ? read_number(file.get()) : std::nullopt;
}

Error cannot_raise(int code, std::uint64_t wanted, std::uint64_t in_force) {
  return os_error(code,
                  "cannot make room for " + std::to_string(wanted) + " datagrams on the socket, " +
                      (in_force == kUnknown ? "an unknown number" : std::to_string(in_force)) +
                      " may be queued there (sysctl -w net.unix.max_dgram_qlen=" +
                      std::to_string(wanted) + " before the start)");
}

Error cannot_put_back(int code, std::uint64_t before) {
  return os_error(code, "cannot put net.unix.max_dgram_qlen back to " + std::to_string(before) +
                            " (sysctl -w does)");
}

}  // namespace

QueueLength::QueueLength(std::uint64_t wanted)
    : file_(::open(kFile, O_RDWR | O_CLOEXEC)), in_force_(kUnknown) {
  const int code = errno;
  if (file_) {
    raise(wanted);
    return;
  }
  in_force_ = read_only_look().value_or(kUnknown);
  if (in_force_ < wanted || in_force_ == kUnknown) problem_ = cannot_raise(code, wanted, in_force_);
}

void QueueLength::raise(std::uint64_t wanted) {
  lock_for_a_while(file_.get());
  const auto found = read_number(file_.get());
  in_force_ = found.value_or(kUnknown);
  if (!found || *found >= wanted) return;
  if (const int code = write_number(file_.get(), wanted); code != 0) {
    problem_ = cannot_raise(code, wanted, in_force_);
    return;
  }
  before_ = *found;
  in_force_ = wanted;
}

void QueueLength::restore() {
  if (before_) {
    const int code = write_number(file_.get(), *before_);
    if (code != 0) problem_ = cannot_put_back(code, *before_);
    before_.reset();
  }
  file_.reset();
}

}  // namespace hb
