// Exporter: --export-file: every event as a line of tab-separated values (report/tsv_line.hpp).
//
// Lines are written once a turn of the loop, not one by one. While the file cannot be written (the
// disk is full) they are kept in a buffer of 64 KiB, then they are lost and counted. The begin and
// the end of such a failure are logged; it never ends the observer.
//
// A member of the run loop: one thread. Opened before privileges are dropped; opens the file again
// on SIGHUP, with the remaining privileges. Call end() after the last event.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/loop_member.hpp"
#include "report/append_file.hpp"
#include "report/loss.hpp"
#include "report/run_stamp.hpp"
#include "report/totals.hpp"

namespace hb::daemon {

class Exporter final : public LoopMember {
 public:
  // `run_as_uid`: see AppendFile::open.
  static Result<std::unique_ptr<Exporter>> open(const std::string& path,
                                                std::optional<uid_t> run_as_uid, RunStamp stamp);

  void handle(const Event& event) override;
  void handle(const Loss& loss);
  void tick(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t wake_ns() const override;
  [[nodiscard]] Step step() const override { return Step::Exporting; }
  [[nodiscard]] bool has_files() const override { return true; }
  void reopen() override;

  void end();
  void append_totals(Totals& totals) const;

 private:
  Exporter(AppendFile file, RunStamp stamp) : file_(std::move(file)), stamp_(std::move(stamp)) {}

  void append_line();
  bool flush();

  AppendFile file_;
  const RunStamp stamp_;
  fmt::memory_buffer line_;
  bool failing_ = false;
  std::uint64_t retry_ns_ = 0;  // while it fails
};

}  // namespace hb::daemon
