// Squad: processes that each send a burst on request, and report the CPU time of their sends.
//
// The frames of a burst are encoded before its first send, so that only sending is counted. A burst
// must fit into the observer's queue, which must be empty before; otherwise it is an Error. Owns
// its processes. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "lab/bench/lab.hpp"
#include "lab/child.hpp"

namespace hb::bench {

class Squad {
 public:
  // Each of the `senders` connects to all `sockets`.
  static Result<Squad> start(const Lab& lab, std::size_t senders,
                             const std::vector<std::string>& sockets);

  // Each sends `frames` frames to the `socket`-th socket, all starting at the same instant. Returns
  // the CPU time of one send in nanoseconds, the mean over all.
  Result<double> burst(std::size_t socket, std::size_t frames);

  [[nodiscard]] std::size_t size() const { return senders_.size(); }

 private:
  Squad() = default;

  std::vector<lab::Child> senders_;
};

}  // namespace hb::bench
