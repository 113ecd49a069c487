// `hb-ebpf exec` without an observer: what the program gets, and how both end.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/eventually.hpp"
#include "tests/support/proc_status.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

class Exec : public ::testing::Test {
 protected:
  Argv exec(Argv flags, const Argv& program) {
    flags.insert(flags.begin(), {"exec", "--socket", directory_.path("hb.sock")});
    flags.push_back("--");
    flags.insert(flags.end(), program.begin(), program.end());
    return hb_ebpf(flags);
  }
  static Argv shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

  int code_of(const Argv& flags, const Argv& program) {
    Process process(exec(flags, program));
    const int code = process.wait();
    log_ = process.errors();
    return code;
  }

  TemporaryDirectory directory_;
  std::string log_;
};

TEST_F(Exec, TheProgramIsTheSameProcessAndFindsTheSocket) {
  Process process(exec({}, shell("echo $$ $HB_SOCKET")));
  EXPECT_EQ(process.next_line(), std::to_string(process.pid()) + " " + directory_.path("hb.sock"));
  EXPECT_EQ(process.wait(), 0);
}

TEST_F(Exec, TheSocketIsThatOfTheEnvironmentUnlessItIsGiven) {
  const std::string socket = directory_.path("other.sock");
  Process process(hb_ebpf({"exec", "--", "/bin/sh", "-c", "echo $HB_SOCKET"}), {},
                  [&] { ::setenv("HB_SOCKET", socket.c_str(), 1); });
  EXPECT_EQ(process.next_line(), socket);
}

// The program may change its directory, so libhb-agent takes only absolute paths.
TEST_F(Exec, ARelativePathOfTheSocketIsMadeAbsolute) {
  for (const Argv& flags : {Argv{}, Argv{"--beat-for"}}) {
    Argv argv{"exec", "--socket", "hb.sock"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    argv.insert(argv.end(), {"--", "/bin/sh", "-c", "cd /; echo $HB_SOCKET"});
    Process process(hb_ebpf(argv), {},
                    [&] { [[maybe_unused]] const int in = ::chdir(directory_.path(".").c_str()); });
    const auto told = process.next_line();
    ASSERT_TRUE(told);
    EXPECT_EQ(std::filesystem::path(*told).lexically_normal(), directory_.path("hb.sock"));
    EXPECT_EQ(process.wait(), 0);
  }
}

TEST_F(Exec, TheExitCodeIsTheProgramsEitherWay) {
  for (const Argv& flags : {Argv{}, Argv{"--beat-for"}}) {
    EXPECT_EQ(code_of(flags, shell("exit 4")), 4);
    EXPECT_EQ(code_of(flags, shell("kill -KILL $$")), 128 + SIGKILL);
    EXPECT_EQ(code_of(flags, shell("kill -ABRT $$")), 128 + SIGABRT);
    EXPECT_EQ(code_of(flags, {"/no/such/program"}), 127);
    EXPECT_NE(log_.find("cannot execute /no/such/program: No such file"), std::string::npos)
        << log_;
    EXPECT_EQ(code_of(flags, {directory_.path(".")}), 126);
  }
}

TEST_F(Exec, SignalsArePassedOn) {
  Process process(exec({"--beat-for"}, shell("trap 'echo told; exit 5' TERM\n"
                                             "trap 'echo asked' USR1\n"
                                             "echo ready\n"
                                             "while :; do sleep 0.05; done")));
  ASSERT_EQ(process.next_line(), "ready");
  process.signal(SIGUSR1);
  EXPECT_EQ(process.next_line(), "asked");
  process.signal(SIGTERM);
  EXPECT_EQ(process.next_line(), "told");
  EXPECT_EQ(process.wait(), 5);
}

// Each word as it was given, also what looks like a list to whoever reads the command line.
TEST_F(Exec, ArgumentsReachTheProgramUnchanged) {
  const Argv words = {"[a,b]", "[]", "[x]", "", "--", "--beat-for", "a,b"};
  for (const Argv& flags : {Argv{}, Argv{"--beat-for"}}) {
    Argv program = {"/bin/sh", "-c", "for word; do echo \"<$word>\"; done", "sh"};
    program.insert(program.end(), words.begin(), words.end());
    Process process(exec(flags, program));
    for (const std::string& word : words) EXPECT_EQ(process.next_line(), "<" + word + ">");
    EXPECT_EQ(process.wait(), 0);
  }
}

TEST_F(Exec, TheProgramHasSigpipeAsUsual) {
  for (const Argv& flags : {Argv{}, Argv{"--beat-for"}}) {
    Process process(exec(flags, shell("kill -PIPE $$; echo alive")));
    EXPECT_EQ(process.next_line(), std::nullopt);
    EXPECT_EQ(process.wait(), 128 + SIGPIPE);
  }
}

// It survives execve(2), and then no end of a child could be seen.
TEST_F(Exec, AnIgnoredSigchldHidesNoEnd) {
  Process process(exec({"--beat-for", "--check", "true"}, shell("exit 3")), {},
                  [] { ::signal(SIGCHLD, SIG_IGN); });
  EXPECT_EQ(process.wait(), 3);
}

// So what the observer does to the agent it does to the program.
TEST_F(Exec, TheProgramEndsWithTheAgent) {
  Process process(exec({"--beat-for"}, shell("echo $$; exec sleep 1000")));
  const auto line = process.next_line();
  ASSERT_TRUE(line);
  const pid_t program = std::atoi(line->c_str());
  EXPECT_NE(program, process.pid());
  process.signal(SIGKILL);
  EXPECT_EQ(process.wait(), 128 + SIGKILL);
  EXPECT_TRUE(eventually([&] { return is_dead(program); }));
}

// By which policies and events know it.
TEST_F(Exec, TheAgentHasTheNameOfTheProgram) {
  Process process(exec({"--beat-for"}, {"/bin/sleep", "1000"}));
  EXPECT_TRUE(eventually([&] { return status_line(process.pid(), "Name") == "sleep"; }));
}

TEST_F(Exec, FlagsThatMakeNoSenseAreRefused) {
  EXPECT_EQ(code_of({"--check", "true"}, {"true"}), 2);
  EXPECT_NE(log_.find("--check requires --beat-for"), std::string::npos) << log_;
  for (const char* const bad : {"0", "65536", "host:80", "127.0.0.1", ""}) {
    EXPECT_EQ(code_of({"--beat-for", "--check-tcp", bad}, {"true"}), 2) << bad;
  }
  for (const char* const bad : {"path", "path=", "=5", "path=0", "path=-1", "path=5s"}) {
    EXPECT_EQ(code_of({"--beat-for", "--check-file-age", bad}, {"true"}), 2) << bad;
  }
  EXPECT_EQ(code_of({"--beat-for", "--interval-ms", "0"}, {"true"}), 2);
  for (const Argv& nothing : {Argv{"exec"}, Argv{"exec", "--"}, Argv{"exec", "true"}}) {
    Process process(hb_ebpf(nothing));
    EXPECT_EQ(process.wait(), 2) << nothing.size();
  }
}

}  // namespace
}  // namespace hb::test
