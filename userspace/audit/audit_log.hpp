// AuditLog: the audit trail as a file of chained lines (audit_line.hpp).
//
//   auto opened = AuditLog::open({.path = "/var/log/hb-ebpf/audit.jsonl"});
//   if (!opened) return opened.error();
//   AuditLog& log = *opened.value();
//   for (const auto& note : log.take_notes()) spdlog::warn("{}", note);
//   log.append(boot);
//
// Owned by whoever acts, as long as he acts. One thread. append() blocks until the disk has the
// record, which is what it is for; it never leaves half a line behind, and the chain goes on only
// from what is on disk, so that after an Error the next append() is a fresh attempt. What happens
// besides (a torn end set aside, a rotation that failed) is told once in the notes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audit/audit_ending.hpp"
#include "audit/audit_file.hpp"
#include "audit/audit_line.hpp"
#include "recovery/audit_trail.hpp"

namespace hb {

struct AuditConfig {
  static constexpr std::uint64_t kMinMaxBytes = 4096;

  std::string path;
  std::uint64_t max_bytes = 64 * 1024 * 1024;  // then it is rotated; 0: never
  unsigned keep = 5;                           // rotated files, from 1
};

class AuditLog final : public AuditTrail {
 public:
  // Goes on with what is there; of an empty or missing file, with the chain of PATH.1. The Error:
  // see AuditFile::open(), or the log does not end as it was written.
  static Result<std::unique_ptr<AuditLog>> open(AuditConfig config);

  Result<> append(const AuditRecord& record) override;

  // PATH is another file now, or none (logrotate(8)): goes on there. The Error leaves everything as
  // it was. Works as long as the permissions of the directory allow it.
  [[nodiscard]] Result<> reopen();

  // Of the last record on disk.
  [[nodiscard]] const ChainEnd& end() const { return end_; }

  // Sentences for the operator, each once.
  [[nodiscard]] std::vector<std::string> take_notes();

 private:
  AuditLog(AuditConfig config, AuditPlace place, AuditFile file)
      : config_(std::move(config)), place_(std::move(place)), file_(std::move(file)) {}

  Result<> take_up();
  Result<> repair(const AuditEnding& ending);
  void rotate_for(std::size_t line_bytes);
  Result<> sync_names();

  const AuditConfig config_;
  AuditPlace place_;
  AuditFile file_;
  ChainEnd end_;
  bool names_last_ = false;  // the directory has been synced since it changed
  std::string told_;         // the problem of rotation that was told last
  std::vector<std::string> notes_;
};

}  // namespace hb
