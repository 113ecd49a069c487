// CommandCgroups: a cgroup of its own for each recovery command, `command-1` and so on, below a
// cgroup that is ours (delegated_cgroup.hpp). What a command starts stays in there, also what makes
// a session of its own, so all of it can be killed.
//
//   auto cgroup = cgroups.make();
//   a child is started in it (spawn.hpp);
//   cgroups.leave(std::move(cgroup).value(), was_killed);   once the command has ended
//   when fd() is readable: cgroups.look();
//
// A cgroup is removed as soon as nobody is in it: at once, or when a daemon that the command has
// left behind ends. What is not empty when this goes stays, and the next open() removes it. One
// thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb {

// One of them. Move-only; removed, if it is empty, at the latest when this goes.
class CommandCgroup {
 public:
  CommandCgroup(std::string path, Fd directory);
  CommandCgroup(CommandCgroup&& other) noexcept;
  CommandCgroup& operator=(CommandCgroup&&) = delete;
  ~CommandCgroup();

  [[nodiscard]] const Fd& directory() const { return directory_; }

  // SIGKILL for all that is in it and below. Nothing before Linux 5.14.
  void kill() const;

  // Who calls this removes it.
  [[nodiscard]] std::string release() { return std::exchange(path_, {}); }

 private:
  std::string path_;  // empty: released, or moved from
  Fd directory_;      // so that it is this one that is killed, and no later one of that name
};

class CommandCgroups {
 public:
  // `parent`: the directory of the cgroup that is ours. Removes what is empty of those before.
  [[nodiscard]] static Result<std::unique_ptr<CommandCgroups>> open(const std::string& parent);
  CommandCgroups(const CommandCgroups&) = delete;
  CommandCgroups& operator=(const CommandCgroups&) = delete;
  // Waits at most one second for those that were killed.
  ~CommandCgroups();

  [[nodiscard]] Result<CommandCgroup> make();
  void leave(CommandCgroup cgroup, bool was_killed);

  [[nodiscard]] int fd() const { return inotify_.get(); }
  void look();
  // None is left to be removed: fd() is not readable.
  [[nodiscard]] bool empty() const { return left_.empty(); }

 private:
  struct Left {
    std::string path;
    int watch;  // of its cgroup.events; -1: none
    bool was_killed;
  };

  CommandCgroups(std::string parent, Fd inotify);

  [[nodiscard]] bool remove(const Left& left) const;
  [[nodiscard]] bool is_any_killed() const;
  void drain() const;

  const std::string parent_;
  const Fd inotify_;
  unsigned long next_ = 1;
  std::vector<Left> left_;
};

// The path of a cgroup, but where it is a command's below `parent`, or below one: `parent`. So what
// a command starts belongs to whom it would belong to without these cgroups.
[[nodiscard]] std::string path_outside_of_commands(const std::string& path,
                                                   const std::string& parent);

}  // namespace hb
