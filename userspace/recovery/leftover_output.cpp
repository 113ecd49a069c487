#include "recovery/leftover_output.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "observer/source.hpp"

namespace hb {
namespace {

constexpr std::size_t kChunk_bytes = 16 * 1024;
constexpr int kChunksPerPipe = 4;  // as much as a pipe holds
constexpr int kPipesPerLook = 8;   // epoll_wait(2) takes turns with them

int change(int epoll, int operation, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return ::epoll_ctl(epoll, operation, fd, &event);
}

// False at the end of the stream.
bool discard(int fd) {
  std::array<char, kChunk_bytes> chunk;
  for (int i = 0; i < kChunksPerPipe; ++i) {
    const ssize_t length = ::read(fd, chunk.data(), chunk.size());
    const int code = errno;
    if (length == 0) return false;
    if (length < 0) return code == EAGAIN || code == EINTR;
  }
  return true;
}

}  // namespace

Result<LeftoverOutput> LeftoverOutput::open(int outer, std::size_t max_pipes) {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const int made = errno;
  if (!epoll) return os_error(made, "cannot watch what commands leave behind (epoll_create1)");
  if (change(outer, EPOLL_CTL_ADD, epoll.get(), EPOLLIN) != 0) {
    const int code = errno;
    return os_error(code, "cannot watch what commands leave behind (epoll_ctl)");
  }
  return LeftoverOutput(outer, max_pipes, std::move(epoll));
}

LeftoverOutput::LeftoverOutput(int outer, std::size_t max_pipes, Fd epoll)
    : outer_(outer), max_pipes_(max_pipes), epoll_(std::move(epoll)), resume_ns_(Source::kNever) {}

Result<bool> LeftoverOutput::add(Fd pipe) {
  if (change(epoll_.get(), EPOLL_CTL_ADD, pipe.get(), EPOLLIN) != 0) {
    const int code = errno;
    return os_error(code, "cannot watch what a command left behind (epoll_ctl)");
  }
  pipes_.push_back(std::move(pipe));
  if (pipes_.size() <= max_pipes_) return true;
  pipes_.pop_front();
  return false;
}

void LeftoverOutput::look(std::uint64_t now_ns) {
  const bool is_paused = resume_ns_ != Source::kNever;
  if (pipes_.empty() || (is_paused && now_ns < resume_ns_)) return;
  std::array<epoll_event, kPipesPerLook> ready;
  const int count = ::epoll_wait(epoll_.get(), ready.data(), kPipesPerLook, 0);
  for (int i = 0; i < count; ++i) drain(ready[static_cast<std::size_t>(i)].data.fd);
  const bool pauses = count > 0 && !pipes_.empty();
  if (pauses != is_paused) set_watched(!pauses);
  resume_ns_ = pauses ? now_ns + kPause_ns : Source::kNever;
}

// By the descriptor as a whole: a pipe that nobody writes to any more would report that whatever it
// is watched for.
void LeftoverOutput::set_watched(bool watched) {
  change(outer_, EPOLL_CTL_MOD, epoll_.get(), watched ? std::uint32_t{EPOLLIN} : 0U);
}

void LeftoverOutput::drain(int number) {
  if (discard(number)) return;
  std::erase_if(pipes_, [number](const Fd& pipe) { return pipe.get() == number; });
}

}  // namespace hb
