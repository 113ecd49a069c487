#include "lab/bench/agents.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <random>

#include "base/units.hpp"
#include "lab/bench/connection.hpp"
#include "lab/bench/time.hpp"
#include "vlp/frame.hpp"

namespace hb::bench {
namespace {

using lab::Child;
using lab::Line;

constexpr std::uint64_t kLook_ns = 2 * kNsPerMs;
constexpr unsigned long kFinestTimerSlack_ns = 1;

constexpr auto& kStatuses = kEnumValues<vlp::Status>;

class Agent {
 public:
  Agent(Board& board, std::size_t number, const Pace& pace)
      : board_(board), number_(number), pace_(pace), chance_(number) {}

  [[noreturn]] void live(const std::vector<Connection>& connections, std::uint64_t start_ns) {
    // Spread over the interval, so that they do not all come at once.
    std::uint64_t due_ns = start_ns + pace_.interval_ns * number_ / pace_.agents;
    for (;; due_ns += pace_.interval_ns + jitter_ns()) {
      sleep_until_ns(due_ns);
      const int target = board_.target;
      if (target != Board::kNobody) beat(connections, static_cast<std::size_t>(target));
    }
  }

 private:
  void beat(const std::vector<Connection>& connections, std::size_t target) {
    ++nonce_;
    vlp::Frame frame;
    if (pace_.alternates) frame.status = kStatuses[nonce_ % kStatuses.size()];
    frame.pid = static_cast<std::uint32_t>(::getpid());
    frame.timestamp = now_ns();
    frame.nonce = nonce_;
    frame.payload = static_cast<std::uint32_t>(number_);
    const vlp::Bytes bytes = vlp::encode(frame);
    Board::Agent& self = board_.agents[number_];
    board_.sent_at(number_, nonce_) = now_ns();
    ++(connections[target].offer(bytes) ? self.sent : self.refused)[target];
  }

  std::uint64_t jitter_ns() {
    if (pace_.jitter_ns == 0) return 0;
    return std::uniform_int_distribution<std::uint64_t>(0, pace_.jitter_ns)(chance_);
  }

  Board& board_;
  const std::size_t number_;
  const Pace pace_;
  std::minstd_rand chance_;
  std::uint64_t nonce_ = 0;
};

[[noreturn]] void be_agent(Board& board, std::size_t number, const Pace& pace,
                           const std::vector<std::string>& sockets, std::uint64_t start_ns) {
  ::prctl(PR_SET_TIMERSLACK, kFinestTimerSlack_ns);
  const auto connections = connect_all(sockets);
  if (!connections) ::_exit(1);
  board.agents[number].pid = static_cast<std::uint32_t>(::getpid());
  ++board.ready;
  Agent(board, number, pace).live(connections.value(), start_ns);
}

// Runs in the parent of all agents. getppid(2) shows a child whose parent ended during fork(2).
Result<> make_agents(Board& board, const Pace& pace, const std::vector<std::string>& sockets) {
  const pid_t self = ::getpid();
  const std::uint64_t start_ns = now_ns();
  for (std::size_t number = 0; number < pace.agents; ++number) {
    const pid_t pid = ::fork();
    const int code = errno;
    if (pid < 0) {
      return os_error(code, "cannot make " + std::to_string(pace.agents) +
                                " processes (ulimit -u, or pids.max of the cgroup)");
    }
    if (pid != 0) continue;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != self) ::_exit(1);
    be_agent(board, number, pace, sockets, start_ns);
  }
  return ok();
}

Result<> hold_agents(Line& line, Board& board, const Pace& pace,
                     const std::vector<std::string>& sockets) {
  if (auto made = make_agents(board, pace, sockets); !made) return made;
  line.tell("made");
  return line.hold();
}

Result<> wait_until_ready(const Lab& lab, const Board& board, const Pace& pace) {
  const std::uint64_t deadline_ns = now_ns() + std::uint64_t{Lab::kPatience_ms} * kNsPerMs;
  while (board.ready < pace.agents) {
    if (now_ns() > deadline_ns) return Error{"agents cannot reach the observer"};
    if (auto rested = lab.rest(kLook_ns); !rested) return rested;
  }
  return ok();
}

}  // namespace

Result<Agents> Agents::start(const Lab& lab, const Pace& pace,
                             const std::vector<std::string>& sockets) {
  auto board = Shared<Board>::make();
  if (!board) return board.error();
  Board& shared = *board.value();
  shared.target = Board::kNobody;
  auto parent = Child::start([&](Line& line) { return hold_agents(line, shared, pace, sockets); },
                             {}, lab.patience());
  if (!parent) return parent.error();
  if (const auto made = parent.value().hear(); !made) return made.error();
  if (auto ready = wait_until_ready(lab, shared, pace); !ready) return ready.error();
  return Agents(std::move(board).value(), std::move(parent).value());
}

std::uint64_t Agents::sent(std::size_t socket) const {
  std::uint64_t sum = 0;
  for (const Board::Agent& agent : board_->agents) sum += agent.sent[socket];
  return sum;
}

std::uint64_t Agents::refused(std::size_t socket) const {
  std::uint64_t sum = 0;
  for (const Board::Agent& agent : board_->agents) sum += agent.refused[socket];
  return sum;
}

}  // namespace hb::bench
