#include "lab/compare/oci_runtime.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

namespace hb::compare {
namespace {

constexpr int kLookAgain_ms = 10;
constexpr int kOpenLog = O_WRONLY | O_CREAT | O_APPEND;

// pivot_root(2) fails on an initramfs.
bool root_is_in_memory() {
  struct statfs root {};
  if (::statfs("/", &root) != 0) return false;
  return root.f_type == RAMFS_MAGIC || root.f_type == TMPFS_MAGIC;
}

std::string last_line_of(const std::string& path) {
  std::ifstream file(path);
  std::string last = "no output";
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

class SpawnActions {
 public:
  explicit SpawnActions(const std::string& log) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, log.c_str(), kOpenLog, 0600);
    ::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

Result<OciRuntime> OciRuntime::start(const std::string& directory, const std::string& container) {
  for (const char* name : {"runc", "crun"}) {
    OciRuntime runtime(name, directory, container);
    auto running = runtime.run();
    if (running) return runtime;
    if (running.error().code != ENOENT) return running.error();
  }
  return Error{"no OCI runtime is installed (runc or crun)", ENOENT};
}

Result<> OciRuntime::run() {
  Arguments arguments{"run", "--bundle", directory_ + "/bundle"};
  if (root_is_in_memory()) arguments.emplace_back("--no-pivot");
  arguments.push_back(container_);
  const auto pid = spawn(std::move(arguments));
  if (!pid) return pid.error();
  pid_ = pid.value();
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  const int code = errno;
  return pidfd_ ? ok() : Result<>(os_error(code, "cannot refer to " + name_));
}

Result<pid_t> OciRuntime::spawn(Arguments arguments) const {
  arguments.insert(arguments.begin(), {name_, "--root", directory_ + "/state"});
  std::vector<char*> vector;
  for (auto& argument : arguments) vector.push_back(argument.data());
  vector.push_back(nullptr);
  const SpawnActions actions(log());
  pid_t pid = 0;
  const int refused =
      ::posix_spawnp(&pid, vector[0], actions.get(), nullptr, vector.data(), environ);
  if (refused != 0) return os_error(refused, "cannot execute " + name_);
  return pid;
}

OciRuntime::OciRuntime(OciRuntime&& other) noexcept
    : name_(other.name_),
      directory_(other.directory_),
      container_(other.container_),
      pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)) {}

// A container that is still being made is unknown to `delete`, and would run on after it.
OciRuntime::~OciRuntime() {
  if (pid_ < 0) return;
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (exit_status({"state", container_}) == 0) remove();
    pollfd polled{pidfd_.get(), POLLIN, 0};
    ::poll(&polled, 1, kLookAgain_ms);
  }
  remove();  // what it left behind if it failed
}

void OciRuntime::remove() const { exit_status({"delete", "--force", container_}); }

// As of wait(2); -1 if it could not be executed.
int OciRuntime::exit_status(Arguments arguments) const {
  int status = -1;
  const auto pid = spawn(std::move(arguments));
  while (pid && ::waitpid(pid.value(), &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

Error OciRuntime::why_it_ended() const {
  return Error{name_ + " could not run a container: " + last_line_of(log())};
}

}  // namespace hb::compare
