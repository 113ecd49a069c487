// Board: memory that agents and the bench share; initially zero.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hb::bench {

struct Board {
  static constexpr std::size_t kAgents = 1000;
  static constexpr std::size_t kSockets = 4;
  static constexpr std::size_t kHistory = 4096;  // latest beats of an agent
  static constexpr int kNobody = -1;

  struct Agent {
    std::atomic<std::uint32_t> pid;
    std::array<std::atomic<std::uint64_t>, kSockets> sent;     // send(2) succeeded
    std::array<std::atomic<std::uint64_t>, kSockets> refused;  // EAGAIN
    std::array<std::atomic<std::uint64_t>, kHistory> sent_ns;  // by nonce: see sent_at()
  };

  std::atomic<int> target;  // the socket to which agents send now, or kNobody
  std::atomic<std::uint32_t> ready;
  std::array<Agent, kAgents> agents;

  // CLOCK_MONOTONIC just before the send. 0: never.
  std::atomic<std::uint64_t>& sent_at(std::size_t agent, std::uint64_t nonce) {
    return agents[agent].sent_ns[nonce % kHistory];
  }
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace hb::bench
