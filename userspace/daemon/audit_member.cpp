#include "daemon/audit_member.hpp"

#include <spdlog/spdlog.h>

#include "base/units.hpp"

namespace hb::daemon {
namespace {

constexpr std::uint64_t kCheckEvery_ns = kNsPerSecond;

}  // namespace

Result<std::unique_ptr<AuditMember>> AuditMember::open(const AuditConfig& options) {
  if (options.path.empty()) return std::unique_ptr<AuditMember>();
  auto log = AuditLog::open(options);
  if (!log) return log.error();
  std::unique_ptr<AuditMember> member(new AuditMember(std::move(log).value()));
  member->log_notes();
  return member;
}

void AuditMember::tick(std::uint64_t now_ns) {
  if (now_ns >= next_check_ns_) {
    check();
    next_check_ns_ = now_ns + kCheckEvery_ns;
  }
  log_notes();
}

// Logs when it begins to fail.
void AuditMember::check() {
  const auto checked = log_->check();
  if (!checked && !failing_) {
    spdlog::error("{}: no record can be written", checked.error().message);
  }
  failing_ = !checked;
}

void AuditMember::reopen() {
  if (auto reopened = log_->reopen(); !reopened) {
    spdlog::error("{}: tried again before the next record", reopened.error().message);
  }
  log_notes();
}

void AuditMember::log_notes() {
  for (const std::string& note : log_->take_notes()) spdlog::warn("{}", note);
}

}  // namespace hb::daemon
