#include "observer/event.hpp"

namespace hb {

const char* name(BeatOrigin origin) {
  switch (origin) {
    case BeatOrigin::KernelAttested: return "kernel_attested";
    case BeatOrigin::OperatorAttestedTransport: return "operator_attested_transport";
    case BeatOrigin::SocketModeOnly: return "socket_mode_only";
    case BeatOrigin::NetworkUnverified: return "network_unverified";
  }
  return "unknown";
}

const char* name(StallCause cause) {
  switch (cause) {
    case StallCause::Silence: return "silence";
    case StallCause::Exited: return "exited";
    case StallCause::Trigger: return "trigger";
  }
  return "unknown";
}

}  // namespace hb
