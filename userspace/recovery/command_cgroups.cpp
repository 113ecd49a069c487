#include "recovery/command_cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string_view>
#include <utility>

#include "base/uninterrupted.hpp"

namespace hb {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kPrefix = "command-";
constexpr std::string_view kDigits = "0123456789";
constexpr mode_t kMode = 0755;
constexpr int kTries = 1000;  // names that another observer in the same cgroup may have taken
constexpr milliseconds kLastPatience{1000};
constexpr int kMostBelow = 256;  // cgroups that are removed with a command's

bool is_name(std::string_view name) {
  return name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
         name.find_first_not_of(kDigits, kPrefix.size()) == std::string_view::npos;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Stream = std::unique_ptr<DIR, CloseDirectory>;

// Whether anybody is in it or below it.
bool is_populated(const std::string& path) {
  std::ifstream events(path + "/cgroup.events");
  std::string key;
  for (int value = 0; events >> key >> value;) {
    if (key == "populated") return value != 0;
  }
  return true;
}

// A command may have made cgroups in its own. `budget`: how many more are looked at.
bool remove_cgroup(const std::string& path, int& budget) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
  if (--budget < 0 || is_populated(path)) return false;
  const Stream stream(::opendir(path.c_str()));
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") {
      remove_cgroup(path + "/" + entry->d_name, budget);
    }
  }
  return ::rmdir(path.c_str()) == 0;
}

// False: somebody is in it.
bool remove_cgroup(const std::string& path) {
  int budget = kMostBelow;
  return remove_cgroup(path, budget);
}

void remove_empty(const std::string& parent) {
  const Stream stream(::opendir(parent.c_str()));
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    if (is_name(entry->d_name)) remove_cgroup(parent + "/" + entry->d_name);
  }
}

}  // namespace

CommandCgroup::CommandCgroup(std::string path, Fd directory)
    : path_(std::move(path)), directory_(std::move(directory)) {}

CommandCgroup::CommandCgroup(CommandCgroup&& other) noexcept
    : path_(std::exchange(other.path_, {})), directory_(std::move(other.directory_)) {}

CommandCgroup::~CommandCgroup() {
  if (!path_.empty()) remove_cgroup(path_);
}

void CommandCgroup::kill() const {
  const Fd file(::openat(directory_.get(), "cgroup.kill", O_WRONLY | O_CLOEXEC));
  if (file) uninterrupted([&] { return ::write(file.get(), "1", 1); });
}

Result<std::unique_ptr<CommandCgroups>> CommandCgroups::open(const std::string& parent) {
  Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const int code = errno;
  if (!inotify) return os_error(code, "cannot watch cgroups of commands (inotify_init1)");
  remove_empty(parent);
  return std::unique_ptr<CommandCgroups>(new CommandCgroups(parent, std::move(inotify)));
}

CommandCgroups::CommandCgroups(std::string parent, Fd inotify)
    : parent_(std::move(parent)), inotify_(std::move(inotify)) {}

CommandCgroups::~CommandCgroups() {
  const auto until = steady_clock::now() + kLastPatience;
  for (look(); is_any_killed(); look()) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    pollfd polled{inotify_.get(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&polled, 1, static_cast<int>(left.count())) == 0) return;
  }
}

Result<CommandCgroup> CommandCgroups::make() {
  for (int tries = 0; tries < kTries; ++tries) {
    const std::string path = parent_ + "/" + std::string(kPrefix) + std::to_string(next_++);
    const int made = ::mkdir(path.c_str(), kMode);
    int code = errno;
    if (made != 0 && code == EEXIST) continue;
    if (made != 0) return os_error(code, "cannot make the cgroup " + path);
    Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    code = errno;
    CommandCgroup cgroup(path, std::move(directory));
    if (cgroup.directory()) return cgroup;
    return os_error(code, "cannot open the cgroup " + path);
  }
  return Error{"cannot make a cgroup below " + parent_ + ": too many are there", EEXIST};
}

// The second attempt is for one that became empty before it was watched. cgroup.events is written
// when the last process ends, and when the first one comes (cgroups(7)).
void CommandCgroups::leave(CommandCgroup cgroup, bool was_killed) {
  std::string path = cgroup.release();
  if (remove_cgroup(path)) return;
  const std::string events = path + "/cgroup.events";
  const int watch = ::inotify_add_watch(inotify_.get(), events.c_str(), IN_MODIFY);
  left_.push_back({std::move(path), watch, was_killed});
  look();
}

void CommandCgroups::look() {
  drain();
  const auto removed = std::erase_if(left_, [this](const Left& left) { return remove(left); });
  if (removed > 0) drain();
}

// A watch would keep the inode of a file that is gone. Its end is told like an event.
bool CommandCgroups::remove(const Left& left) const {
  if (!remove_cgroup(left.path)) return false;
  if (left.watch >= 0) ::inotify_rm_watch(inotify_.get(), left.watch);
  return true;
}

bool CommandCgroups::is_any_killed() const {
  return std::any_of(left_.begin(), left_.end(), [](const Left& left) { return left.was_killed; });
}

void CommandCgroups::drain() const {
  std::array<char, 4096> events;
  while (::read(inotify_.get(), events.data(), events.size()) > 0) {
  }
}

std::string path_outside_of_commands(const std::string& path, const std::string& parent) {
  const std::string above = parent == "/" ? parent : parent + "/";
  if (!path.starts_with(above)) return path;
  const std::string_view below = std::string_view(path).substr(above.size());
  return is_name(below.substr(0, below.find('/'))) ? parent : path;
}

}  // namespace hb
