// CgroupTree: cgroups of a test's own in the v2 hierarchy, wherever this machine has it mounted.
#pragma once

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace hb::test {

class CgroupTree {
 public:
  CgroupTree() {
    is_mounted_ = ::mount("cgroup2", mount().c_str(), "cgroup2", 0, nullptr) == 0;
    if (is_mounted_ && make("") == 0) top_.clear();
  }
  CgroupTree(const CgroupTree&) = delete;
  CgroupTree& operator=(const CgroupTree&) = delete;
  ~CgroupTree() {
    while (!made_.empty()) remove_last();
    if (is_mounted_) ::umount2(mount().c_str(), MNT_DETACH);
  }

  [[nodiscard]] bool is_there() const { return is_mounted_ && !top_.empty(); }
  [[nodiscard]] std::string mount() const { return directory_.path(""); }

  // `name` is "" or begins with '/'; the cgroup above it is there.
  [[nodiscard]] std::string path(const std::string& name = "") const { return top_ + name; }

  // Its id; 0: it cannot be made.
  std::uint64_t make(const std::string& name) {
    const std::string directory = mount() + path(name);
    if (::mkdir(directory.c_str(), 0755) != 0) return 0;
    made_.push_back(directory);
    struct stat status {};
    return ::stat(directory.c_str(), &status) == 0 ? status.st_ino : 0;
  }

  void remove_last() {
    ::rmdir(made_.back().c_str());
    made_.pop_back();
  }

 private:
  TemporaryDirectory directory_;
  std::string top_ = "/hb-test-" + std::to_string(::getpid());
  bool is_mounted_ = false;
  std::vector<std::string> made_;
};

}  // namespace hb::test
