// OwnNetwork: a network namespace of one's own, for tests of net.unix.max_dgram_qlen: that knob is
// the namespace's, other tests start observers meanwhile, and its value differs from host to host
// (10 from the kernel, 512 from systemd). A new namespace has the kernel's.
//
// Needs root; children inherit it. Its loopback is down. The way back is taken at the end.
#pragma once

#include <fcntl.h>
#include <sched.h>

#include "base/fd.hpp"

namespace hb::test {

class OwnNetwork {
 public:
  OwnNetwork() : is_made_(before_ && ::unshare(CLONE_NEWNET) == 0) {}
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;
  ~OwnNetwork() {
    if (is_made_) ::setns(before_.get(), CLONE_NEWNET);
  }

  [[nodiscard]] bool is_made() const { return is_made_; }

 private:
  const Fd before_{::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
  const bool is_made_;
};

}  // namespace hb::test
