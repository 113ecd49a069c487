#include "audit/audit_log.hpp"

#include <cerrno>
#include <utility>

#include "audit/audit_rotation.hpp"

namespace hb {
namespace {

Error too_long(std::size_t line_bytes) {
  return Error{"a record of " + std::to_string(line_bytes) +
                   " bytes is too long for the audit log" + " (at most " +
                   std::to_string(kMaxAuditLine_bytes) + "): shorten the command",
               EMSGSIZE};
}

Error of_another_chain(const std::string& path) {
  return Error{"the audit log " + path +
                   " is another file now and has records of another chain: move it away",
               EEXIST};
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(AuditConfig config) {
  auto place = AuditPlace::open(config.path);
  if (!place) return place.error();
  auto file = AuditFile::open(place.value());
  if (!file) return file.error();
  std::unique_ptr<AuditLog> log(
      new AuditLog(std::move(config), std::move(place).value(), std::move(file).value()));
  if (auto taken = log->take_up(); !taken) return taken.error();
  return log;
}

Result<> AuditLog::take_up() {
  if (auto synced = sync_names(); !synced) return synced;
  const auto ending = read_audit_ending(file_.fd(), place_.path);
  if (!ending) return ending.error();
  if (auto whole = repair(ending.value()); !whole) return whole;
  if (ending.value().last) {
    end_ = *ending.value().last;
    return ok();
  }
  auto rotated = read_rotated_end(place_);
  if (!rotated) return rotated.error();
  end_ = std::move(rotated).value();
  return ok();
}

Result<> AuditLog::repair(const AuditEnding& ending) {
  if (ending.torn.empty()) return ok();
  const auto aside = set_torn_aside(place_, file_, ending);
  if (!aside) return aside.error();
  notes_.push_back("the audit log " + place_.path +
                   " ended in the middle of a record, as after a " + "crash: its last " +
                   std::to_string(ending.torn.size()) + " bytes were moved to " + aside.value() +
                   ", and the chain continues without them");
  return ok();
}

Result<> AuditLog::append(const AuditRecord& record) {
  auto sound = file_.is_moved(place_) ? mend(AuditBreak::Replaced) : check();
  if (!sound) return sound;
  auto line = compose_audit_line(record, AuditTime::now(), end_);
  if (line.text.size() > kMaxAuditLine_bytes) return too_long(line.text.size());
  rotate_for(line.text.size());
  return write(std::move(line));
}

Result<> AuditLog::write(ComposedLine line) {
  if (auto synced = sync_names(); !synced) return synced;
  if (auto written = file_.append(line.text); !written) return written;
  end_ = std::move(line.end);
  return ok();
}

Result<> AuditLog::check() {
  const auto found = file_.find_break();
  return found ? mend(found.value()) : Result<>(found.error());
}

Result<> AuditLog::mend(std::optional<AuditBreak> found) {
  Result<> mended = ok();
  if (found == AuditBreak::Truncated) mended = keep_rest();
  if (found == AuditBreak::Replaced) mended = follow_path(false);
  return mended ? resume() : mended;
}

// What truncation left of the file stays before the next record: mostly nothing.
Result<> AuditLog::keep_rest() {
  const auto ending = read_audit_ending(file_.fd(), place_.path);
  if (!ending) return ending.error();
  const ChainEnd last = ending.value().last.value_or(ChainEnd{});
  if (last.seq > end_.seq || (last.seq == end_.seq && last != end_)) {
    return of_another_chain(config_.path);
  }
  const std::uint64_t written_bytes = file_.size_bytes();
  if (auto whole = repair(ending.value()); !whole) return whole;
  const std::uint64_t left_bytes = ending.value().size_bytes - ending.value().torn.size();
  file_.accept(left_bytes);
  remember({AuditBreak::Truncated, written_bytes, left_bytes});
  return ok();
}

// If the file is replaced again before the record could be written, that is one resumption.
void AuditLog::remember(const AuditResumption& resumption) {
  if (!resumption_) resumption_ = resumption;
  resumption_->found_bytes = resumption.found_bytes;
}

Result<> AuditLog::resume() {
  if (!resumption_) return ok();
  auto written = write(compose_resumption(*resumption_, AuditTime::now(), end_));
  if (!written) return written;
  ++resumed_[resumption_->cause];
  notes_.push_back("the file of the audit log " + config_.path + " was " +
                   name(resumption_->cause) + " by another process when it had " +
                   std::to_string(resumption_->written_bytes) +
                   " bytes: the chain continues there, with record " + std::to_string(end_.seq));
  resumption_.reset();
  return ok();
}

// A file without records is not rotated, whatever the length of the line. Neither is a damaged one:
// append() returns the Error.
void AuditLog::rotate_for(std::size_t line_bytes) {
  if (config_.max_bytes == 0 || file_.size_bytes() == 0) return;
  if (file_.size_bytes() + line_bytes <= config_.max_bytes) return;
  if (!file_.settle()) return;
  names_synced_ = false;
  const auto rotated = rotate(place_, file_, config_.keep);
  const std::string problem = rotated ? "" : rotated.error().message;
  if (!rotated && problem != told_) {
    notes_.push_back("the audit log is not rotated and keeps growing: " + problem);
  }
  told_ = problem;
}

// A record is on disk only if its file's directory entry is, too.
Result<> AuditLog::sync_names() {
  if (names_synced_) return ok();
  auto synced = place_.sync();
  names_synced_ = static_cast<bool>(synced);
  return synced;
}

Result<> AuditLog::reopen() {
  if (auto followed = follow_path(true); !followed) return followed;
  return check();
}

Result<> AuditLog::follow_path(bool is_rotation) {
  auto place = AuditPlace::open(config_.path);
  if (!place) return place.error();
  if (file_.is_named(place.value())) return ok();
  auto file = AuditFile::open(place.value());
  if (!file) return file.error();
  const auto ending = read_audit_ending(file.value().fd(), config_.path);
  if (!ending) return ending.error();
  if (!ending.value().torn.empty() || ending.value().last.value_or(end_) != end_) {
    return of_another_chain(config_.path);
  }
  const auto settled = file_.settle();
  if (!settled) {
    notes_.push_back("closing an audit log that is damaged: " + settled.error().message);
  }
  if (!is_rotation || !settled) {
    remember({AuditBreak::Replaced, file_.size_bytes(), file.value().size_bytes()});
  }
  place_ = std::move(place).value();
  file_ = std::move(file).value();
  names_synced_ = false;
  return ok();
}

std::vector<std::string> AuditLog::take_notes() { return std::exchange(notes_, {}); }

}  // namespace hb
