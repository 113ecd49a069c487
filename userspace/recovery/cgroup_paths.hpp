// CgroupPaths: from the id of a cgroup, as a stamp has it, to its path. The directories are walked
// by a process beside the observer (cgroup_walker.hpp), so that a file system that is slow or does
// not answer never holds up the loop.
//
//   if (!paths.ask(id)) ...           too many are waiting; there will be no answer
//   when fd() is readable or wake_ns() has come:
//     while (auto answer = paths.next(now_ns)) ...
//
// An id that is asked for again before its answer is answered once. Answers come in any order. Ids
// that are asked for together are found by one walk; walks begin at least 100 ms apart and take at
// most a quarter of the time. A cgroup that was not found is not looked for again within a second:
// until then the answer is nullopt at once. For the ids 0 and 1 (the root: on a v1 host, every
// process is in it) it always is.
//
// A path that was found stays right: ids are not used again (kernfs counts up in 64 bits), and
// cgroup v2 has no rename. The directory may have been removed since. When more than `capacity` ids
// are known, the least recently used one is forgotten, and looked for again if somebody asks. (A
// table that refuses instead would one day be full of containers that are gone.)
//
// A walk that takes more than 5 s is overdue: until it ends, every answer that needs a walk is
// nullopt. When the process has ended before its time, that is so for good; problem() says why.
//
// Owns the process; ended and reaped at the latest when this goes. Never blocks, but in start() and
// in the destructor. One thread; the process is killed when the thread that called start() ends.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "recovery/cgroup_walker.hpp"
#include "recovery/forked_process.hpp"

namespace hb {

struct CgroupAnswer {
  std::uint64_t id = 0;
  std::optional<std::string> path;  // relative to the mount, from '/' on; nullopt: not found
};

class CgroupPaths {
 public:
  static constexpr std::uint64_t kBetweenWalks_ns = 100 * kNsPerMs;
  static constexpr std::uint64_t kAskAgain_ns = kNsPerSecond;
  static constexpr std::uint64_t kPatience_ns = 5 * kNsPerSecond;
  static constexpr std::size_t kMaxWaiting = kMaxWantedCgroups;

  struct Config {
    std::string mount;  // empty: found by open_cgroup_root()
    std::size_t capacity = 4096;
  };

  struct Counters {
    std::uint64_t walks = 0;
    std::uint64_t found = 0;
    std::uint64_t not_found = 0;   // by a walk that ended
    std::uint64_t unanswered = 0;  // the walk was overdue, could not be begun, or its process ended
    std::uint64_t refused = 0;     // ask() returned false
    std::uint64_t forgotten = 0;   // more than `capacity` were known
    std::uint64_t walks_cut_short = 0;  // see WalkOutcome
  };

  // Forks: before any other thread, and before there is a secret in memory. `prepare` is run in the
  // new process. The Error: that failed, or the fork did, or there is no cgroup v2 hierarchy.
  [[nodiscard]] static Result<std::unique_ptr<CgroupPaths>> start(const Config& config,
                                                                  const PrepareWalker& prepare);
  // The same where open_cgroup_root() was called before, by whom the directory was open to.
  [[nodiscard]] static Result<std::unique_ptr<CgroupPaths>> start(const Config& config, Fd root,
                                                                  const PrepareWalker& prepare);
  CgroupPaths(const CgroupPaths&) = delete;
  CgroupPaths& operator=(const CgroupPaths&) = delete;
  ~CgroupPaths();

  [[nodiscard]] bool ask(std::uint64_t id);
  std::optional<CgroupAnswer> next(std::uint64_t now_ns);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] std::uint64_t wake_ns() const;

  // The process has ended before its time. Stays.
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  struct Known {
    std::uint64_t id;
    std::optional<std::string> path;
    std::uint64_t ask_again_ns;  // where there is no path
  };

  struct RunningWalk {
    std::uint64_t begun_ns;
    std::unordered_set<std::uint64_t> wanted;  // not answered yet
    bool is_overdue = false;
  };

  CgroupPaths(const Config& config, ForkedProcess process, Fd socket, Fd epoll);

  void look(std::uint64_t now_ns);
  void sort_asked(std::uint64_t now_ns);
  std::optional<CgroupAnswer> at_once(std::uint64_t id, std::uint64_t now_ns);
  void begin_walk(std::uint64_t now_ns);
  void receive(std::uint64_t now_ns);
  void take_found(const WalkAnswer& answer, std::string path);
  void end_walk(const WalkAnswer& answer, std::uint64_t now_ns);
  void give_up_waiting(std::unordered_set<std::uint64_t>& ids);
  void lose_process(const std::string& why);
  void remember(Known known);

  const std::size_t capacity_;
  Fd socket_;  // closed: the process has ended
  const ForkedProcess process_;
  const Fd epoll_;
  std::optional<Error> problem_;
  Counters counters_;

  // An id goes from asked_ to answers_, or by way of queued_ and walk_.
  std::unordered_set<std::uint64_t> asked_;   // since the last next()
  std::unordered_set<std::uint64_t> queued_;  // for the next walk
  std::optional<RunningWalk> walk_;
  std::deque<CgroupAnswer> answers_;
  std::uint64_t next_walk_ns_ = 0;
  std::uint64_t idle_look_ns_ = 0;  // the next look at the process while no walk runs

  std::list<Known> known_;  // the most recently used first
  std::unordered_map<std::uint64_t, std::list<Known>::iterator> known_by_id_;
  std::vector<char> packet_;
};

}  // namespace hb
