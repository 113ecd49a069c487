#include "observer/event.hpp"

#include "observer/counters.hpp"

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
  }
  return "unknown";
}

const char* name(AuthFailureCause cause) {
  switch (cause) {
    case AuthFailureCause::PidMismatch: return "pid_mismatch";
    case AuthFailureCause::NoStamp: return "no_stamp";
    case AuthFailureCause::AmbiguousStamp: return "ambiguous_stamp";
    case AuthFailureCause::KernelThread: return "kernel_thread";
    case AuthFailureCause::Unreadable: return "unreadable";
  }
  return "unknown";
}

const char* name(FrameDrop reason) {
  switch (reason) {
    case FrameDrop::WrongLength: return "wrong_length";
    case FrameDrop::TrackerFull: return "tracker_full";
    case FrameDrop::UidFull: return "uid_full";
    case FrameDrop::DecryptFailed: return "decrypt_failed";
    case FrameDrop::AgentPidMismatch: return "agent_pid_mismatch";
    case FrameDrop::Replayed: return "replayed";
    case FrameDrop::SenderTableFull: return "sender_table_full";
    case FrameDrop::RingFull: return "ring_full";
    case FrameDrop::StampEvicted: return "stamp_evicted";
  }
  return "unknown";
}

const char* name(Unheard reason) {
  switch (reason) {
    case Unheard::RingFull: return "ring_full";
    case Unheard::RateLimited: return "rate_limited";
    case Unheard::Share: return "share";
    case Unheard::QueueFull: return "queue_full";
  }
  return "unknown";
}

}  // namespace hb
