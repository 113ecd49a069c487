// What open_only() leaves, and what it refuses, in a process that does nothing else.
#include "daemon/landlock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

constexpr int kNotLimited = 200;

class Landlock : public ::testing::Test {
 protected:
  void SetUp() override {
    HB_NEEDS(daemon::landlock_abi() > 0, "Landlock");
    for (const char* name : {"read", "change", "other"}) {
      std::filesystem::create_directory(directory_.path(name));
      std::ofstream(at(std::string(name) + "/file")) << "text";
    }
    std::filesystem::copy_file("/bin/true", at("change/program"));
  }

  [[nodiscard]] std::string at(const std::string& name) const { return directory_.path(name); }

  // The errno of `work` in a child that is limited to these directories, or 0. It returns what the
  // call does: -1 is a failure.
  template <typename Work>
  int error_of(Work&& work) const {
    const pid_t child = ::fork();
    if (child == 0) {
      const bool is_limited =
          ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
          static_cast<bool>(daemon::open_only({{at("read"), at("missing")}, {at("change")}}));
      ::_exit(!is_limited ? kNotLimited : work() == -1 ? errno : 0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : kNotLimited;
  }

  [[nodiscard]] int error_of_open(const std::string& name, int flags) const {
    return error_of([&] { return ::open(at(name).c_str(), flags, 0600); });
  }

  TemporaryDirectory directory_;
};

TEST_F(Landlock, LeavesWhatIsReadReadable) {
  EXPECT_EQ(error_of_open("read/file", O_RDONLY), 0);
  EXPECT_EQ(error_of_open("read/file", O_WRONLY), EACCES);
  EXPECT_EQ(error_of_open("read/new", O_WRONLY | O_CREAT), EACCES);
  EXPECT_EQ(error_of([&] { return ::unlink(at("read/file").c_str()); }), EACCES);
}

TEST_F(Landlock, LeavesWhatIsChangedChangeable) {
  EXPECT_EQ(error_of_open("change/file", O_RDWR | O_APPEND), 0);
  EXPECT_EQ(error_of_open("change/new", O_WRONLY | O_CREAT), 0);
  EXPECT_EQ(
      error_of([&] { return ::rename(at("change/new").c_str(), at("change/newer").c_str()); }), 0);
  EXPECT_EQ(error_of([&] { return ::unlink(at("change/newer").c_str()); }), 0);
}

TEST_F(Landlock, RefusesTheRest) {
  EXPECT_EQ(error_of_open("other/file", O_RDONLY), EACCES);
  EXPECT_EQ(error_of_open("change/../other/file", O_RDONLY), EACCES);
  EXPECT_EQ(error_of_open("missing", O_WRONLY | O_CREAT), EACCES);
  EXPECT_EQ(error_of([&] { return ::symlink("/etc/shadow", at("change/link").c_str()); }), EACCES);
}

TEST_F(Landlock, LetsNothingBeExecuted) {
  const std::string program = at("change/program");
  EXPECT_EQ(error_of([&] { return ::execl(program.c_str(), "true", nullptr); }), EACCES);
}

}  // namespace
}  // namespace hb::test
