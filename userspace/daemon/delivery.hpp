// How frames are delivered where --delivery does not say it, or cannot be followed.
#pragma once

#include "base/result.hpp"
#include "daemon/config.hpp"

namespace hb::daemon {

// By ring
// - from a socket that was passed, whatever `options` say: what waits there was sent before the
//   kernel program was on it, and must not be taken for forged. The Error: --correlate skb, which
//   pairs datagrams, or --attest procfs.
// - where somebody says that he keeps descriptors (FDSTORE, systemd.exec(5)) and --delivery was not
//   given: then nothing is lost when the observer is killed.
// Else by socket. With --attest procfs nothing is changed.
[[nodiscard]] Result<> choose_delivery(RunConfig& options, bool is_passed);

}  // namespace hb::daemon
