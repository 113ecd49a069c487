// The events of an observer. A variant that is switched with std::visit, so that a new alternative
// is a compile error wherever it is not handled.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "identity/comm.hpp"
#include "identity/host_address.hpp"
#include "identity/verdict.hpp"
#include "vlp/frame.hpp"

namespace hb {

// How the sender of a beat was attested, strongest first.
enum class BeatOrigin : std::uint8_t {
  KernelAttested,             // stamped by the kernel program inside the sender's sendmsg
  OperatorAttestedTransport,  // UDP that the operator has declared to be trusted
  SocketModeOnly,             // anybody whom the socket file's mode admits (procfs attestation)
  NetworkUnverified,          // anybody on the network
};

enum class StallCause : std::uint8_t {
  Silence,  // no beat for its threshold
  Exited,   // the process has ended: every thread of it
  Trigger,  // it says itself that it has failed (the notify protocol's WATCHDOG=trigger)
};

// How a process ended: by exit(2) with a code, or by a signal. One of the two (wait(2)).
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
};

// Fields named *_ns are nanoseconds since the observer started, unless they name a clock.

struct Beat {
  std::uint32_t pid;  // in the observer's PID namespace; if `host` is another one, a pid there
  vlp::Status status;
  std::uint32_t payload;
  std::uint64_t nonce;
  BeatOrigin origin;
  std::optional<std::uint64_t> pid_ns_inode;
  std::uint64_t observer_ns;
  std::uint32_t claimed_pid;    // what the frame says: differs from pid only across namespaces
  bool first_or_changed;        // an agent's first beat, or one whose status is not the last one's
  std::uint64_t generation_ns;  // of the sender, see Identity; 0: not known
  std::uint64_t sent_ns;        // CLOCK_MONOTONIC inside the sender's sendmsg; 0: not known
  // Real uid of the sender as it sent this, in the initial user namespace; only from a stamp.
  std::optional<std::uint32_t> uid = std::nullopt;
  bool is_first = false;         // of its process, as far as the tracker remembers
  std::uint64_t cgroup_id = 0;   // cgroup v2 directory inode; 0: not known
  Comm comm = {};                // of the sender; only if first_or_changed
  HostAddress host = {};         // whose pid it is
  bool may_be_repeated = false;  // a predecessor may have told of it already
  // By systemd's notify protocol, which has neither nonce, status nor payload: the nonce is the
  // number of its beats.
  bool is_notify = false;
};

// A tracked agent has not beaten for its threshold (once per silence), or has ended (once).
struct Stall {
  std::uint32_t pid;
  std::uint64_t last_nonce;
  std::uint64_t last_ns;  // of its last accepted beat
  BeatOrigin origin;
  std::optional<std::uint64_t> pid_ns_inode;
  std::uint64_t observer_ns;
  StallCause cause;
  std::uint32_t claimed_pid;    // as in its first beat: its pid as it sees itself
  std::uint64_t generation_ns;  // 0: not known
  std::uint64_t cgroup_id;      // cgroup v2 directory inode, as in its first beat; 0: not known
  ExitStatus exit;              // empty unless the cause is Exited
  // Real uid as in its last accepted beat, in the initial user namespace; only from a stamp.
  std::optional<std::uint32_t> uid = std::nullopt;
  vlp::Status status = vlp::Status::Ok;  // of its last accepted beat
  std::uint32_t payload = 0;             // likewise
  std::uint32_t kernel_slot = 0;   // of the kernel's table of senders; known with generation_ns
  Comm comm = {};                  // its name at about its last attempt to send
  HostAddress host = {};           // whose pid it is
  std::uint64_t threshold_ns = 0;  // its silence was reported after this; 0: not known
  bool may_be_repeated = false;    // a predecessor may have told of it already
  bool is_notify = false;          // it has beaten by the notify protocol, and sent no frame
};

// What an agent says of itself by the notify protocol, beside WATCHDOG=1.
struct Notice {
  std::uint32_t pid;  // in the observer's PID namespace
  std::optional<std::uint64_t> pid_ns_inode;
  std::uint64_t observer_ns;
  bool ready = false;                              // it has begun
  bool reloading = false;                          // it asks for time
  bool stopping = false;                           // it will end
  bool is_watched = false;                         // its silence will be reported ...
  std::uint64_t threshold_ns = 0;                  // ... after this
  std::optional<std::uint32_t> error_number = {};  // errno(3)
  // As it is: any bytes but NUL and newline. Valid until the next poll().
  std::string_view status = {};
  std::uint64_t generation_ns = 0;
  std::uint64_t cgroup_id = 0;
  std::optional<std::uint32_t> uid = {};
  Comm comm = {};
  bool may_be_repeated = false;  // a predecessor may have told of it already
};

// 32 bytes arrived that are no frame.
struct Decode {
  vlp::DecodeError error;
  std::uint64_t observer_ns;
  std::optional<std::uint32_t> attested_pid = {};  // who sent it, as far as it is visible
};

// A frame claims a pid that did not send it, or its sender is not known.
struct AuthFailure {
  std::uint32_t claimed_pid;
  std::uint64_t observer_ns;
  AuthFailureCause cause;
  std::optional<std::uint32_t> attested_pid;
};

// A beat for a tracked pid with another origin than its first beat. It is dropped. Or an attested
// process has taken the pid over: `observed_origin` is that of the former claimant, whose beats are
// dropped from now on.
struct OriginConflict {
  std::uint32_t claimed_pid;
  BeatOrigin observed_origin;
  BeatOrigin slot_origin;
  std::uint64_t observer_ns;
  HostAddress host = {};  // whose pid it is
  bool taken_over = false;
};

// An agent of another PID namespace claims its own pid, but policy does not admit it. Dropped.
struct NamespaceConflict {
  std::uint32_t claimed_pid;
  std::optional<std::uint64_t> observed_ns_inode;
  std::optional<std::uint64_t> observer_ns_inode;
  std::uint64_t observer_ns;
  std::optional<std::uint32_t> attested_pid;
};

// A listener failed to receive.
struct Io {
  Error error;
  std::uint64_t observer_ns;
};

// A datagram carried more than credentials: descriptors, which the kernel program drops, or
// ancillary data that was truncated (MSG_CTRUNC). At most one such event a second.
struct CtrlTruncated {
  Error error;
  std::uint64_t observer_ns;
  std::uint64_t datagrams = 1;  // how many, since the last event of this kind
};

using Event = std::variant<Beat, Stall, Decode, AuthFailure, OriginConflict, NamespaceConflict, Io,
                           CtrlTruncated, Notice>;

// "kernel_attested", "silence", ...: the names in logs, JSON lines and metrics.
[[nodiscard]] const char* name(BeatOrigin origin);
[[nodiscard]] const char* name(StallCause cause);

}  // namespace hb
