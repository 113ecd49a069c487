// PidfdTable: for each agent a pidfd that is proven to refer to it, without asking anybody what the
// pid stands for.
//
// The proof is a bracket. A stamp says that a process (pid, generation) was inside sendmsg(2) at an
// instant. At its first stamp that we hear of, pidfd_open(pid) is called, and then the clock read:
// T0. Whom the pidfd refers to is not known yet: the sender may have been reaped before the call
// and its pid given to somebody else. But when the same (pid, generation) is stamped again, later
// than T0 on the same clock, it held the pid before the call and after it; a process holds its pid
// without a gap from its birth until it is reaped; so it held it during the call. From then on the
// pidfd is that process, for ever.
//
//   |-- stamp --|-- pidfd_open --|-- T0 --|-- stamp: proven --|
//
// Another generation under the pid shows that the proof will never come: the pidfd is closed and
// the next one opened for the newcomer, unproven.
//
// At most `capacity` pidfds. While there is room, everybody gets one. When there is none, a
// newcomer whose user holds a quarter of the table or more takes the place of one of that same
// user; any other newcomer that of one of the user who holds most. In both cases it is the process
// that has not been heard for longest. So no user's processes push out those of a user who holds no
// more than a quarter, while there are at most four users; and the more users, the smaller the
// largest.
//
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "observer/clock.hpp"
#include "observer/event.hpp"
#include "observer/pid_hash.hpp"
#include "recovery/outcome.hpp"
#include "recovery/process_key.hpp"

namespace hb {

class PidfdTable {
 public:
  struct Config {
    std::size_t capacity = 0;
    std::uint64_t seed = 0;  // of the index
  };

  // `clock` is the one of the stamps.
  PidfdTable(const Clock& clock, const Config& config)
      : clock_(clock), capacity_(config.capacity), index_(0, PidHash(kHashBits, config.seed)) {}

  // Every beat. Only what the kernel attests, with generation and instant, counts. The Error is why
  // no pidfd could be opened, other than that the process is gone.
  Result<> hear(const Beat& beat);

  // The proven pidfd of this very process, or why there is none. Valid until the next call.
  using Found = std::variant<const Fd*, RecoveryRefusal>;
  [[nodiscard]] Found find(const ProcessKey& process) const;

  // The process has ended.
  void forget(const ProcessKey& process);

  [[nodiscard]] std::size_t size() const { return index_.size(); }

 private:
  static constexpr unsigned kHashBits = 32;

  // Of the first beat; one that is not known is a user like any other.
  using User = std::optional<std::uint32_t>;

  struct Entry {
    ProcessKey process;
    User user;
    Fd pidfd;
    std::uint64_t opened_ns;  // T0
    bool proven = false;
  };
  using Entries = std::list<Entry>;

  void heard_again(Entries::iterator entry, const Beat& beat);
  Result<> open(const ProcessKey& process, const User& user);
  void make_room_for(const User& user);
  void insert(Entry entry);
  void erase(Entries::iterator entry);

  const Clock& clock_;
  const std::size_t capacity_;
  // Of each user who holds any, the one that has not been heard for longest first.
  std::map<User, Entries> by_user_;
  std::set<std::pair<std::size_t, User>> by_count_;  // the same users: how many, and who
  std::unordered_map<std::uint32_t, Entries::iterator, PidHash> index_;
};

}  // namespace hb
