// ReachChange: a notice that agents cannot reach the observer, or that they can again.
#pragma once

#include <cstdint>
#include <string>

namespace hb {

// Times are nanoseconds since the observer started.
struct ReachChange {
  bool reachable = false;
  bool rebound = false;           // a new socket has the path
  std::string message = {};       // why they cannot
  std::uint64_t since_ns = 0;     // they could reach it until then
  std::uint64_t observer_ns = 0;  // when this was noticed
};

}  // namespace hb
