#include "lab/bench/honest_agents.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/units.hpp"
#include "lab/bench/ordinary_user.hpp"
#include "lab/bench/time.hpp"
#include "transport/unix_connection.hpp"
#include "vlp/frame.hpp"

namespace hb::bench {
namespace {

using lab::Child;
using lab::Line;

constexpr std::uint64_t kLook_ns = 20 * kNsPerMs;  // between checks whether to end

constexpr auto& kStatuses = kEnumValues<vlp::Status>;

vlp::Bytes frame_of(std::uint64_t nonce) {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  return vlp::encode({kStatuses[nonce % kStatuses.size()], pid, now_ns(), nonce, 0});
}

}  // namespace

// At fixed instants: a delayed beat does not delay later ones.
Result<> HonestAgents::live(int socket, const Manner& manner, Board& board, Board::Agent& self) {
  const int flags = MSG_NOSIGNAL | (manner.waits ? 0 : MSG_DONTWAIT);
  std::uint64_t due_ns = now_ns();
  for (std::uint64_t nonce = 1; board.stop == 0;) {
    const std::uint64_t now = now_ns();
    if (now < due_ns) {
      sleep_until_ns(std::min(due_ns, now + kLook_ns));
      continue;
    }
    due_ns = std::max(due_ns + manner.interval_ns, now);
    const vlp::Bytes frame = frame_of(nonce);
    self.tried_ns[nonce % kHistory] = now_ns();
    self.tried = nonce;
    const ssize_t sent = ::send(socket, frame.data(), frame.size(), flags);
    const int code = errno;
    if (sent < 0 && code == EAGAIN) ++self.full;
    ++nonce;
  }
  return ok();
}

Result<HonestAgents> HonestAgents::start(const Lab& lab, const std::string& socket,
                                         const std::vector<Manner>& manners) {
  auto board = Shared<Board>::make();
  if (!board) return board.error();
  HonestAgents agents(std::move(board).value());
  Board& shared = *agents.board_;
  if (manners.size() > kMost) return Error{"too many honest agents"};
  for (const Manner& manner : manners) {
    Board::Agent& self = shared.agents[agents.agents_.size()];
    const auto beat = [&, owner = ::getpid()](Line& line) -> Result<> {
      const auto connection = connect_unix(socket);
      if (!connection) return connection.error();
      if (auto become = become_user(manner.uid, owner); !become) return become;
      line.tell("ready");
      return live(connection.value().get(), manner, shared, self);
    };
    auto agent = Child::start(beat, {}, lab.patience());
    if (!agent) return agent.error();
    if (const auto ready = agent.value().hear(); !ready) return ready.error();
    agents.pids_.push_back(static_cast<std::uint32_t>(agent.value().pid()));
    agents.agents_.push_back(std::move(agent).value());
  }
  return agents;
}

std::uint32_t HonestAgents::pid(std::size_t agent) const { return pids_[agent]; }

std::optional<std::size_t> HonestAgents::find(std::uint32_t pid) const {
  for (std::size_t agent = 0; agent < agents_.size(); ++agent) {
    if (this->pid(agent) == pid) return agent;
  }
  return std::nullopt;
}

std::uint64_t HonestAgents::tried_at(std::size_t agent, std::uint64_t nonce) const {
  return board_->agents[agent].tried_ns[nonce % kHistory];
}

std::uint64_t HonestAgents::last_tried_at(std::size_t agent) const {
  return tried_at(agent, tried(agent));
}

std::uint64_t HonestAgents::tried(std::size_t agent) const { return board_->agents[agent].tried; }

std::uint64_t HonestAgents::full(std::size_t agent) const { return board_->agents[agent].full; }

Result<> HonestAgents::hang(std::size_t agent) const {
  ::kill(agents_[agent].pid(), SIGSTOP);
  siginfo_t stopped{};
  const auto id = static_cast<id_t>(agents_[agent].pid());
  int failed = 0;
  int code = 0;
  do {
    failed = ::waitid(P_PID, id, &stopped, WSTOPPED | WEXITED | WNOWAIT);
    code = errno;
  } while (failed != 0 && code == EINTR);
  if (failed != 0) return os_error(code, "cannot wait until an agent hangs");
  if (stopped.si_code != CLD_STOPPED) return Error{"the agent that was to hang has ended"};
  return ok();
}

void HonestAgents::resume(std::size_t agent) const { ::kill(agents_[agent].pid(), SIGCONT); }

std::vector<HonestAgents::End> HonestAgents::end() {
  board_->stop = 1;
  std::vector<End> ends;
  for (Child& agent : agents_) {
    const auto ended = agent.finish();
    const bool waits = !ended && ended.error().code == ETIMEDOUT;
    ends.push_back(ended ? End::Well : waits ? End::Stuck : End::Killed);
  }
  return ends;
}

}  // namespace hb::bench
