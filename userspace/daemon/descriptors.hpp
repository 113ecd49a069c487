// Descriptors: that there are enough of them (RLIMIT_NOFILE), and some left to open files again.
#pragma once

#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <optional>

#include "base/fd.hpp"
#include "daemon/config.hpp"

namespace hb::daemon {

// What the observer itself may need, and, where recovery needs pidfds, one for each agent.
[[nodiscard]] std::size_t needed_descriptors(const RunConfig& config);

// Raises the limit to what is needed, as far as is permitted; the log says what is lacking then.
// Call it while privileged, before anything is opened. Returns the limits of before, which are
// those that commands are to have: programs that use select(2) do not expect more than 1024.
// nullopt: they are not known.
std::optional<rlimit> provide_descriptors(const RunConfig& config);

// Descriptors that are taken so that nothing else has them when files are to be opened again.
class SpareDescriptors {
 public:
  SpareDescriptors() { take(); }

  void release();
  // As many as can be had.
  void take();

 private:
  std::array<Fd, 8> spare_;
};

}  // namespace hb::daemon
