#include "recovery/pidfd_table.hpp"

#include <cerrno>

#include "recovery/pidfd.hpp"

namespace hb {
namespace {

bool is_a_stamp(const Beat& beat) {
  return beat.origin == BeatOrigin::KernelAttested && beat.generation_ns != 0 && beat.sent_ns != 0;
}

// Nobody has the pid any more, or only a thread of somebody else has (ENOENT as of Linux 6.15).
bool means_gone(int code) { return code == ESRCH || code == EINVAL || code == ENOENT; }

}  // namespace

Status PidfdTable::hear(const Beat& beat) {
  if (!is_a_stamp(beat)) return ok();
  const auto known = index_.find(beat.pid);
  if (known != index_.end()) {
    if (known->second->process.generation_ns == beat.generation_ns) {
      heard_again(known->second, beat);
      return ok();
    }
    erase(known->second);
  }
  return open({beat.pid, beat.generation_ns});
}

void PidfdTable::heard_again(Entries::iterator entry, const Beat& beat) {
  if (beat.sent_ns > entry->opened_ns) entry->proven = true;
  entries_.splice(entries_.end(), entries_, entry);
}

Status PidfdTable::open(const ProcessKey& process) {
  if (capacity_ == 0) return ok();
  if (index_.size() >= capacity_) erase(entries_.begin());
  auto pidfd = open_pidfd(process.pid);
  const std::uint64_t opened_ns = clock_.now_ns();  // after the call: see the proof
  if (!pidfd) return means_gone(pidfd.error().code) ? ok() : Status(pidfd.error());
  entries_.push_back({process, std::move(pidfd).value(), opened_ns});
  index_.emplace(process.pid, std::prev(entries_.end()));
  return ok();
}

PidfdTable::Found PidfdTable::find(const ProcessKey& process) const {
  const auto known = index_.find(process.pid);
  if (known == index_.end()) return RecoveryRefusal::NoPidfd;
  const Entry& entry = *known->second;
  if (entry.process != process || !entry.proven) return RecoveryRefusal::GenerationUnproven;
  return &entry.pidfd;
}

void PidfdTable::forget(const ProcessKey& process) {
  const auto known = index_.find(process.pid);
  if (known != index_.end() && known->second->process == process) erase(known->second);
}

void PidfdTable::erase(Entries::iterator entry) {
  index_.erase(entry->process.pid);
  entries_.erase(entry);
}

}  // namespace hb
