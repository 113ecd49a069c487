#include "recovery/cgroup_paths.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "observer/source.hpp"
#include "recovery/cgroup_walk.hpp"

namespace hb {
namespace {

constexpr std::uint64_t kRootId = 1;  // of the whole hierarchy
constexpr std::uint64_t kIdleLook_ns = 10 * kNsPerMs;
constexpr std::uint64_t kLongestPause_ns = kNsPerSecond;

// The first message of the process, and the only one that is waited for.
Result<> receive_hello(const Fd& socket) {
  WalkerHello hello;
  if (::recv(socket.get(), &hello, sizeof(hello), 0) != sizeof(hello)) {
    return Error{"the cgroup process ended at its start"};
  }
  if (hello.problem[0] != '\0') {
    return Error{std::string("cannot prepare the cgroup process: ") + hello.problem.data()};
  }
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) == 0) return ok();
  const int code = errno;
  return os_error(code, "cannot make the cgroup process's socket non-blocking");
}

}  // namespace

Result<std::unique_ptr<CgroupPaths>> CgroupPaths::start(const Config& config,
                                                        const PrepareWalker& prepare) {
  auto root = open_cgroup_root(config.mount);
  if (!root) return root.error();
  return start(config, std::move(root).value(), prepare);
}

Result<std::unique_ptr<CgroupPaths>> CgroupPaths::start(const Config& config, Fd root,
                                                        const PrepareWalker& prepare) {
  int ends[2] = {-1, -1};
  const int paired = ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
  const int code = errno;
  if (paired != 0) return os_error(code, "cannot start the cgroup process (socketpair)");
  Fd ours(ends[0]);
  Fd its(ends[1]);
  auto epoll = watch_socket(ours, "cgroup process");
  if (!epoll) return epoll.error();
  const pid_t parent = ::getpid();
  auto process = ForkedProcess::start(
      [&] { run_cgroup_walker(std::move(its), std::move(root), parent, prepare); });
  if (!process) return process.error();
  its.reset();
  std::unique_ptr<CgroupPaths> paths(new CgroupPaths(config, std::move(process).value(),
                                                     std::move(ours), std::move(epoll).value()));
  if (const auto hello = receive_hello(paths->socket_); !hello) return hello.error();
  return paths;
}

CgroupPaths::CgroupPaths(const Config& config, ForkedProcess process, Fd socket, Fd epoll)
    : capacity_(std::max<std::size_t>(config.capacity, 1)),
      socket_(std::move(socket)),
      process_(std::move(process)),
      epoll_(std::move(epoll)),
      packet_(kLongestWalkAnswer_bytes) {}

// Then the process ends by itself, unless it hangs.
CgroupPaths::~CgroupPaths() { socket_.reset(); }

bool CgroupPaths::ask(std::uint64_t id) {
  const bool is_waiting = queued_.contains(id) || (walk_ && walk_->wanted.contains(id));
  if (is_waiting || asked_.contains(id)) return true;
  if (asked_.size() + queued_.size() >= kMaxWaiting) {
    ++counters_.refused;
    return false;
  }
  asked_.insert(id);
  return true;
}

std::uint64_t CgroupPaths::wake_ns() const {
  if (!answers_.empty() || !asked_.empty()) return 0;
  if (walk_) return walk_->is_overdue ? Source::kNever : walk_->begun_ns + kPatience_ns;
  return queued_.empty() ? Source::kNever : next_walk_ns_;
}

std::optional<CgroupAnswer> CgroupPaths::next(std::uint64_t now_ns) {
  if (answers_.empty()) look(now_ns);
  if (answers_.empty()) return std::nullopt;
  CgroupAnswer first = std::move(answers_.front());
  answers_.pop_front();
  return first;
}

// While no walk runs, nothing is expected but the end of the process: no system call for each turn
// of the loop.
void CgroupPaths::look(std::uint64_t now_ns) {
  sort_asked(now_ns);
  if (socket_ && (walk_ || now_ns >= idle_look_ns_)) {
    idle_look_ns_ = now_ns + kIdleLook_ns;
    receive(now_ns);
  }
  if (walk_ && !walk_->is_overdue && now_ns >= walk_->begun_ns + kPatience_ns) {
    walk_->is_overdue = true;
    give_up_waiting(walk_->wanted);
    give_up_waiting(queued_);
  }
  if (!walk_ && !queued_.empty() && now_ns >= next_walk_ns_) begin_walk(now_ns);
}

void CgroupPaths::sort_asked(std::uint64_t now_ns) {
  for (const std::uint64_t id : asked_) {
    if (auto answer = at_once(id, now_ns)) {
      answers_.push_back(std::move(*answer));
    } else {
      queued_.insert(id);
    }
  }
  asked_.clear();
}

// nullopt: it takes a walk.
std::optional<CgroupAnswer> CgroupPaths::at_once(std::uint64_t id, std::uint64_t now_ns) {
  if (id <= kRootId) return CgroupAnswer{id, std::nullopt};
  if (const auto known = known_by_id_.find(id); known != known_by_id_.end()) {
    known_.splice(known_.begin(), known_, known->second);
    if (known->second->path || now_ns < known->second->ask_again_ns) {
      return CgroupAnswer{id, known->second->path};
    }
  }
  if (socket_ && !(walk_ && walk_->is_overdue)) return std::nullopt;
  ++counters_.unanswered;
  return CgroupAnswer{id, std::nullopt};
}

void CgroupPaths::begin_walk(std::uint64_t now_ns) {
  const std::vector<std::uint64_t> ids(queued_.begin(), queued_.end());
  const std::size_t size = ids.size() * sizeof(ids[0]);
  const ssize_t sent = ::send(socket_.get(), ids.data(), size, MSG_NOSIGNAL);
  const int code = errno;
  next_walk_ns_ = now_ns + kBetweenWalks_ns;
  if (sent == static_cast<ssize_t>(size)) {
    ++counters_.walks;
    walk_ = RunningWalk{now_ns, std::exchange(queued_, {})};
  } else if (code == EPIPE || code == ECONNRESET) {
    lose_process(std::strerror(code));
  } else {
    give_up_waiting(queued_);  // no memory
  }
}

// Until there is an answer to give: what has come since can wait for the next call.
void CgroupPaths::receive(std::uint64_t now_ns) {
  while (socket_ && answers_.empty()) {
    const ssize_t received = ::recv(socket_.get(), packet_.data(), packet_.size(), 0);
    const int code = errno;
    if (received < 0 && code == EINTR) continue;
    if (received < 0 && code == EAGAIN) return;
    if (received < 0) return lose_process(std::strerror(code));
    if (received == 0) return lose_process("it was killed");
    WalkAnswer answer;
    const auto size = static_cast<std::size_t>(received);
    if (size < sizeof(answer) || !walk_) return lose_process("it sent what nobody asked for");
    std::memcpy(&answer, packet_.data(), sizeof(answer));
    if (answer.id == 0) return end_walk(answer, now_ns);
    take_found(answer, std::string(packet_.data() + sizeof(answer), size - sizeof(answer)));
  }
}

// The answer of an overdue walk comes too late for those who asked, but not for those who will.
void CgroupPaths::take_found(const WalkAnswer& answer, std::string path) {
  ++counters_.found;
  const bool is_wanted = walk_->wanted.erase(answer.id) > 0 || queued_.erase(answer.id) > 0;
  if (is_wanted) answers_.push_back({answer.id, path});
  remember({answer.id, std::move(path), 0});
}

void CgroupPaths::end_walk(const WalkAnswer& answer, std::uint64_t now_ns) {
  if (answer.is_cut_short != 0) ++counters_.walks_cut_short;
  for (const std::uint64_t id : walk_->wanted) {
    ++counters_.not_found;
    answers_.push_back({id, std::nullopt});
    remember({id, std::nullopt, now_ns + kAskAgain_ns});
  }
  const std::uint64_t pause_ns = std::min(3 * (now_ns - walk_->begun_ns), kLongestPause_ns);
  next_walk_ns_ = std::max(next_walk_ns_, now_ns + pause_ns);
  walk_.reset();
}

void CgroupPaths::give_up_waiting(std::unordered_set<std::uint64_t>& ids) {
  counters_.unanswered += ids.size();
  for (const std::uint64_t id : ids) answers_.push_back({id, std::nullopt});
  ids.clear();
}

// fd() is never readable again. (Closing alone takes a socket out of the set only where nobody has
// inherited it.)
void CgroupPaths::lose_process(const std::string& why) {
  problem_ = Error{
      "the process that looks for cgroups has ended, so units of new agents are not known: " + why};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  socket_.reset();
  if (walk_) give_up_waiting(walk_->wanted);
  give_up_waiting(queued_);
  walk_.reset();
}

void CgroupPaths::remember(Known known) {
  const std::uint64_t id = known.id;
  if (const auto old = known_by_id_.find(id); old != known_by_id_.end()) {
    *old->second = std::move(known);
    return;
  }
  known_.push_front(std::move(known));
  known_by_id_[id] = known_.begin();
  if (known_.size() <= capacity_) return;
  known_by_id_.erase(known_.back().id);
  known_.pop_back();
  ++counters_.forgotten;
}

}  // namespace hb
