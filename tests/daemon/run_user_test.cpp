// --user: the observer's ids once it is ready, and that it cannot change them.
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/options.hpp"
#include "daemon/privileges.hpp"
#include "daemon/user.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/proc_status.hpp"

namespace hb::test {
namespace {

struct Nobody {
  uid_t uid;
  gid_t gid;
};

Nobody nobody() {
  const passwd* entry = ::getpwnam("nobody");
  return entry != nullptr ? Nobody{entry->pw_uid, entry->pw_gid} : Nobody{65534, 65534};
}

std::string four_times(std::uint32_t id) {
  const std::string one = std::to_string(id);
  return one + "\t" + one + "\t" + one + "\t" + one;
}

void expect_to_be_nobody(pid_t pid) {
  EXPECT_EQ(status_line(pid, "Uid"), four_times(nobody().uid));
  EXPECT_EQ(status_line(pid, "Gid"), four_times(nobody().gid));
  EXPECT_EQ(status_line(pid, "Groups"), std::to_string(nobody().gid));
  EXPECT_EQ(status_line(pid, "NoNewPrivs"), "1");
}

void expect_no_capability(pid_t pid) {
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_EQ(status_line(pid, set), "0000000000000000") << set;
  }
}

class User : public Attest {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    Attest::SetUp();
    std::filesystem::permissions(directory_.path("."), std::filesystem::perms(0755));
  }

  // In a directory that the observer has to make.
  const std::string nested_ = directory_.path("made/hb.sock");
};

TEST_F(User, AttestsAsNobody) {
  ObserverProcess observer(nested_, {"--user", "nobody"});
  const pid_t pid = observer.process().pid();
  expect_to_be_nobody(pid);
  expect_no_capability(pid);
  for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) {
    ASSERT_TRUE(send_claim(nested_, own_pid(), nonce));
    const Json beat = observer.expect("beat");
    EXPECT_EQ(beat["origin"], "kernel_attested");
    EXPECT_EQ(beat["pid"], own_pid());
  }
  ASSERT_TRUE(send_forged(nested_, static_cast<std::uint32_t>(pid)));
  EXPECT_EQ(observer.expect("auth_failure")["attested_pid"], own_pid());
  expect_balance(observer.stop());
}

TEST_F(User, RemovesItsSocket) {
  ObserverProcess observer(nested_, {"--user", "nobody"});
  struct stat made {};
  ASSERT_EQ(::stat(directory_.path("made").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, nobody().uid);
  observer.stop();
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path("made")));
}

TEST_F(User, LeavesASocketThatTheNextStartReplaces) {
  for (int run = 0; run < 2; ++run) {
    ObserverProcess observer(socket_, {"--user", "nobody"});
    ASSERT_TRUE(send_claim(socket_, own_pid()));
    observer.expect("beat");
    observer.stop();
    const std::string errors = observer.process().errors();
    EXPECT_NE(errors.find("the next start replaces it"), std::string::npos) << errors;
    EXPECT_TRUE(std::filesystem::is_socket(socket_));
  }
  struct stat seen {};
  ASSERT_EQ(::stat(directory_.path(".").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_uid, 0U) << "a directory that was there is not given away";
}

// --attest procfs must read /proc of other processes, so one capability is kept.
TEST_F(User, KeepsWhatProcfsNeeds) {
  ObserverProcess observer(nested_, {"--user", "nobody", "--attest", "procfs"});
  expect_to_be_nobody(observer.process().pid());
  EXPECT_EQ(status_line(observer.process().pid(), "CapPrm"), "0000000000080000");
  ASSERT_TRUE(send_claim(nested_, own_pid()));
  observer.expect("beat");
  observer.stop();
}

TEST_F(User, OpensItsExportFileAgain) {
  const std::string log = directory_.path("log");
  std::filesystem::create_directory(log);
  ASSERT_EQ(::chown(log.c_str(), nobody().uid, nobody().gid), 0);
  const std::string file = log + "/events.tsv";
  ObserverProcess observer(nested_, {"--user", "nobody", "--export-file", file});
  std::filesystem::rename(file, file + ".1");
  observer.process().signal(SIGHUP);
  for (int i = 0; i < 2000 && !std::filesystem::exists(file); ++i) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  for (const auto& name : {file, file + ".1"}) {
    struct stat seen {};
    ASSERT_EQ(::stat(name.c_str(), &seen), 0) << name;
    EXPECT_EQ(seen.st_uid, nobody().uid) << name;
  }
  observer.stop();
}

TEST_F(User, IsFoundByItsNumber) {
  const auto found = daemon::find_user(std::to_string(nobody().uid));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found.value().uid, nobody().uid);
  EXPECT_EQ(found.value().gid, nobody().gid);
  EXPECT_EQ(found.value().groups, daemon::find_user("nobody").value().groups);
}

// An entry in another /etc/passwd, for this process alone.
TEST_F(User, IsAnotherWhoseNameIsTheNumber) {
  const std::string passwd = directory_.path("passwd");
  std::ofstream(passwd) << "4711:x:1234:5678::/:/bin/false\n";
  Child child = Child::run([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(passwd.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) != 0) {
      ::_exit(1);
    }
    const auto found = daemon::find_user("4711");
    const auto by_uid = daemon::find_user("1234");
    if (!found || !by_uid || by_uid.value().name != "4711") ::_exit(2);
    ::_exit(found.value().uid == 1234 && found.value().gid == 5678 ? 42 : 3);
  });
  EXPECT_EQ(WEXITSTATUS(child.wait()), 42);
}

// The socket's group remains the saved group id: a new socket can be made with it.
TEST_F(User, MayBeTwoNumbersThatAreNobodys) {
  leave_out_leak_check();
  ObserverProcess observer(nested_, {"--user", "3999999998:3999999997", "--socket-group", "4242"});
  const pid_t pid = observer.process().pid();
  EXPECT_EQ(status_line(pid, "Uid"), four_times(3999999998));
  EXPECT_EQ(status_line(pid, "Gid"), "3999999997\t3999999997\t4242\t3999999997");
  EXPECT_EQ(status_line(pid, "Groups"), "3999999997");
  expect_no_capability(pid);
  struct stat socket {};
  ASSERT_EQ(::stat(nested_.c_str(), &socket), 0);
  EXPECT_EQ(socket.st_gid, 4242U);
  observer.stop();
}

TEST_F(User, CanNeverBeRootAgain) {
  CLI::App app;
  std::optional<daemon::User> user;
  cli::add_user(app, "--user", user, "");
  app.parse(std::vector<std::string>{"nobody", "--user"});
  ASSERT_TRUE(user);
  Child child = Child::run([&] {
    const bool dropped =
        daemon::become_user(*user) && daemon::drop_privileges({}) && daemon::confirm_user(*user);
    const bool is_back = ::setuid(0) == 0 || ::setresuid(0, 0, 0) == 0 || ::seteuid(0) == 0 ||
                         ::setgid(0) == 0 || ::setegid(0) == 0 || ::setgroups(0, nullptr) == 0;
    ::_exit(!dropped ? 1 : is_back ? 2 : 42);
  });
  EXPECT_EQ(WEXITSTATUS(child.wait()), 42);
}

// What confirm_user() is for: here the drop of the capabilities is missing.
TEST_F(User, IsNotConfirmedWhileItCanBecomeRoot) {
  const daemon::User user{"nobody", nobody().uid, nobody().gid, {nobody().gid}};
  Child child = Child::run([&] {
    const bool way_back =
        ::setresgid(user.gid, user.gid, user.gid) == 0 && ::setresuid(user.uid, user.uid, 0) == 0;
    ::_exit(!way_back ? 1 : daemon::confirm_user(user) ? 2 : 42);
  });
  EXPECT_EQ(WEXITSTATUS(child.wait()), 42);
}

}  // namespace
}  // namespace hb::test
