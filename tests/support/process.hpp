// Process: the real binary (or any other), with its output in reach. Killed and reaped at the
// latest when the test lets go of it.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace hb::test {

// The timeout for what must come. Long, as it costs nothing if it is not reached; slow emulated
// machines set a longer one with HB_TEST_PATIENCE_S.
inline std::chrono::seconds patience() {
  const char* asked = std::getenv("HB_TEST_PATIENCE_S");
  return std::chrono::seconds(asked != nullptr ? std::atoi(asked) : 30);
}
inline const std::chrono::seconds kPatience = patience();

using Argv = std::vector<std::string>;

// The hb-ebpf under test, followed by `arguments`.
Argv hb_ebpf(Argv arguments);

class Process {
 public:
  struct Streams {
    int in = -1;   // -1: empty
    int out = -1;  // -1: in reach of next_line()
  };

  // `before_exec` runs in the child.
  explicit Process(const Argv& argv) : Process(argv, Streams{}, [] {}) {}
  Process(const Argv& argv, Streams streams) : Process(argv, streams, [] {}) {}
  template <typename BeforeExec>
  Process(const Argv& argv, Streams streams, BeforeExec before_exec) {
    const Pipes pipes = open_pipes();
    pid_ = ::fork();
    if (pid_ == 0) {
      before_exec();
      exec(argv, streams, pipes);
    }
    adopt(pipes);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Only before wait(): afterwards the pid is -1, which means all processes to kill(2).
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }

  // The next line of standard output; nothing at its end or when the patience is over.
  std::optional<std::string> next_line(std::chrono::milliseconds patience = kPatience);

  // The same of standard error.
  std::optional<std::string> next_error(std::chrono::milliseconds patience = kPatience);

  // Closes the reading end of standard output.
  void close_output() { out_.reset(); }

  // Exit code, 128 + signal, or -1 when it does not end in time (then it is killed).
  int wait(std::chrono::milliseconds patience = kPatience);

  // Everything that is left on standard output and standard error. After wait().
  std::string rest_of_output();
  std::string errors();

 private:
  struct Pipes {
    int out[2];
    int err[2];
  };

  static Pipes open_pipes();
  [[noreturn]] static void exec(const Argv& argv, Streams streams, const Pipes& pipes);
  void adopt(const Pipes& pipes);
  static std::optional<std::string> next_line(const Fd& from, std::string& buffered,
                                              std::chrono::milliseconds patience);

  pid_t pid_ = -1;
  Fd out_;
  Fd err_;
  std::string buffered_;
  std::string buffered_errors_;
};

// Before an exec: what is executed then can load no BPF program, even as root. (Another user might
// not reach the binary.)
void renounce_bpf();

// What a whole run of the binary gave.
struct Outcome {
  int code;
  std::string out;
  std::string err;
};
Outcome run_to_end(const Argv& arguments, const std::string& input = {});

// A directory that goes with the test, with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace hb::test
