#include "recovery/pidfd_table.hpp"

#include <algorithm>
#include <cerrno>

#include "recovery/pidfd.hpp"

namespace hb {
namespace {

constexpr std::size_t kShares = 4;

bool is_a_stamp(const Beat& beat) {
  return beat.origin == BeatOrigin::KernelAttested && beat.generation_ns != 0 && beat.sent_ns != 0;
}

// Nobody has the pid any more, or only a thread of somebody else has (ENOENT as of Linux 6.15).
bool means_gone(int code) { return code == ESRCH || code == EINVAL || code == ENOENT; }

}  // namespace

Result<> PidfdTable::hear(const Beat& beat) {
  if (!is_a_stamp(beat)) return ok();
  const auto known = index_.find(beat.pid);
  if (known != index_.end()) {
    if (known->second->process.generation_ns == beat.generation_ns) {
      heard_again(known->second, beat);
      return ok();
    }
    erase(known->second);
  }
  return open({beat.pid, beat.generation_ns}, beat.uid);
}

void PidfdTable::heard_again(Entries::iterator entry, const Beat& beat) {
  if (beat.sent_ns > entry->opened_ns) entry->proven = true;
  Entries& of_user = by_user_.find(entry->user)->second;
  of_user.splice(of_user.end(), of_user, entry);
}

Result<> PidfdTable::open(const ProcessKey& process, const User& user) {
  if (capacity_ == 0) return ok();
  if (index_.size() >= capacity_) make_room_for(user);
  auto pidfd = open_pidfd(process.pid);
  const std::uint64_t opened_ns = clock_.now_ns();  // after the call: see the proof
  if (!pidfd) return means_gone(pidfd.error().code) ? ok() : Result<>(pidfd.error());
  insert({process, user, std::move(pidfd).value(), opened_ns});
  return ok();
}

void PidfdTable::make_room_for(const User& user) {
  const auto own = by_user_.find(user);
  const std::size_t share = std::max<std::size_t>(capacity_ / kShares, 1);
  const bool has_its_share = own != by_user_.end() && own->second.size() >= share;
  const User& whose = has_its_share ? user : by_count_.rbegin()->second;
  erase(by_user_.find(whose)->second.begin());
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

void PidfdTable::insert(Entry entry) {
  const User user = entry.user;
  Entries& of_user = by_user_[user];
  by_count_.erase({of_user.size(), user});
  of_user.push_back(std::move(entry));
  by_count_.insert({of_user.size(), user});
  index_.emplace(of_user.back().process.pid, std::prev(of_user.end()));
}

void PidfdTable::erase(Entries::iterator entry) {
  const User user = entry->user;
  Entries& of_user = by_user_.find(user)->second;
  index_.erase(entry->process.pid);
  by_count_.erase({of_user.size(), user});
  of_user.erase(entry);
  if (of_user.empty()) {
    by_user_.erase(user);
  } else {
    by_count_.insert({of_user.size(), user});
  }
}

}  // namespace hb
