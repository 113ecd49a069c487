#include "daemon/audit_member.hpp"

#include <spdlog/spdlog.h>

namespace hb::daemon {

Result<std::unique_ptr<AuditMember>> AuditMember::open(const AuditConfig& options) {
  if (options.path.empty()) return std::unique_ptr<AuditMember>();
  auto log = AuditLog::open(options);
  if (!log) return log.error();
  std::unique_ptr<AuditMember> member(new AuditMember(std::move(log).value()));
  member->log_notes();
  return member;
}

void AuditMember::tick(std::uint64_t /*now_ns*/) { log_notes(); }

void AuditMember::reopen() {
  if (auto reopened = log_->reopen(); !reopened) {
    spdlog::error("{}: going on in the old file", reopened.error().message);
  }
  log_notes();
}

void AuditMember::log_notes() {
  for (const std::string& note : log_->take_notes()) spdlog::warn("{}", note);
}

}  // namespace hb::daemon
