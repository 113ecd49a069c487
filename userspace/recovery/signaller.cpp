#include "recovery/signaller.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/units.hpp"
#include "observer/source.hpp"
#include "recovery/forked_process.hpp"
#include "recovery/pidfd.hpp"

namespace hb {
namespace {

// Beyond the signaller's own patience: only one that is stopped itself takes so long.
constexpr std::uint64_t kMorePatience_ns = kNsPerSecond;
constexpr std::uint64_t kIdleLook_ns = 10 * kNsPerMs;
constexpr int kLastPatience_ms = 1000;

void reap(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// The first word of the process, which is the only one that is waited for.
Result<SignalAuthority> receive_hello(const Fd& socket) {
  SignallerHello hello;
  const ssize_t length = ::recv(socket.get(), &hello, sizeof(hello), MSG_WAITALL);
  if (length != sizeof(hello)) return Error{"the signaller process ended at its start"};
  if (hello.problem[0] != '\0') {
    return Error{std::string("cannot prepare the signaller process: ") + hello.problem.data()};
  }
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) == 0) return hello.authority;
  const int code = errno;
  return os_error(code, "cannot make the signaller's socket non-blocking");
}

}  // namespace

Result<std::unique_ptr<Signaller>> Signaller::start(const PrepareSignaller& prepare) {
  int ends[2] = {-1, -1};
  const int paired = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
  int code = errno;
  if (paired != 0) return os_error(code, "cannot start the signaller process (socketpair)");
  Fd ours(ends[0]);
  Fd its(ends[1]);
  auto epoll = watch_socket(ours, "signaller process");
  if (!epoll) return epoll.error();
  const pid_t pid = ::fork();
  code = errno;
  if (pid == 0) run_signaller(std::move(its), prepare);
  if (pid < 0) return os_error(code, "cannot start the signaller process (fork)");
  its.reset();
  auto pidfd = open_pidfd(static_cast<std::uint32_t>(pid));
  if (!pidfd) {
    ::kill(pid, SIGKILL);
    reap(pid);
    return pidfd.error();
  }
  std::unique_ptr<Signaller> signaller(
      new Signaller(pid, std::move(pidfd).value(), std::move(ours), std::move(epoll).value()));
  const auto authority = receive_hello(signaller->socket_);
  if (!authority) return authority.error();
  signaller->authority_ = authority.value();
  return signaller;
}

Signaller::Signaller(pid_t pid, Fd pidfd, Fd socket, Fd epoll)
    : pid_(pid), pidfd_(std::move(pidfd)), socket_(std::move(socket)), epoll_(std::move(epoll)) {}

// It ends by itself when the socket is closed, unless somebody has stopped it.
Signaller::~Signaller() {
  socket_.reset();
  pollfd polled{pidfd_.get(), POLLIN, 0};
  // Where a sandbox refuses the signal, it ends with us (PR_SET_PDEATHSIG).
  if (::poll(&polled, 1, kLastPatience_ms) <= 0 && ::kill(pid_, SIGKILL) != 0) return;
  reap(pidfd_);
}

bool Signaller::has_room_for(std::uint32_t uid) const {
  if (running() >= kMaxPending) return false;
  const auto of_uid = std::count_if(pending_.begin(), pending_.end(),
                                    [&](const Pending& one) { return one.stall.uid == uid; });
  return uid == 0 || static_cast<std::size_t>(of_uid) < kMaxPendingOfUser;
}

void Signaller::send(const Fd& pidfd, std::uint32_t uid, int signal, const Stall& stall,
                     std::uint64_t now_ns) {
  const std::uint64_t deadline_ns = now_ns + kPatience_ns;
  const SignalRequest request{++last_id_, deadline_ns, uid, signal};
  pending_.push_back({request.id, stall, now_ns, deadline_ns + kMorePatience_ns, signal});
  if (!socket_) return end(pending_.size() - 1, SignalAnswer::Kind::NotSent, EPIPE);
  const auto sent = send_request(socket_, request, pidfd);
  if (sent) return;
  if (sent.error().code == EPIPE) return lose_process();
  end(pending_.size() - 1, SignalAnswer::Kind::NotSent, sent.error().code);
}

std::uint64_t Signaller::wake_ns() const {
  if (!ended_.empty()) return 0;
  std::uint64_t wake_ns = Source::kNever;
  for (const Pending& one : pending_) wake_ns = std::min(wake_ns, one.give_up_ns);
  return wake_ns;
}

std::optional<EndedSignal> Signaller::next(std::uint64_t now_ns) {
  if (ended_.empty() && socket_) look(now_ns);
  if (ended_.empty()) return std::nullopt;
  EndedSignal first = std::move(ended_.front());
  ended_.pop_front();
  return first;
}

void Signaller::look(std::uint64_t now_ns) {
  if (pending_.empty()) {
    // Nothing is expected but the end of the process: no system call for each turn of the loop.
    if (now_ns < idle_look_ns_) return;
    idle_look_ns_ = now_ns + kIdleLook_ns;
  }
  receive_answers();
  for (std::size_t i = pending_.size(); i-- > 0;) {
    if (now_ns >= pending_[i].give_up_ns) end(i, SignalAnswer::Kind::TimedOut, 0);
  }
}

// One that is no longer pending was given up before: that has been told.
void Signaller::receive_answers() {
  for (;;) {
    SignalAnswer answer;
    const ssize_t length = ::recv(socket_.get(), &answer, sizeof(answer), 0);
    const int code = errno;
    if (length < 0 && code == EINTR) continue;
    if (length < 0 && code == EAGAIN) return;
    if (length != sizeof(answer)) return lose_process();
    const auto known = std::find_if(pending_.begin(), pending_.end(),
                                    [&](const Pending& one) { return one.id == answer.id; });
    if (known == pending_.end()) continue;
    end(static_cast<std::size_t>(known - pending_.begin()), answer.kind, answer.code);
  }
}

// fd() is never readable again. (Closing alone takes a socket out of the set only where nobody has
// inherited it.)
void Signaller::lose_process() {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  socket_.reset();
  end_all(SignalAnswer::Kind::NotSent, EPIPE);
}

void Signaller::give_up() { end_all(SignalAnswer::Kind::TimedOut, 0); }

void Signaller::end(std::size_t index, SignalAnswer::Kind kind, int code) {
  const Pending& one = pending_[index];
  ended_.push_back({one.stall, one.acted_ns, kind, code, one.signal});
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Signaller::end_all(SignalAnswer::Kind kind, int code) {
  while (!pending_.empty()) end(0, kind, code);
}

}  // namespace hb
