// HonestAgents: processes that only beat, each as its user and at its rate, from start() on. They
// must not be reported as silent, refused or killed.
//
// Owns its processes: the destructor kills and reaps them, and they end with their owner
// (PR_SET_PDEATHSIG). Needs root, to change to their users. One thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "lab/bench/lab.hpp"
#include "lab/bench/shared.hpp"
#include "lab/child.hpp"

namespace hb::bench {

class HonestAgents {
 public:
  struct Manner {
    std::uint32_t uid = 0;
    std::uint64_t interval_ns = kNsPerSecond;
    bool waits = false;  // blocks on a full queue; else that beat is lost
  };

  // At most kMost. The status changes with every beat.
  static Result<HonestAgents> start(const Lab& lab, const std::string& socket,
                                    const std::vector<Manner>& manners);

  HonestAgents(HonestAgents&&) noexcept = default;
  HonestAgents& operator=(HonestAgents&&) = delete;

  [[nodiscard]] std::size_t size() const { return agents_.size(); }
  [[nodiscard]] std::uint32_t pid(std::size_t agent) const;
  [[nodiscard]] std::optional<std::size_t> find(std::uint32_t pid) const;

  // CLOCK_MONOTONIC just before it tried to send that beat; of the last kHistory ones.
  [[nodiscard]] std::uint64_t tried_at(std::size_t agent, std::uint64_t nonce) const;
  [[nodiscard]] std::uint64_t last_tried_at(std::size_t agent) const;

  [[nodiscard]] std::uint64_t tried(std::size_t agent) const;
  [[nodiscard]] std::uint64_t full(std::size_t agent) const;  // EAGAIN

  // Sends SIGSTOP: it does not beat after this returns, unless it is resumed.
  Result<> hang(std::size_t agent) const;
  void resume(std::size_t agent) const;

  enum class End : std::uint8_t {
    Well,    // it ended when it was asked to
    Killed,  // before that
    Stuck,   // still blocked on the queue
  };
  // Asks all of them to end and waits for each. Once.
  std::vector<End> end();

  static constexpr std::size_t kMost = 32;
  static constexpr std::size_t kHistory = 4096;

 private:
  struct Board {
    struct Agent {
      std::atomic<std::uint64_t> tried;
      std::atomic<std::uint64_t> full;
      std::array<std::atomic<std::uint64_t>, kHistory> tried_ns;  // by nonce
    };

    std::atomic<int> stop;
    std::array<Agent, kMost> agents;
  };

  explicit HonestAgents(Shared<Board> board) : board_(std::move(board)) {}
  static Result<> live(int socket, const Manner& manner, Board& board, Board::Agent& self);

  Shared<Board> board_;
  std::vector<lab::Child> agents_;
  std::vector<std::uint32_t> pids_;  // also of those that have ended
};

}  // namespace hb::bench
