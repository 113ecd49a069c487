// What the sandbox refuses, and that the observer works on. First in a process that does nothing
// else; then in a running observer, whose loop is made to call what somebody would who has taken it
// over.
#include "daemon/sandbox.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "daemon/landlock.hpp"
#include "tests/daemon/captive.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

constexpr unsigned long kNowhere = 0;

// Each would fail with another error, or succeed, without a sandbox.
std::vector<Call> calls_of_an_intruder() {
  return {
      {"execve", SYS_execve, {kNowhere}},
      {"execveat", SYS_execveat, {0, kNowhere}},
      {"fork", SYS_fork},
      {"clone", SYS_clone, {SIGCHLD}},
      {"clone3", SYS_clone3, {kNowhere, 0}},
      {"ptrace", SYS_ptrace, {PTRACE_ATTACH, 1}},
      {"process_vm_writev", SYS_process_vm_writev, {1}},
      {"kill", SYS_kill, {1, 0}},
      {"tgkill", SYS_tgkill, {1, 1, 0}},
      {"pidfd_send_signal", SYS_pidfd_send_signal, {0, 0}},
      {"bpf: a program", SYS_bpf, {BPF_PROG_LOAD, kNowhere, 0}},
      {"bpf: a map", SYS_bpf, {BPF_MAP_UPDATE_ELEM, kNowhere, 0}},
      {"perf_event_open", SYS_perf_event_open, {kNowhere}},
      {"socket: IPv4", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
      {"socket: netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
      {"mount", SYS_mount, {kNowhere}},
      {"setns", SYS_setns, {0, 0}},
      {"unshare", SYS_unshare, {CLONE_NEWUSER}},
      {"io_uring_setup", SYS_io_uring_setup, {1, kNowhere}},
      {"setuid", SYS_setuid, {0}},
      {"prctl", SYS_prctl, {PR_SET_DUMPABLE, 1}},
      {"prlimit64: a new limit", SYS_prlimit64, {0, 0, 1}},
      {"memory that can be executed",
       SYS_mmap,
       {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, ~0UL, 0}},
      {"mprotect", SYS_mprotect, {0, 4096, PROT_EXEC}},
  };
}

bool is_refused(const Call& call) {
  errno = 0;
  const long result =
      ::syscall(call.number, argument(call, 0), argument(call, 1), argument(call, 2),
                argument(call, 3), argument(call, 4), argument(call, 5));
  return result == -1 && errno == EPERM;
}

// What it returns is the exit code of a child that is in the sandbox.
template <typename Work>
int in_sandbox(Work&& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(100);
    if (!daemon::Sandbox::enter()) ::_exit(101);
    ::_exit(work());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

constexpr int kGood = 0;
constexpr int kBad = 1;

TEST(Sandbox, RefusesAndCounts) {
  for (const Call& call : calls_of_an_intruder()) {
    EXPECT_EQ(in_sandbox([&] {
                const bool refused = is_refused(call) && daemon::Sandbox::denied() == 1;
                return refused ? kGood : kBad;
              }),
              kGood)
        << call.name;
  }
}

TEST(Sandbox, LeavesWhatTheLoopNeeds) {
  EXPECT_EQ(in_sandbox([] {
              int ends[2];
              if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) != 0) return kBad;
              if (::write(ends[0], "x", 1) != 1) return kBad;
              void* memory =
                  ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return memory != MAP_FAILED && daemon::Sandbox::denied() == 0 ? kGood : kBad;
            }),
            kGood);
}

TEST(Sandbox, LeavesTheWatchdogItsLastResort) {
  EXPECT_EQ(in_sandbox([] {
              sigevent event{};
              event.sigev_notify = SIGEV_SIGNAL;
              event.sigev_signo = SIGKILL;
              timer_t timer{};
              if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return kBad;
              itimerspec soon{};
              soon.it_value.tv_nsec = 1;
              if (::timer_settime(timer, 0, &soon, nullptr) != 0) return kBad;
              ::pause();
              return kBad;
            }),
            200 + SIGKILL);
}

class SandboxOfAnObserver : public Attest {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    Attest::SetUp();
  }
};

TEST_F(SandboxOfAnObserver, RefusesWhatAnIntruderWouldCall) {
  ObserverProcess observer(socket_, {"--threshold-ms", "60000"});
  std::uint64_t refused = 0;
  for (const Call& call : calls_of_an_intruder()) {
    Captive loop(observer.process().pid());
    if (!loop.is_traced()) observer.give_up(std::string("cannot trace it: ") + call.name);
    EXPECT_TRUE(loop.is_refused(call)) << call.name;
    ++refused;
  }
  ASSERT_TRUE(send_claim(socket_, own_pid()));
  observer.expect("beat");
  observer.expect_logged("the sandbox has refused");
  EXPECT_EQ(observer.stop()["sandbox_denied_total"], refused);
}

TEST_F(SandboxOfAnObserver, IsThatOfItsWatchdogToo) {
  ObserverProcess observer(socket_);
  const std::string threads = "/proc/" + std::to_string(observer.process().pid()) + "/task";
  std::size_t count = 0;
  for (const auto& thread : std::filesystem::directory_iterator(threads)) {
    std::ifstream status(thread.path() / "status");
    const std::string all{std::istreambuf_iterator<char>(status), {}};
    EXPECT_NE(all.find("\nSeccomp:\t2\n"), std::string::npos) << all;
    ++count;
  }
  EXPECT_EQ(count, 2U);
}

// Once a SIGSYS of anybody overwrote the result of whatever system call it interrupted.
TEST_F(SandboxOfAnObserver, IsNotDeceivedByASignalOfSomebody) {
  ObserverProcess observer(socket_, {"--threshold-ms", "60000"});
  for (std::uint64_t nonce = 1; nonce <= 200; ++nonce) {
    observer.process().signal(SIGSYS);
    ASSERT_TRUE(send_claim(socket_, own_pid(), nonce));
  }
  for (int beats = 0; beats < 200; ++beats) observer.expect("beat");
  EXPECT_EQ(observer.stop()["sandbox_denied_total"], 0);
}

// A name service may bring libraries, which are loaded when the first name is looked up.
TEST_F(SandboxOfAnObserver, LetsNamesBeLookedUpWhenTheConfigurationIsReadAgain) {
  const std::string config = directory_.path("hb.conf");
  const auto write = [&](const std::string& text) { std::ofstream(config) << text; };
  write("threshold-ms = 60000\n");
  ObserverProcess observer(socket_, {"--config", config});
  write("threshold-ms = 60000\nsocket-group = no-such-group\n");
  observer.process().signal(SIGHUP);
  observer.expect_logged("no-such-group");
  EXPECT_EQ(observer.stop()["sandbox_denied_total"], 0);
}

class FilesOfAnObserver : public SandboxOfAnObserver {
 protected:
  // Files of root, as whom the observer runs: only Landlock keeps it from them.
  static std::vector<std::string> foreign_files() {
    std::vector<std::string> files = {"/"};
    if (std::filesystem::exists("/etc/shadow")) files.emplace_back("/etc/shadow");
    return files;
  }

  static int error_of_open(ObserverProcess& observer, const std::string& path,
                           unsigned long flags) {
    Captive loop(observer.process().pid());
    if (!loop.is_traced()) observer.give_up("cannot trace it");
    return loop.error_of_open(path, flags);
  }

  std::string write(const std::string& name) const {
    const std::string path = directory_.path(name);
    std::ofstream(path) << "threshold-ms = 60000\n";
    return path;
  }
};

TEST_F(FilesOfAnObserver, AreThoseOfItsConfiguration) {
  const std::string export_file = directory_.path("export/beats.tsv");
  std::filesystem::create_directory(directory_.path("export"));
  std::filesystem::create_directory(directory_.path("etc"));
  const std::string config = write("etc/hb.conf");
  ObserverProcess observer(socket_, {"--config", config, "--export-file", export_file});
  const int denied = daemon::landlock_abi() > 0 ? EACCES : 0;
  if (denied == 0) observer.expect_logged("there is no Landlock here");
  for (const std::string& file : foreign_files()) {
    EXPECT_EQ(error_of_open(observer, file, O_RDONLY), denied) << file;
  }
  EXPECT_EQ(error_of_open(observer, config, O_RDONLY), 0);
  EXPECT_EQ(error_of_open(observer, export_file, O_WRONLY | O_APPEND), 0);
  EXPECT_EQ(observer.stop()["sandbox_denied_total"], 0);
}

TEST_F(FilesOfAnObserver, AreAnyOfItsUserWhereLandlockIsLeftOut) {
  const std::vector<std::vector<std::string>> flags = {{"--no-sandbox"}, {"--attest", "procfs"}};
  for (const auto& arguments : flags) {
    ObserverProcess observer(socket_, arguments);
    for (const std::string& file : foreign_files()) {
      EXPECT_EQ(error_of_open(observer, file, O_RDONLY), 0) << arguments.back() << ' ' << file;
    }
    EXPECT_EQ(observer.stop()["sandbox_denied_total"], 0);
  }
}

// Editors and configuration tools rename another file to the path.
TEST_F(FilesOfAnObserver, AreReadAgainAlsoWhenTheyAreReplaced) {
  std::filesystem::create_directory(directory_.path("etc"));
  const std::string config = write("etc/hb.conf");
  ObserverProcess observer(socket_, {"--config", config});
  std::filesystem::rename(write("etc/hb.conf.new"), config);
  observer.process().signal(SIGHUP);
  observer.expect_logged("everything is as it was");
  EXPECT_EQ(observer.stop()["sandbox_denied_total"], 0);
}

// Signals and commands are other processes' work.
TEST_F(FilesOfAnObserver, AreThoseWhateverRecoveryDoesWhichLeavesNoCapability) {
  const std::string policies = directory_.path("policy.toml");
  std::ofstream(policies)
      << "[[service]]\nname = \"a\"\nmatch = { unit = \"a.service\" }\n"
         "steps = [ { signal = \"TERM\", wait-ms = 1 }, { exec = \"true\" } ]\n";
  const std::vector<Argv> ways = {
      {"--recovery-signal", "TERM"}, {"--recovery-exec", "/bin/true"}, {"--policy-file", policies}};
  for (const Argv& way : ways) {
    ObserverProcess observer(socket_, way);
    std::ifstream status("/proc/" + std::to_string(observer.process().pid()) + "/status");
    const std::string all{std::istreambuf_iterator<char>(status), {}};
    for (const char* line : {"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
                             "NoNewPrivs:\t1", "Seccomp:\t2"}) {
      EXPECT_NE(all.find("\n" + std::string(line) + "\n"), std::string::npos) << line << all;
    }
    for (const std::string& file : foreign_files()) {
      EXPECT_EQ(error_of_open(observer, file, O_RDONLY), daemon::landlock_abi() > 0 ? EACCES : 0);
    }
    EXPECT_EQ(observer.stop()["sandbox_denied_total"], 0);
  }
}

}  // namespace
}  // namespace hb::test
