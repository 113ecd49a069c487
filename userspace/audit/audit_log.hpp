// AuditLog: the audit trail as a file of chained lines (audit_line.hpp).
//
//   auto opened = AuditLog::open({.path = "/var/log/hb-ebpf/audit.jsonl"});
//   if (!opened) return opened.error();
//   AuditLog& log = *opened.value();
//   for (const auto& note : log.take_notes()) spdlog::warn("{}", note);
//   log.append(boot);
//
// One thread. append() blocks until the record is on disk. It leaves no partial line, and the chain
// continues from what is on disk, so after an Error the next append() is a new attempt. Other
// problems (a torn end was moved away, a rotation failed) are in the notes.
//
// If others truncate, rename or remove the file, the chain continues in the file at PATH, with a
// record of kind "resumed" before all others.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/audit_ending.hpp"
#include "audit/audit_file.hpp"
#include "audit/audit_line.hpp"
#include "base/metric.hpp"
#include "observer/counters.hpp"
#include "recovery/audit_trail.hpp"

namespace hb {

struct AuditConfig {
  static constexpr std::uint64_t kMinMaxBytes = 4096;

  std::string path;
  std::uint64_t max_bytes = 64 * 1024 * 1024;  // larger files are rotated; 0: never
  unsigned keep = 5;                           // rotated files, from 1
};

class AuditLog final : public AuditTrail {
 public:
  // Continues the chain of PATH, or of PATH.1 if PATH is empty or missing. The Error: see
  // AuditFile::open(), or the last record is damaged.
  static Result<std::unique_ptr<AuditLog>> open(AuditConfig config);

  Result<> append(const AuditRecord& record) override;

  // Resumes the chain if the file was truncated or removed; two system calls if not. Cheap enough
  // to be called often: the sooner the record is written, the less is lost by a crash.
  [[nodiscard]] Result<> check();

  // After logrotate(8): if PATH is another file or missing, continues there, without a record of
  // kind "resumed" if the old file is as we left it. After an Error the next append() tries again.
  // Needs permission to create files in the directory.
  [[nodiscard]] Result<> reopen();

  // Of the last record on disk.
  [[nodiscard]] const ChainEnd& end() const { return end_; }

  static constexpr Metric kResumed{"audit_resumed_total", "times",
                                   "how often the audit log continued after others had truncated "
                                   "or replaced its file",
                                   "reason", kLabelValues<AuditBreak>};
  [[nodiscard]] const CountBy<AuditBreak>& resumed() const { return resumed_; }

  // Messages for the log, each returned once.
  [[nodiscard]] std::vector<std::string> take_notes();

 private:
  AuditLog(AuditConfig config, AuditPlace place, AuditFile file)
      : config_(std::move(config)), place_(std::move(place)), file_(std::move(file)) {}

  Result<> take_up();
  Result<> repair(const AuditEnding& ending);
  Result<> mend(std::optional<AuditBreak> found);
  Result<> keep_rest();
  Result<> follow_path(bool is_rotation);
  void remember(const AuditResumption& resumption);
  Result<> resume();
  Result<> write(ComposedLine line);
  void rotate_for(std::size_t line_bytes);
  Result<> sync_names();

  const AuditConfig config_;
  AuditPlace place_;
  AuditFile file_;
  ChainEnd end_;
  bool names_synced_ = false;                  // the directory was synced since it changed
  std::optional<AuditResumption> resumption_;  // is still to be recorded
  CountBy<AuditBreak> resumed_;
  std::string told_;  // the last reported problem of rotation
  std::vector<std::string> notes_;
};

}  // namespace hb
