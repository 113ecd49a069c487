// The seam between what decides and acts, and what keeps the record of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "observer/event.hpp"

namespace hb {

// One decision about one process, or about none (Boot).
struct AuditRecord {
  enum class Kind : std::uint8_t {
    Boot,      // an observer that may act has started
    Spawn,     // a command is about to be started
    Signal,    // a signal is about to be sent
    Complete,  // a command has ended, or a signal has been sent, or could not be
    Refused,   // nothing was done
  };

  Kind kind = Kind::Boot;
  std::string reason;  // of a refusal, or the outcome of an act: the name of the typed value
  std::uint32_t pid = 0;
  std::uint64_t generation_ns = 0;
  std::optional<std::uint64_t> pid_ns_inode;
  std::optional<BeatOrigin> origin;
  std::uint64_t cgroup_id = 0;
  std::optional<StallCause> cause;
  ExitStatus ended;                  // how the agent did
  std::optional<std::uint32_t> uid;  // the agent's
  std::string service;               // its name; empty: none is known
  std::string unit;                  // likewise
  std::string user_unit;             // likewise
  std::string cgroup;                // its path; likewise
  std::string comm;                  // what the process called itself: any bytes; likewise
  std::uint32_t attempt = 0;         // of the recovery of the service, from 1; 0: none
  bool dry_run = false;
  std::vector<std::string> argv;          // Spawn: the command as it will be run
  std::optional<int> signal;              // Signal
  std::optional<std::int64_t> child_pid;  // Complete: of the command
  std::optional<int> exit_code;           // Complete, likewise
  std::optional<int> exit_signal;         // Complete, likewise
};

// append() returns when the record is on disk: call it before the act. One thread. The Error is
// for whoever acts to decide about: to go on without a record, or to stop acting.
class AuditTrail {
 public:
  virtual ~AuditTrail() = default;
  virtual Result<> append(const AuditRecord& record) = 0;
};

}  // namespace hb
