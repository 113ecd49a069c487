// RecoveryMeans: how a stalled agent is acted upon. The seam between deciding and doing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "observer/event.hpp"
#include "observer/service_facts.hpp"
#include "observer/source.hpp"
#include "recovery/audit_trail.hpp"
#include "recovery/outcome.hpp"
#include "recovery/step.hpp"

namespace hb {

// What an act, or the end of one, came to.
struct RecoveryReport {
  RecoveryOutcome outcome;
  Stall stall;              // what it was about
  std::string detail = {};  // for a person: the reason of a failure, how it ended; or empty
  AuditRecord record = {};  // what the audit trail is to keep; kind and reason are set by its owner
  std::string output = {};  // of a command, as it came
  std::uint64_t discarded_bytes = 0;  // of its output
};

// An act that was begun, and that the kernel did not let happen: nothing was done.
struct DeniedAct {
  RecoveryRefusal reason;
  Stall stall;
  std::uint64_t acted_ns = 0;  // as act() was told
  AuditRecord record = {};     // as of a RecoveryReport
};

// Who is to be acted upon, and how.
struct RecoveryTarget {
  const Stall& stall;
  const ServiceFacts& service;
  const Step& step;
  std::uint32_t attempt = 1;
};

// One thread. Nothing here blocks. Order of calls for a stall: refusal(); if there is none,
// intent(); when that is on record, act().
class RecoveryMeans {
 public:
  virtual ~RecoveryMeans() = default;

  // Every beat. The Error is something that will keep it from acting upon this agent.
  virtual Result<> hear(const Beat& /*beat*/) { return ok(); }
  // This process has ended.
  virtual void forget(const Stall& /*stall*/) {}

  // Why it cannot act upon this one now.
  [[nodiscard]] virtual std::optional<RecoveryRefusal> refusal(const RecoveryTarget& target) = 0;
  // What act() will do: kind, and argv or signal.
  [[nodiscard]] virtual AuditRecord intent(const RecoveryTarget& target) const = 0;
  // nullopt: it takes its time, and next() will say what came of it.
  virtual std::optional<RecoveryReport> act(const RecoveryTarget& target, std::uint64_t now_ns) = 0;

  // What was begun and takes its time: becomes readable, or is due, when next() has something to
  // do.
  [[nodiscard]] virtual int fd() const { return -1; }
  [[nodiscard]] virtual std::uint64_t wake_ns() const { return Source::kNever; }
  [[nodiscard]] virtual std::size_t running() const { return 0; }
  // The next act that has come to its end.
  using Ended = std::variant<RecoveryReport, DeniedAct>;
  virtual std::optional<Ended> next(std::uint64_t /*now_ns*/) { return std::nullopt; }
  // All that is running ends now.
  virtual void kill_all() {}
  // The operator has changed them.
  virtual void policies_have_changed() {}
};

}  // namespace hb
