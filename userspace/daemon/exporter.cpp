#include "daemon/exporter.hpp"

#include <spdlog/spdlog.h>

#include "base/units.hpp"
#include "report/tsv_line.hpp"

namespace hb::daemon {
namespace {

constexpr std::uint64_t kRetryEveryNs = 200 * kNsPerMs;

}  // namespace

Result<std::unique_ptr<Exporter>> Exporter::open(const std::string& path,
                                                 std::optional<uid_t> run_as_uid, RunStamp stamp) {
  auto file = AppendFile::open(path, run_as_uid);
  if (!file) return Error{"--export-file: " + file.error().message, file.error().code};
  return std::unique_ptr<Exporter>(new Exporter(std::move(file).value(), std::move(stamp)));
}

void Exporter::handle(const Event& event) {
  line_.clear();
  put_tsv_line(line_, event, stamp_);
  append_line();
}

void Exporter::handle(const Loss& loss) {
  line_.clear();
  put_tsv_line(line_, loss, stamp_);
  append_line();
}

void Exporter::append_line() {
  if (!file_.has_room(line_.size()) && !failing_) flush();
  file_.append({line_.data(), line_.size()});
}

void Exporter::tick(std::uint64_t now_ns) {
  if (!file_.has_pending() || (failing_ && now_ns < retry_ns_)) return;
  if (!flush()) retry_ns_ = now_ns + kRetryEveryNs;
}

std::uint64_t Exporter::wake_ns() const { return file_.has_pending() ? retry_ns_ : Source::kNever; }

// Logs when writing begins to fail, and when it works again.
bool Exporter::flush() {
  const auto flushed = file_.flush();
  if (!flushed && !failing_) {
    spdlog::error("--export-file: {}: lines are buffered, then lost, until it can be written again",
                  flushed.error().message);
  }
  if (flushed && failing_) {
    spdlog::info("--export-file: {} can be written again; {} lines lost so far", file_.path(),
                 file_.lost());
  }
  failing_ = !flushed;
  return !failing_;
}

void Exporter::reopen() {
  retry_ns_ = 0;
  if (const auto reopened = file_.reopen(); !reopened) {
    spdlog::error("--export-file: SIGHUP: {}; lines still go to the old file",
                  reopened.error().message);
    return;
  }
  spdlog::info("--export-file: SIGHUP: opened {} again", file_.path());
}

void Exporter::end() {
  if (!failing_) flush();
  file_.end();
}

void Exporter::append_totals(Totals& totals) const {
  append(totals, AppendFile::kLines, file_.lines());
  append(totals, AppendFile::kLost, file_.lost());
}

}  // namespace hb::daemon
