#include "daemon/audit_member.hpp"

#include <spdlog/spdlog.h>

namespace hb::daemon {

Result<std::unique_ptr<AuditMember>> AuditMember::open(const AuditConfig& options) {
  if (options.path.empty()) return std::unique_ptr<AuditMember>();
  auto log = AuditLog::open(options);
  if (!log) return log.error();
  std::unique_ptr<AuditMember> member(new AuditMember(std::move(log).value()));
  member->say_notes();
  return member;
}

void AuditMember::tick(std::uint64_t /*now_ns*/) { say_notes(); }

void AuditMember::reopen() {
  if (auto reopened = log_->reopen(); !reopened) {
    spdlog::error("{}: going on in the old file", reopened.error().message);
  }
  say_notes();
}

void AuditMember::say_notes() {
  for (const std::string& note : log_->take_notes()) spdlog::warn("{}", note);
}

}  // namespace hb::daemon
