// Squad: processes that each send a burst when told to, and say what it has cost them.
//
// The frames of a burst are made before its first send, so that nothing but sending is counted. A
// burst has to fit into the observer's queue, which must have been drained before: a frame that
// finds no room is an Error. Owns its processes; they die with it. One thread.
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
  // Every one of the `senders` connects to every one of the `sockets`.
  static Result<Squad> start(const Lab& lab, std::size_t senders,
                             const std::vector<std::string>& sockets);

  // Each sends `frames` to the `socket`-th of the sockets, all of them from the same instant on.
  // Returns the CPU time of one send in nanoseconds, the mean over all.
  Result<double> burst(std::size_t socket, std::size_t frames);

  [[nodiscard]] std::size_t size() const { return senders_.size(); }

 private:
  Squad() = default;

  std::vector<lab::Child> senders_;
};

}  // namespace hb::bench
