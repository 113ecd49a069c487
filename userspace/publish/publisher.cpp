#include "publish/publisher.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "procfs/process_stat.hpp"
#include "publish/http_address.hpp"
#include "recovery/cgroup_walk.hpp"
#include "transport/descriptors.hpp"

namespace hb {
namespace {

struct Pair {
  Fd ours;
  Fd its;
};

Result<Pair> make_control() {
  int ends[2] = {-1, -1};
  const int paired = ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
  const int code = errno;
  if (paired != 0) return os_error(code, "cannot start the publisher process (socketpair)");
  return Pair{Fd(ends[0]), Fd(ends[1])};
}

Result<Pair> make_lifeline() {
  int ends[2] = {-1, -1};
  const int piped = ::pipe2(ends, O_CLOEXEC);
  const int code = errno;
  if (piped != 0) return os_error(code, "cannot start the publisher process (pipe2)");
  return Pair{Fd(ends[1]), Fd(ends[0])};
}

Result<Fd> duplicate(const Fd& socket) {
  if (!socket) return Fd();
  Fd copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  const int code = errno;
  if (!copy) return os_error(code, "cannot duplicate a listening socket (fcntl)");
  return copy;
}

// For everybody who has it.
void stop_listening(Fd& socket) {
  if (socket) ::shutdown(socket.get(), SHUT_RDWR);
  socket.reset();
}

void watch_too(const Fd& epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event);
}

// The first word of the process, which is the only one that is waited for.
Result<> receive_hello(const Fd& control) {
  PublisherHello hello;
  ssize_t length = -1;
  do {
    length = ::recv(control.get(), &hello, sizeof(hello), 0);
  } while (length < 0 && errno == EINTR);
  if (length != sizeof(hello)) return Error{"the publisher process ended at its start"};
  hello.problem.back() = '\0';
  if (hello.problem.front() == '\0') return ok();
  return Error{hello.problem.data(), hello.code};
}

}  // namespace

Result<std::unique_ptr<Publisher>> Publisher::start(PublisherConfig config, Fd http) {
  auto control = make_control();
  if (!control) return control.error();
  auto lifeline = make_lifeline();
  if (!lifeline) return lifeline.error();
  auto epoll = watch_socket(control.value().ours, "publisher process");
  if (!epoll) return epoll.error();
  auto listening = duplicate(http);
  if (!listening) return listening.error();
  auto board = std::make_unique<SharedMemory<Board>>();
  const std::string http_address = http ? address_of(http) : "";
  Fd stat = open_own_stat();
  auto cgroups = open_cgroup_root("");
  const pid_t parent = ::getpid();
  auto process = ForkedProcess::start([&] {
    run_publisher(config, **board,
                  {std::move(control.value().its), std::move(lifeline.value().its), std::move(http),
                   std::move(stat), cgroups ? std::move(cgroups).value() : Fd()},
                  parent);
  });
  config.auth.wipe();
  control.value().its.reset();
  if (!process) return process.error();
  std::unique_ptr<Publisher> publisher(
      new Publisher(std::move(board), http_address, std::move(process).value(),
                    {std::move(control.value().ours), std::move(lifeline.value().ours),
                     std::move(listening).value()},
                    std::move(epoll).value()));
  if (auto ready = receive_hello(publisher->control_); !ready) return ready.error();
  return publisher;
}

Publisher::~Publisher() { end_it(); }

Result<> Publisher::serve_status(const Fd& listening) {
  auto kept = duplicate(listening);
  if (!kept) return kept.error();
  status_ = std::move(kept).value();
  const auto word = static_cast<std::uint8_t>(PublisherWord::ServeStatus);
  const int fd = listening.get();
  const ssize_t sent = send_with_descriptors(control_.get(), std::as_bytes(std::span(&word, 1)),
                                             {&fd, 1}, MSG_DONTWAIT);
  const int code = errno;
  if (sent == 1) return ok();
  return os_error(code, "cannot hand the status socket to the publisher process (sendmsg)");
}

// If there is no room, it has words of that kind to read still.
void Publisher::tell_of_cgroup() {
  if (is_lost()) return;
  const auto word = static_cast<std::uint8_t>(PublisherWord::NewCgroup);
  ::send(control_.get(), &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Nothing is expected but the end of the process. If it sends anything, somebody has taken it over,
// who could keep the loop busy.
void Publisher::look() {
  if (is_lost()) return process_.reap_if_ended();
  std::uint8_t ignored = 0;
  const ssize_t length = ::recv(control_.get(), &ignored, sizeof(ignored), MSG_DONTWAIT);
  const int code = errno;
  if (length < 0 && (code == EAGAIN || code == EINTR)) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, control_.get(), nullptr);
  end_it();
  watch_too(epoll_, process_.fd());
}

void Publisher::end_it() {
  stop_listening(http_);
  stop_listening(status_);
  control_.reset();
  lifeline_.reset();
}

}  // namespace hb
