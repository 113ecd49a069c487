// OciRuntime: one container, run by whichever OCI runtime is installed, runc or crun.
//
//   auto runtime = OciRuntime::start(directory, "name");
//   while it runs, runtime.fd() is silent; once it has ended, why_it_ended() tells
//
// The runtime is executed with an argument vector, never through a shell, and what it says goes to
// a file in `directory`. Its owner must be the first process of a PID namespace that has its own
// /proc: however that ends, the container ends with it. The destructor kills and deletes the
// container in an orderly way, which also tidies up the host's cgroups.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::compare {

class OciRuntime {
 public:
  // `directory`: writable and ours alone; the bundle, with its config.json, is `directory`/bundle.
  static Result<OciRuntime> start(const std::string& directory, const std::string& container);

  OciRuntime(OciRuntime&& other) noexcept;
  OciRuntime& operator=(OciRuntime&&) = delete;
  ~OciRuntime();

  // Becomes readable when the container has ended.
  [[nodiscard]] int fd() const { return pidfd_.get(); }

  // The runtime's last words.
  [[nodiscard]] Error why_it_ended() const;

 private:
  OciRuntime(std::string name, std::string directory, std::string container)
      : name_(std::move(name)),
        directory_(std::move(directory)),
        container_(std::move(container)) {}

  using Arguments = std::vector<std::string>;

  Result<> run();
  [[nodiscard]] Result<pid_t> spawn(Arguments arguments) const;
  [[nodiscard]] std::string log() const { return directory_ + "/log"; }

  const std::string name_;  // of the program
  const std::string directory_;
  const std::string container_;
  pid_t pid_ = -1;
  Fd pidfd_;
};

}  // namespace hb::compare
