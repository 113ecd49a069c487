#include "cli/distinct_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hb::cli {
namespace {

namespace fs = std::filesystem;
using Inode = std::pair<dev_t, ino_t>;

enum class Use { Written, Streamed, Read };

// One file of the configuration, by all that tells it from others.
struct NamedFile {
  std::string flag;  // "--socket"
  std::string what;  // "the socket of --socket": after "is"
  Use use;
  fs::path path = {};                   // without links, "." and "..", as far as it exists
  std::optional<Inode> inode = {};      // if it exists
  std::optional<Inode> directory = {};  // if that exists
};

fs::path plain(const fs::path& path) {
  std::error_code failed;
  const auto absolute = fs::absolute(path, failed);
  auto resolved = fs::weakly_canonical(absolute, failed);
  return failed ? absolute.lexically_normal() : resolved;
}

std::optional<Inode> inode_of(const fs::path& path) {
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0) return std::nullopt;
  return Inode{seen.st_dev, seen.st_ino};
}

NamedFile named(const std::string& flag, const std::string& what, Use use,
                const std::string& path) {
  const fs::path whole = plain(path);
  return {flag, what, use, whole, inode_of(whole), inode_of(whole.parent_path())};
}

// What follows ".", of the name of a file that the audit log makes when it rotates.
bool is_generation(const std::string& suffix) {
  return suffix == "next" ||
         (!suffix.empty() && suffix.find_first_not_of("0123456789") == std::string::npos);
}

bool is_same(const NamedFile& one, const NamedFile& other) {
  if (one.inode && one.inode == other.inode) return true;
  if (one.path == other.path) return true;
  return one.directory && one.directory == other.directory &&
         one.path.filename() == other.path.filename();
}

// The inodes of the files beside the audit file that have names of rotated ones.
std::vector<Inode> rotated_inodes(const NamedFile& audit) {
  std::vector<Inode> found;
  const std::string stem = audit.path.filename().string() + ".";
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(audit.path.parent_path(), failed)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(stem) || !is_generation(name.substr(stem.size()))) continue;
    if (const auto inode = inode_of(entry.path())) found.push_back(*inode);
  }
  return found;
}

// "log.1" of the audit file "log".
bool is_rotated(const NamedFile& audit, const NamedFile& other) {
  if (!audit.directory || audit.directory != other.directory) return false;
  const std::string stem = audit.path.filename().string() + ".";
  const std::string name = other.path.filename().string();
  return name.starts_with(stem) && is_generation(name.substr(stem.size()));
}

class Files {
 public:
  explicit Files(const daemon::RunConfig& config) {
    if (config.export_file) add("--export-file", Use::Written, *config.export_file);
    add("--recovery-audit-file", Use::Written, config.audit.path);
    add("--socket", Use::Written, config.socket.path);
    files_.push_back(
        named("--socket", "the lock file of --socket", Use::Written, config.socket.path + ".lock"));
    if (config.notify_socket) add("--notify-socket", Use::Written, *config.notify_socket);
    if (config.publish.status_socket || config.notify_socket)
      add_status_socket(config.status_path());
    add_stream("standard output", STDOUT_FILENO);
    add_stream("standard error", STDERR_FILENO);
    add("--config", Use::Read, config.config_file);
    add("--policy-file", Use::Read, config.recovery.policy_file.value_or(""));
    add("--key-file", Use::Read, config.udp.key_file);
    add("--master-key-file", Use::Read, config.udp.master_key_file);
    add("--http-auth-file", Use::Read, config.publish.http_auth_file);
  }

  void check() const {
    for (const NamedFile& file : files_) {
      if (file.flag == kAudit) check_streams(file);
    }
    for (std::size_t i = 0; i < files_.size(); ++i) {
      for (std::size_t j = i + 1; j < files_.size(); ++j) check(files_[i], files_[j]);
    }
  }

 private:
  void add(const std::string& flag, Use use, const std::string& path) {
    if (!path.empty()) files_.push_back(named(flag, "the file of " + flag, use, path));
  }

  void add_status_socket(const std::string& path) {
    if (path.empty()) return;
    add("--status-socket", Use::Written, path);
    files_.push_back(
        named("--status-socket", "the lock file of --status-socket", Use::Written, path + ".lock"));
  }

  void add_stream(const std::string& name, int fd) {
    struct stat seen {};
    if (::fstat(fd, &seen) != 0 || !S_ISREG(seen.st_mode)) return;
    files_.push_back({name, name, Use::Streamed, name, Inode{seen.st_dev, seen.st_ino}, {}});
  }

  // Two streams may be one file, and two flags may read one.
  static void check(const NamedFile& one, const NamedFile& other) {
    if (one.use != Use::Written && other.use != Use::Written) return;
    if (is_same(one, other)) refuse(one, "is " + other.what + " too: give each its own");
    if (one.flag == kAudit && is_rotated(one, other)) refuse_rotated(other);
    if (other.flag == kAudit && is_rotated(other, one)) refuse_rotated(one);
  }

  // A stream has no path.
  void check_streams(const NamedFile& audit) const {
    const auto rotated = rotated_inodes(audit);
    for (const NamedFile& file : files_) {
      if (file.use != Use::Streamed) continue;
      if (std::find(rotated.begin(), rotated.end(), file.inode) != rotated.end()) {
        refuse_rotated(file);
      }
    }
  }

  static void refuse_rotated(const NamedFile& file) {
    refuse(file,
           "has a name that --recovery-audit-file gives its files when it rotates: choose "
           "another");
  }

  [[noreturn]] static void refuse(const NamedFile& file, const std::string& why) {
    throw CLI::ValidationError(file.flag, why);
  }

  static constexpr const char* kAudit = "--recovery-audit-file";

  std::vector<NamedFile> files_;
};

}  // namespace

void check_files_are_distinct(const daemon::RunConfig& config) { Files(config).check(); }

}  // namespace hb::cli
