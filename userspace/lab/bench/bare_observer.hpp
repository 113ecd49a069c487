// BareObserver: a process that waits and receives as `hb-ebpf run` does, asks nobody who sent a
// frame, and says nothing: what waking up costs whoever it is.
//
// Killed and reaped at the latest with its owner. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "lab/bench/lab.hpp"
#include "lab/child.hpp"

namespace hb::bench {

class BareObserver {
 public:
  // Agents can send to `socket` when it returns.
  static Result<BareObserver> start(const Lab& lab, const std::string& socket);

  [[nodiscard]] pid_t pid() const { return process_.pid(); }

  // It observes no more. Returns how many beats it has seen.
  Result<std::uint64_t> end();

 private:
  explicit BareObserver(lab::Child process) : process_(std::move(process)) {}

  lab::Child process_;
};

}  // namespace hb::bench
