// OwnNetwork: a new network namespace, for tests of net.unix.max_dgram_qlen: the sysctl is per
// namespace, other tests start observers meanwhile, and its value differs between hosts (10 by
// default, 512 with systemd). A new namespace has the default.
//
// Needs root; children inherit it. Its loopback is down. The destructor returns to the former one.
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
