// BareObserver: a process that polls and receives as `hb-ebpf run` does, but neither attests nor
// reports: the cost of waking up alone.
//
// The destructor kills and reaps it. One thread.
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

  // Ends it. Returns how many beats it received.
  Result<std::uint64_t> end();

 private:
  explicit BareObserver(lab::Child process) : process_(std::move(process)) {}

  lab::Child process_;
};

}  // namespace hb::bench
