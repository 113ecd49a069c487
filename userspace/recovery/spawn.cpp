#include "recovery/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "recovery/pidfd.hpp"

namespace hb {
namespace {

constexpr mode_t kUmask = 022;

struct Pipe {
  Fd read;
  Fd write;
};

// Only the end that stays here is non-blocking: a program does not expect its output to be.
Result<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    const int code = errno;
    return os_error(code, "cannot make a pipe");
  }
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    const int code = errno;
    return os_error(code, "cannot make a pipe non-blocking");
  }
  return pipe;
}

// What happens in the child before exec: posix_spawn(3) does it, in this order.
class Actions {
 public:
  explicit Actions(int output) {
    ::posix_spawn_file_actions_init(&actions_);
    keep(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    keep(::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO));
    keep(::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO));
    keep(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
    keep(::posix_spawn_file_actions_addchdir_np(&actions_, "/"));
  }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }

  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }
  [[nodiscard]] int code() const { return code_; }

 private:
  void keep(int code) {
    if (code_ == 0) code_ = code;
  }

  posix_spawn_file_actions_t actions_{};
  int code_ = 0;
};

class Attributes {
 public:
  Attributes() {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    std::memset(&all, 0xff, sizeof(all));  // sigfillset(3) leaves out two that glibc then ignores
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }

  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// posix_spawn(3) takes char* and leaves what it points to alone.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

// 0, or errno.
int execute(pid_t& pid, const std::vector<std::string>& argv,
            const std::vector<std::string>& environment, const Fd& output) {
  const Actions actions(output.get());
  const Attributes attributes;
  if (actions.code() != 0) return actions.code();
  const auto arguments = pointers(argv);
  const auto variables = pointers(environment);
  const mode_t ours = ::umask(kUmask);
  const int code = ::posix_spawn(&pid, arguments[0], actions.get(), attributes.get(),
                                 arguments.data(), variables.data());
  ::umask(ours);
  return code;
}

// A child that cannot be watched must not run.
void take_back(pid_t pid) {
  ::kill(-pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<Spawned> spawn(const std::vector<std::string>& argv,
                      const std::vector<std::string>& environment) {
  auto pipe = make_pipe();
  if (!pipe) return pipe.error();
  pid_t pid = -1;
  if (const int code = execute(pid, argv, environment, pipe.value().write); code != 0) {
    return os_error(code, "cannot execute " + argv.front());
  }
  pipe.value().write.reset();  // which also frees the number that the pidfd will need
  auto pidfd = open_pidfd(static_cast<std::uint32_t>(pid));
  if (!pidfd) {
    take_back(pid);
    return pidfd.error();
  }
  return Spawned{pid, std::move(pidfd).value(), std::move(pipe.value().read)};
}

}  // namespace hb
