// AuditMember: the audit log as a member of the run loop; logs its problems.
//
// Once a second it looks whether others have truncated or removed the file.
//
// One thread. Opened before privileges are dropped; opens the file again on SIGHUP, with the
// remaining privileges.
#pragma once

#include <memory>

#include "audit/audit_log.hpp"
#include "daemon/config.hpp"
#include "daemon/loop_member.hpp"

namespace hb::daemon {

class AuditMember final : public LoopMember {
 public:
  // nullptr: no audit file is configured.
  static Result<std::unique_ptr<AuditMember>> open(const AuditConfig& options);

  [[nodiscard]] AuditTrail& trail() { return *log_; }
  [[nodiscard]] const CountBy<AuditBreak>& resumed() const { return log_->resumed(); }

  void handle(const Event&) override {}
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t wake_ns() const override { return next_check_ns_; }
  [[nodiscard]] Step step() const override { return Step::Auditing; }
  [[nodiscard]] bool has_files() const override { return true; }
  void reopen() override;

 private:
  explicit AuditMember(std::unique_ptr<AuditLog> log) : log_(std::move(log)) {}

  void check();
  void log_notes();

  std::unique_ptr<AuditLog> log_;
  std::uint64_t next_check_ns_ = 0;
  bool failing_ = false;  // the last check() did
};

}  // namespace hb::daemon
