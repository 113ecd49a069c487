// The process beside a real observer that sends its signals, and the short-lived ones that do it as
// the agent's user: what they hold, what that user can do to them, and what comes of it. They are
// held still by ptrace(2). Root.
#include <grp.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "tests/recovery/paced_agent.hpp"
#include "tests/support/attest_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/proc_status.hpp"
#include "tests/support/udp_fixture.hpp"

namespace hb::test {
namespace {

constexpr const char* kKey = "5c1f09a7d24be83360ab91f7cc04de1297b6a8f35e0c74d18b92e6013fad457c";

std::string proc(pid_t pid, const std::string& file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

std::string raw_key() {
  std::string raw;
  const std::string digits = kKey;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    raw += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return raw;
}

// Of [begin, end) as much as is there, in pieces that overlap.
bool region_holds(std::ifstream& memory, std::uint64_t begin, std::uint64_t end,
                  const std::string& bytes) {
  constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
  for (; begin < end; begin += kPiece) {
    std::string piece(std::min(end - begin, kPiece + bytes.size()), '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(begin));
    memory.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    piece.resize(static_cast<std::size_t>(std::max<std::streamsize>(memory.gcount(), 0)));
    if (piece.find(bytes) != std::string::npos) return true;
  }
  return false;
}

// Whether any writable memory of the process has these bytes; but for a sanitizer's, which maps
// terabytes.
bool holds(pid_t pid, const std::string& bytes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 30;
  std::ifstream maps(proc(pid, "maps"));
  std::ifstream memory(proc(pid, "mem"), std::ios::binary);
  EXPECT_TRUE(maps && memory) << "this test may look into it";
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) != 3) continue;
    if (mode[1] != 'w' || end - begin > kMost) continue;
    if (region_holds(memory, begin, end, bytes)) return true;
  }
  return false;
}

std::vector<std::string> descriptors(pid_t pid) {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(proc(pid, "fd"))) {
    all.push_back(entry.path().filename().string());
  }
  return all;
}

// What `work` returns as a process of `uid` alone.
template <typename Work>
int as_user(std::uint32_t uid, Work work) {
  Child child = Child::run([&] {
    become(::setgroups(0, nullptr));
    become(::setresgid(uid, uid, uid));
    become(::setresuid(uid, uid, uid));
    ::_exit(work());
  });
  return WEXITSTATUS(child.wait());
}

class RunSignaller : public Attest {
 protected:
  void SetUp() override {
    HB_NEEDS_ROOT();
    Attest::SetUp();
    std::filesystem::permissions(directory_.path("."), std::filesystem::perms(0755));
  }
  void TearDown() override {
    if (sender_ > 0) ::kill(sender_, SIGKILL);
  }

  ObserverProcess observe_with(Argv more = {}) {
    more.insert(more.end(), {"--socket-mode", "0666", "--beats", "all", "--threshold-ms", "1000",
                             "--recovery-startup-grace-ms", "0", "--recovery-signal", "KILL"});
    return observe(more);
  }

  // The observer's child of that name. Throws without one, as what follows signals it.
  static pid_t signaller_of(ObserverProcess& observer) {
    const pid_t pid = child_named(observer.process().pid(), "hb-ebpf-signal");
    if (pid != 0) return pid;
    throw std::runtime_error("the observer has no signaller");
  }

  static int wait_for_stop(pid_t pid) {
    int status = 0;
    const bool stopped = ::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
    if (!stopped) throw std::runtime_error("the process is not held");
    return status;
  }

  // The next process that is forked to signal, held when it has just become `uid`. The signaller is
  // held, too, so that it does not keep the sender's deadline before the test is done with it.
  pid_t hold_sender(ObserverProcess& observer, std::uint32_t uid) {
    const pid_t signaller = signaller_of(observer);
    EXPECT_EQ(::ptrace(PTRACE_SEIZE, signaller, nullptr, PTRACE_O_TRACEFORK), 0);
    while (wait_for_stop(signaller) >> 8 != (SIGTRAP | (PTRACE_EVENT_FORK << 8))) {
      ::ptrace(PTRACE_CONT, signaller, nullptr, nullptr);
    }
    unsigned long sender = 0;
    EXPECT_EQ(::ptrace(PTRACE_GETEVENTMSG, signaller, nullptr, &sender), 0);
    sender_ = static_cast<pid_t>(sender);
    wait_for_stop(sender_);
    while (!status_line(sender_, "Uid").starts_with(std::to_string(uid))) {
      EXPECT_EQ(::ptrace(PTRACE_SYSCALL, sender_, nullptr, nullptr), 0);
      wait_for_stop(sender_);
    }
    return sender_;
  }

  void release_signaller(ObserverProcess& observer) {
    EXPECT_EQ(::ptrace(PTRACE_DETACH, signaller_of(observer), nullptr, nullptr), 0);
  }

  // Something else that is told while a sender does not move.
  void expect_that_the_loop_turns(ObserverProcess& observer) {
    UnixAgent agent(socket_);
    auto wrong = frame_of(own_pid());
    wrong[31] ^= std::uint8_t{1};
    EXPECT_TRUE(agent.send(wrong));
    EXPECT_EQ(observer.expect("decode")["error"], "BadCrc");
  }

  Json expect_unanswered(ObserverProcess& observer, pid_t agent) {
    const Json counters = observer.stop();
    EXPECT_EQ(counters["recovery_total"]["signal_unanswered"], 1) << counters;
    EXPECT_EQ(counters["recovery_total"]["signalled"], 0) << counters;
    EXPECT_EQ(::kill(agent, 0), 0) << "it was not signalled";
    return counters;
  }

  pid_t sender_ = -1;
};

TEST_F(RunSignaller, HasTwoCapabilitiesAndNoGroup) {
  ObserverProcess observer = observe_with();
  const pid_t pid = signaller_of(observer);
  EXPECT_EQ(status_line(pid, "CapPrm"), "00000000000000a0") << "CAP_KILL and CAP_SETUID";
  EXPECT_EQ(status_line(pid, "CapEff"), "00000000000000a0");
  EXPECT_EQ(status_line(pid, "Groups").find_first_not_of(" \t"), std::string::npos);
  EXPECT_TRUE(status_line(pid, "Gid").starts_with("4294967294\t4294967294\t4294967294"));
  EXPECT_EQ(status_line(pid, "NoNewPrivs"), "1");
  EXPECT_EQ(status_line(pid, "CapPrm").size(), 16U);
  observer.stop();
}

TEST_F(RunSignaller, IsTheUserThatTheObserverBecomes) {
  ObserverProcess observer = observe_with({"--user", "nobody"});
  const pid_t pid = signaller_of(observer);
  EXPECT_EQ(status_line(pid, "Uid"), status_line(observer.process().pid(), "Uid"));
  EXPECT_EQ(status_line(pid, "CapPrm"), "00000000000000a0");
  EXPECT_EQ(status_line(observer.process().pid(), "CapPrm"), "0000000000000000");
  observer.stop();
}

TEST_F(RunSignaller, EndsWithTheObserver) {
  ObserverProcess observer = observe_with();
  const pid_t pid = signaller_of(observer);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::kill(pid, signal);
  EXPECT_EQ(signaller_of(observer), pid) << "what is meant for the observer does not end it";
  observer.process().signal(SIGKILL);
  observer.process().wait();
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(proc(pid, "")); }));
}

// It belongs to the agent's user while it lives.
TEST_F(RunSignaller, SenderHoldsNothingOfTheObserver) {
  const std::string key_file = directory_.path("key");
  std::ofstream(key_file) << kKey << '\n';
  std::filesystem::permissions(key_file, std::filesystem::perms(0600));
  ObserverProcess observer = observe_with({"--udp-port", free_port(), "--key-file", key_file});
  const PacedAgent agent(socket_, kAgentUid);
  agent.prove_to(observer);
  const pid_t sender = hold_sender(observer, kAgentUid);

  EXPECT_EQ(descriptors(sender), std::vector<std::string>{"0"});
  EXPECT_EQ(std::filesystem::read_symlink(proc(sender, "fd/0")).string().find("socket"),
            std::string::npos);
  EXPECT_EQ(status_line(sender, "CapPrm"), "0000000000000000");
  EXPECT_EQ(status_line(sender, "Uid"), "65533\t65533\t65533\t65533");
  EXPECT_EQ(status_line(sender, "Groups").find_first_not_of(" \t"), std::string::npos);

  EXPECT_TRUE(holds(observer.process().pid(), raw_key())) << "else this test finds nothing";
  EXPECT_FALSE(holds(sender, raw_key()));
  EXPECT_FALSE(holds(sender, kKey));
  ::ptrace(PTRACE_DETACH, sender, nullptr, nullptr);
  EXPECT_EQ(observer.expect("stall")["cause"], "silence");
  EXPECT_EQ(observer.expect("stall")["cause"], "exited") << "it goes on and does its work";
  release_signaller(observer);
  observer.stop();
}

TEST_F(RunSignaller, SenderThatItsUserStopsIsAnOutcome) {
  ObserverProcess observer = observe_with();
  const PacedAgent agent(socket_, kAgentUid);
  agent.prove_to(observer);
  const pid_t sender = hold_sender(observer, kAgentUid);
  EXPECT_EQ(as_user(kAgentUid, [&] { return ::kill(sender, SIGSTOP) == 0 ? 42 : errno; }), 42);
  ::ptrace(PTRACE_DETACH, sender, nullptr, nullptr);
  EXPECT_TRUE(eventually([&] { return status_line(sender, "State").starts_with("T (stopped)"); }));

  const auto fails = [&](auto work) {
    return as_user(kAgentUid, [&] { return work() ? 42 : 43; });
  };
  EXPECT_EQ(fails([&] { return ::ptrace(PTRACE_ATTACH, sender, nullptr, nullptr) == 0; }), 43);
  EXPECT_EQ(fails([&] { return std::ifstream(proc(sender, "mem")).good(); }), 43);
  EXPECT_EQ(fails([&] { return std::ifstream(proc(sender, "environ")).get() >= 0; }), 43);
  const rlimit none{0, 0};
  EXPECT_EQ(fails([&] { return ::prlimit(sender, RLIMIT_CPU, &none, nullptr) == 0; }), 43);
  release_signaller(observer);

  EXPECT_EQ(observer.expect("stall")["cause"], "silence");
  expect_that_the_loop_turns(observer);
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(proc(sender, "")); }))
      << "it is killed and reaped when its time is over";
  expect_unanswered(observer, agent.pid());
}

TEST_F(RunSignaller, SenderThatItsUserKillsIsAnOutcome) {
  ObserverProcess observer = observe_with();
  const PacedAgent agent(socket_, kAgentUid);
  agent.prove_to(observer);
  const pid_t sender = hold_sender(observer, kAgentUid);
  EXPECT_EQ(as_user(kAgentUid, [&] { return ::kill(sender, SIGKILL) == 0 ? 42 : errno; }), 42);
  int status = 0;
  ::waitpid(sender, &status, __WALL);  // of the tracer; then the signaller may reap it
  release_signaller(observer);
  EXPECT_EQ(observer.expect("stall")["cause"], "silence");
  expect_that_the_loop_turns(observer);
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(proc(sender, "")); }));
  expect_unanswered(observer, agent.pid());
}

}  // namespace
}  // namespace hb::test
