// CgroupTree: cgroups of a test's own in the v2 hierarchy, wherever this machine has it mounted.
#pragma once

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace hb::test {

class CgroupTree {
 public:
  CgroupTree() {
    is_mounted_ = ::mount("cgroup2", mount().c_str(), "cgroup2", 0, nullptr) == 0;
    if (is_mounted_) make_top();
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
    if (::rmdir(made_.back().c_str()) != 0) end_and_remove(made_.back());
    made_.pop_back();
  }

 private:
  // What a test has left running, for some moments.
  static void end_and_remove(const std::string& directory) {
    constexpr int kTries = 100;
    std::ofstream(directory + "/cgroup.kill") << 1;
    for (int n = 0; n < kTries && ::rmdir(directory.c_str()) != 0; ++n) ::usleep(10'000);
  }

  // No process' pid makes it a name of its own: in another PID namespace there is another such
  // process, and a tree in which one still runs outlives its test.
  void make_top() {
    std::string top = mount() + "/hb-test-XXXXXX";
    if (::mkdtemp(top.data()) == nullptr || ::chmod(top.c_str(), 0755) != 0) return;
    made_.push_back(top);
    top_ = top.substr(mount().size());
  }

  TemporaryDirectory directory_;
  std::string top_;
  bool is_mounted_ = false;
  std::vector<std::string> made_;
};

}  // namespace hb::test
