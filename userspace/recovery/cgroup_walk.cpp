#include "recovery/cgroup_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace hb {
namespace {

// Longer ones are not known: whoever may make cgroups chooses their names, which are in each record
// and line about his agents. (With systemd's and Kubernetes' names, few reach 300 bytes.)
constexpr std::size_t kLongestPath = 1023;
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Stream = std::unique_ptr<DIR, CloseDirectory>;

// Null, and errno, where it cannot be opened.
Stream open_directory(const Fd& root, const std::string& path) {
  const int fd = ::openat(root.get(), path.c_str(), kDirectory);
  if (fd < 0) return nullptr;
  Stream stream(::fdopendir(fd));
  if (!stream) ::close(fd);
  return stream;
}

class Walk {
 public:
  Walk(const Fd& root, std::unordered_set<std::uint64_t>& wanted, const WalkLimits& limits,
       const FoundCgroup& found)
      : root_(root), wanted_(wanted), limits_(limits), found_(found) {}

  WalkOutcome run() {
    struct stat root {};
    if (::fstat(root_.get(), &root) != 0) return {0, true};
    device_ = root.st_dev;
    add({0, root.st_ino, 0, ""});
    for (std::size_t next = 0; next < seen_.size() && !wanted_.empty(); ++next) enter(next);
    outcome_.directories = seen_.size();
    return outcome_;
  }

 private:
  // Names, not paths: those of 65,536 directories could take 256 MiB.
  struct Directory {
    std::size_t parent;  // where it is in seen_
    std::uint64_t id;
    std::size_t depth;
    std::string name;
  };

  void add(Directory directory) {
    seen_.push_back(std::move(directory));
    if (wanted_.erase(seen_.back().id) > 0) found_(seen_.back().id, path_of(seen_.size() - 1));
  }

  [[nodiscard]] std::string path_of(std::size_t index) const {
    if (index == 0) return "/";
    std::string path;
    for (; index != 0; index = seen_[index].parent) path.insert(0, "/" + seen_[index].name);
    return path;
  }

  void enter(std::size_t index) {
    const std::string path = "." + path_of(index);
    if (seen_[index].depth >= limits_.depth || path.size() > kLongestPath) return cut_short();
    const Stream stream = open_directory(root_, path);
    const int code = errno;
    if (!stream && code == ENOENT) return;  // removed meanwhile
    if (!stream) return cut_short();
    if (const auto owner = owner_of(stream, index)) read(stream, index, *owner);
  }

  // nullopt: it is not the directory that was listed, since something is mounted there, or it has
  // been made anew.
  [[nodiscard]] std::optional<uid_t> owner_of(const Stream& stream, std::size_t index) const {
    struct stat status {};
    if (::fstat(::dirfd(stream.get()), &status) != 0) return std::nullopt;
    if (status.st_dev != device_ || status.st_ino != seen_[index].id) return std::nullopt;
    return status.st_uid;
  }

  // d_ino is st_ino in this file system (kernfs), so that no directory has to be opened to know it.
  void read(const Stream& stream, std::size_t parent, uid_t owner) {
    while (const dirent* entry = wanted_.empty() ? nullptr : ::readdir(stream.get())) {
      const std::string_view name = entry->d_name;
      if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
      if (!may_see_another(owner)) return cut_short();
      add({parent, entry->d_ino, seen_[parent].depth + 1, std::string(name)});
    }
  }

  bool may_see_another(uid_t owner) {
    if (seen_.size() >= limits_.directories) return false;
    return owner == 0 || ++of_user_[owner] <= limits_.of_a_user;
  }

  void cut_short() { outcome_.was_cut_short = true; }

  const Fd& root_;
  std::unordered_set<std::uint64_t>& wanted_;
  const WalkLimits limits_;
  const FoundCgroup& found_;
  dev_t device_ = 0;
  std::vector<Directory> seen_;  // in the order in which they are entered
  std::unordered_map<uid_t, std::size_t> of_user_;
  WalkOutcome outcome_;
};

}  // namespace

std::vector<std::string> cgroup_mounts(const std::string& mount) {
  if (!mount.empty()) return {mount};
  return {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
}

bool is_cgroup2(const Fd& directory) {
  struct statfs found {};
  return ::fstatfs(directory.get(), &found) == 0 && found.f_type == CGROUP2_SUPER_MAGIC;
}

Result<Fd> open_cgroup_root(const std::string& mount) {
  std::string tried;
  for (const auto& place : cgroup_mounts(mount)) {
    Fd root(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (root && is_cgroup2(root)) return root;
    tried += (tried.empty() ? "" : " and ") + place;
  }
  return Error{"there is no cgroup v2 hierarchy at " + tried};
}

WalkOutcome walk_cgroups(const Fd& root, std::unordered_set<std::uint64_t>& wanted,
                         const WalkLimits& limits, const FoundCgroup& found) {
  return Walk(root, wanted, limits, found).run();
}

}  // namespace hb
