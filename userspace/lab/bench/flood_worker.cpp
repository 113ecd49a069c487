#include "lab/bench/flood_worker.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/units.hpp"
#include "lab/bench/time.hpp"
#include "transport/unix_connection.hpp"

namespace hb::bench {
namespace {

constexpr std::uint64_t kFew = 20;           // frames of a child whose fork(2) is the load
constexpr std::uint64_t kMany = 1'000;       // frames of a child that uses its whole burst
constexpr std::uint64_t kHandful = 32;       // frames between readings of the clock
constexpr timeval kLongestWait{0, 100'000};  // SO_SNDTIMEO, so that a stop is noticed
constexpr std::uint64_t kLingerPause_ns = 5 * kNsPerMs;
constexpr std::size_t kCloneStack_bytes = 64 * 1024;

constexpr std::array<std::size_t, 6> kWrongLengths = {0, 1, 31, 33, 64, 4096};

// Handles a failed fork(2): EAGAIN is retried.
Result<> rest_after(int code) {
  if (code != EAGAIN) return os_error(code, "cannot make a process");
  sleep_until_ns(now_ns() + kNsPerMs);
  return ok();
}

}  // namespace

Result<FloodWorker> FloodWorker::make(const Flood& flood, Fd connection, std::size_t number,
                                      FloodBoard& board) {
  FloodWorker worker(flood, std::move(connection), number, board);
  if (auto prepared = worker.prepare(); !prepared) return prepared.error();
  return worker;
}

Result<> FloodWorker::prepare() {
  deadline_ns_ = now_ns() + flood_.longest_ns;
  if (flood_.kind == FloodKind::Descriptors) {
    std::array<int, 2> ends{};
    const int refused = ::pipe2(ends.data(), O_CLOEXEC);
    const int code = errno;
    if (refused != 0) return os_error(code, "cannot make a pipe to pass");
    passed_.reset(ends[0]);
    ::close(ends[1]);
  }
  if (flood_.kind == FloodKind::Linger) {
    auto made = LingeringSockets::make();
    if (!made) return made.error();
    lingering_ = std::move(made).value();
    return interrupt_own_sleeps();
  }
  ::setsockopt(connection_.get(), SOL_SOCKET, SO_SNDTIMEO, &kLongestWait, sizeof(kLongestWait));
  return ok();
}

Result<> FloodWorker::run() {
  ++count().processes;
  while (!is_over()) {
    if (auto sent = send_some(); !sent) return sent;
  }
  return ok();
}

bool FloodWorker::is_over() const { return board_.stop != 0 || now_ns() >= deadline_ns_; }

Result<> FloodWorker::send_some() {
  switch (flood_.kind) {
    case FloodKind::Fork: return fork_and_send(kFew);
    case FloodKind::CloneVm: return clone_and_send();
    case FloodKind::Orphans: return fork_and_send(kMany);
    case FloodKind::LongLived: send_frames(kHandful); return ok();
    case FloodKind::Junk:
      for (std::uint64_t i = 0; i < kHandful; ++i) send(junk(), MSG_DONTWAIT);
      return ok();
    case FloodKind::WrongLength: send_wrong_lengths(); return ok();
    case FloodKind::Descriptors: {
      const ssize_t sent = send_descriptor(connection_.get(), own_frame(), passed_.get());
      const int code = errno;
      note(sent, code);
      return ok();
    }
    case FloodKind::Linger: return send_lingering();
    case FloodKind::Forged:
      for (std::uint64_t i = 0; i < kHandful; ++i) send(frame_of(flood_.victim), MSG_DONTWAIT);
      return ok();
    case FloodKind::ForgedCredentials: send_as_victim(); return ok();
  }
  return ok();
}

Result<> FloodWorker::fork_and_send(std::uint64_t frames) {
  ++children_;
  const pid_t pid = ::fork();
  const int code = errno;
  if (pid < 0) return rest_after(code);
  if (pid == 0) {
    send_frames(frames);
    ::_exit(0);
  }
  return reap(pid);
}

Result<> FloodWorker::reap(pid_t child) {
  ++count().processes;
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return ok();
}

// CLONE_VFORK: this process sleeps while its child uses its memory.
Result<> FloodWorker::clone_and_send() {
  alignas(16) static std::array<std::byte, kCloneStack_bytes> stack;
  ++children_;
  const int pid =
      ::clone(live_as_clone, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, this);
  const int code = errno;
  return pid < 0 ? rest_after(code) : reap(pid);
}

int FloodWorker::live_as_clone(void* worker) {
  static_cast<FloodWorker*>(worker)->send_frames(kFew);
  ::syscall(SYS_exit_group, 0);
  return 0;
}

// Correct frames, but junk from every second short-lived child.
void FloodWorker::send_frames(std::uint64_t frames) {
  const bool sends_junk = flood_.kind != FloodKind::Orphans && children_ % 2 == 1;
  const bool waits = flood_.kind == FloodKind::LongLived && number_ % 2 == 1;
  for (std::uint64_t i = 0; i < frames; ++i) {
    send(sends_junk ? junk() : own_frame(), waits ? 0 : MSG_DONTWAIT);
  }
}

void FloodWorker::send_wrong_lengths() {
  static constexpr std::array<std::uint8_t, kWrongLengths.back()> kBytes{'V', 'A', 2};
  for (const std::size_t length : kWrongLengths) {
    send(std::span(kBytes).first(length), MSG_DONTWAIT);
  }
}

Result<> FloodWorker::send_lingering() {
  auto socket = lingering_->next();
  if (!socket) return socket.error().code == EINTR ? ok() : Result<>(socket.error());
  const ssize_t sent = send_descriptor(connection_.get(), own_frame(), socket.value().get());
  const int code = errno;
  note(sent, code);
  socket.value().reset();
  sleep_until_ns(now_ns() + kLingerPause_ns);
  return ok();
}

vlp::Bytes FloodWorker::frame_of(std::uint32_t pid) {
  return vlp::encode({vlp::Status::Ok, pid, now_ns(), ++nonce_, 0});
}

vlp::Bytes FloodWorker::own_frame() { return frame_of(static_cast<std::uint32_t>(::getpid())); }

vlp::Bytes FloodWorker::junk() {
  vlp::Bytes bytes = own_frame();
  bytes[nonce_ % 2 == 0 ? 0 : bytes.size() - 1] ^= 1;  // the magic, or the checksum
  return bytes;
}

void FloodWorker::send(std::span<const std::uint8_t> bytes, int flags) {
  const ssize_t sent = ::send(connection_.get(), bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
  const int code = errno;
  note(sent, code);
}

void FloodWorker::send_as_victim() {
  vlp::Bytes bytes = frame_of(flood_.victim);
  CredentialMessage room;
  iovec vector{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  put_credentials(message, room, flood_.victim);
  const ssize_t sent = ::sendmsg(connection_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  const int code = errno;
  note(sent, code);
}

// `code` is errno, valid if `sent` is -1.
void FloodWorker::note(ssize_t sent, int code) {
  FloodBoard::Count& counted = count();
  ++counted.tried;
  if (sent >= 0) {
    ++counted.taken;
  } else if (code == EAGAIN) {
    ++counted.full;
  } else {
    ++counted.failed;
  }
}

}  // namespace hb::bench
