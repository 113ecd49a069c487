// The publisher process: serves what is on the board, over HTTP and at the status socket.
//
// It is the only process of the observer's that takes connections, so it has nothing to lose: no
// capability, no key, no way to the agents' socket, nothing of the observer's but the board. It
// ends when the observer does or closes its end of the control socket, over which (SOCK_SEQPACKET)
//
//   publisher -> observer   PublisherHello, once
//   observer -> publisher   PublisherWord, one byte each; ServeStatus with a listening socket
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/fd.hpp"
#include "base/metric.hpp"
#include "base/result.hpp"
#include "publish/board.hpp"
#include "publish/health.hpp"
#include "publish/http_auth.hpp"
#include "publish/view.hpp"

namespace hb {

struct PublisherHello {
  std::array<char, 252> problem{};  // why it cannot work; empty: it can
  int code = 0;                     // errno, or 0
};

enum class PublisherWord : std::uint8_t {
  ServeStatus,  // with the descriptor
  NewCgroup,    // on the board
};

struct PublisherConfig {
  RunFacts run;
  HealthLimits limits;
  std::span<const Metric* const> metrics;
  HttpAuth auth;
  std::uint64_t metrics_per_agent = 0;
  bool has_filter = true;                         // see publisher_filter.hpp
  std::optional<std::string> cgroup_of_commands;  // see CgroupServices
  // Becomes the user that the process is to run as. Privileges are renounced after it.
  std::function<Result<>()> become_user;
};

struct PublisherDescriptors {
  Fd control;
  // A pipe whose other end the observer has, and nobody else. When that is closed, at the latest at
  // the observer's end, the kernel kills this process with SIGKILL (F_SETSIG), in whatever state it
  // is. PR_SET_PDEATHSIG does not: this process is another user's.
  Fd lifeline;
  Fd http;     // listens; none: HTTP is not served
  Fd stat;     // open_own_stat() of the observer
  Fd cgroups;  // open_cgroup_root(); none: all agents are `other`
};

// The whole life of the process, in a child of `parent` that has just been forked and has no other
// thread.
[[noreturn]] void run_publisher(const PublisherConfig& config, Board& board,
                                PublisherDescriptors descriptors, pid_t parent);

}  // namespace hb
