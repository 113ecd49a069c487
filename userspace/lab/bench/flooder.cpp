#include "lab/bench/flooder.hpp"

#include <unistd.h>

#include <cerrno>

#include "lab/bench/flood_worker.hpp"
#include "lab/bench/ordinary_user.hpp"
#include "transport/unix_connection.hpp"

namespace hb::bench {
namespace {

using lab::Child;
using lab::Line;

constexpr lab::Patience kPatience{-1, 10'000};

struct Post {
  std::uint32_t uid;
  std::size_t number;  // of all workers
  pid_t owner;
};

// Connects before it changes to an ordinary user, which may have no access to the socket.
Result<> work(Line& line, const std::string& socket, const Flood& flood, const Post& post,
              FloodBoard& board) {
  auto connection = connect_unix(socket);
  if (!connection) return connection.error();
  if (!flood.cgroup.empty()) {
    if (auto joined = join_cgroup(flood.cgroup); !joined) return joined;
  }
  if (auto become = become_user(post.uid, post.owner); !become) return become;
  auto worker = FloodWorker::make(flood, std::move(connection).value(), post.number, board);
  if (!worker) return worker.error();
  line.tell("ready");
  return worker.value().run();
}

// It was killed, possibly by the observer's recovery, as few frames of a flooder are accepted.
bool is_killed(const Error& error) { return error.code == EPIPE; }

}  // namespace

Result<Flooder> Flooder::start(const std::string& socket, const Flood& flood) {
  auto board = Shared<FloodBoard>::make();
  if (!board) return board.error();
  Flooder flooder(std::move(board).value());
  FloodBoard& shared = *flooder.board_;
  for (std::size_t i = 0; i < flood.processes; ++i) {
    for (const std::uint32_t uid : flood.uids) {
      const Post post{uid, flooder.workers_.size(), ::getpid()};
      if (post.number == FloodBoard::kWorkers) return Error{"too many flooders"};
      auto worker = Child::start(
          [&](Line& line) { return work(line, socket, flood, post, shared); }, {}, kPatience);
      if (!worker) return worker.error();
      flooder.workers_.push_back(std::move(worker).value());
    }
  }
  for (const Child& worker : flooder.workers_) {
    if (const auto ready = worker.hear(); !ready) return ready.error();
  }
  return flooder;
}

Flooder::Total Flooder::total() const {
  Total total;
  for (const FloodBoard::Count& count : board_->counts) {
    total.processes += count.processes;
    total.tried += count.tried;
    total.taken += count.taken;
    total.full += count.full;
    total.failed += count.failed;
  }
  return total;
}

Result<> Flooder::stop() {
  Result<> first = ok();
  if (workers_.empty()) return first;
  board_->stop = 1;
  for (Child& worker : workers_) {
    auto ended = worker.finish();
    if (ended || is_killed(ended.error())) continue;
    if (first) first = std::move(ended);
  }
  workers_.clear();  // kills those that did not end
  return first;
}

}  // namespace hb::bench
