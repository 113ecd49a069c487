// OciRuntime: one container, run by whichever OCI runtime is installed, runc or crun.
//
//   auto runtime = OciRuntime::start(directory, "name");
//   runtime.fd() becomes readable when the container has ended; then call why_it_ended()
//
// The runtime is executed with an argument vector, without a shell, and its output goes to a file
// in `directory`. The calling process must be pid 1 of a PID namespace with its own /proc, so that
// the container ends with it. The destructor kills and deletes the container, including its
// cgroups.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::compare {

class OciRuntime {
 public:
  // `directory`: a private, writable directory; the bundle is `directory`/bundle.
  static Result<OciRuntime> start(const std::string& directory, const std::string& container);

  OciRuntime(OciRuntime&& other) noexcept;
  OciRuntime& operator=(OciRuntime&&) = delete;
  ~OciRuntime();

  // Becomes readable when the container has ended.
  [[nodiscard]] int fd() const { return pidfd_.get(); }

  // The last line of the runtime's output.
  [[nodiscard]] Error why_it_ended() const;

 private:
  OciRuntime(std::string name, std::string directory, std::string container)
      : name_(std::move(name)),
        directory_(std::move(directory)),
        container_(std::move(container)) {}

  using Arguments = std::vector<std::string>;

  Result<> run();
  [[nodiscard]] Result<pid_t> spawn(Arguments arguments) const;
  int exit_status(Arguments arguments) const;
  void remove() const;
  [[nodiscard]] std::string log() const { return directory_ + "/log"; }

  const std::string name_;  // of the program
  const std::string directory_;
  const std::string container_;
  pid_t pid_ = -1;
  Fd pidfd_;
};

}  // namespace hb::compare
