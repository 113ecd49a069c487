#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "exec/check.hpp"
#include "exec/program.hpp"

namespace hb::exec {
namespace {

Result<> meaning_of(int status) {
  if (WIFSIGNALED(status)) {
    return Error{"it was ended by signal " + std::to_string(WTERMSIG(status))};
  }
  if (WEXITSTATUS(status) == 0) return ok();
  return Error{"it ended with " + std::to_string(WEXITSTATUS(status))};
}

// In the child.
void set_apart() {
  ::setpgid(0, 0);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, stream);
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);  // since Linux 5.11
}

class CommandCheck final : public Check {
 public:
  explicit CommandCheck(std::string command) : command_(std::move(command)) {}
  CommandCheck(const CommandCheck&) = delete;
  CommandCheck& operator=(const CommandCheck&) = delete;
  ~CommandCheck() override { kill_group(); }

  [[nodiscard]] std::string name() const override { return "check " + command_; }

  void begin() override {
    answer_.reset();
    const auto started = start_program({"/bin/sh", "-c", command_}, set_apart);
    if (!started) {
      answer_ = started.error();
      return;
    }
    pid_ = started.value();
    ::setpgid(pid_, pid_);  // whoever of the two is first
  }

  std::optional<Result<>> answer() override { return answer_; }

  void abandon() override { kill_group(); }

  void before_reaping(pid_t pid) override {
    if (pid == pid_) ::kill(-pid_, SIGKILL);
  }
  void take_end(pid_t pid, int status) override {
    if (pid != pid_) return;
    pid_ = -1;
    answer_ = meaning_of(status);
  }

 private:
  // Whoever it has started as well. Before it is reaped: nobody else has the group's number.
  void kill_group() {
    if (pid_ > 0) ::kill(-std::exchange(pid_, -1), SIGKILL);
  }

  const std::string command_;
  pid_t pid_ = -1;
  std::optional<Result<>> answer_;
};

}  // namespace

std::unique_ptr<Check> check_command(std::string command) {
  return std::make_unique<CommandCheck>(std::move(command));
}

}  // namespace hb::exec
