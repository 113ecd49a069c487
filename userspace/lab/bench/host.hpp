// The machine and the versions of a measurement.
#pragma once

#include <string>

namespace hb::bench {

struct Host {
  std::string kernel;    // "6.1.0-56-cloud-amd64"
  std::string cpu;       // empty: not known
  unsigned cores = 0;    // that this process may run on
  std::string date;      // "2026-11-25T16:00:00Z"
  std::string version;   // of this program
  std::string revision;  // `git describe` of its sources when it was built, or "unknown"
};

[[nodiscard]] Host this_host();

}  // namespace hb::bench
