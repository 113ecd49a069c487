// support-bundle: what is in it, what never is, and the file that it makes.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "tests/support/child.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"
#include "transport/unix_address.hpp"

namespace hb::test {
namespace {

using Json = nlohmann::ordered_json;

const std::string kKey = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class SupportBundle : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::string path = directory_.path(name);
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  Outcome make(Argv more = {}) {
    more.insert(more.begin(), {"support-bundle", "--output", output_});
    if (std::find(more.begin(), more.end(), "--socket") == more.end()) {
      more.insert(more.end(), {"--socket", socket_});
    }
    return run_to_end(more);
  }

  Json bundle(const Argv& more = {}) {
    const Outcome outcome = make(more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, output_ + "\n");
    Json said = Json::parse(content(output_), nullptr, false);
    EXPECT_TRUE(said.is_object()) << content(output_);
    return said;
  }

  // With this configuration.
  Json bundle_of(const std::string& config, Argv more = {}) {
    more.insert(more.end(), {"--config", write("hb.conf", config)});
    return bundle(more);
  }

  // An observer's status socket beside `socket_`, to which `answer` is given one connection.
  template <typename Answer>
  Child status_socket(Answer answer) {
    const auto address = unix_address(directory_.path("status.sock"));
    const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto* at = reinterpret_cast<const sockaddr*>(&address.value());
    EXPECT_EQ(::bind(listener.get(), at, sizeof(sockaddr_un)), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    return Child::run([&] {
      ::signal(SIGPIPE, SIG_IGN);
      const Fd one(::accept(listener.get(), nullptr, nullptr));
      answer(one.get());
    });
  }

  static void say(int to, const std::string& text) {
    if (::write(to, text.data(), text.size()) < 0) ::_exit(1);
  }

  static bool has_journalctl() { return ::access("/usr/bin/journalctl", X_OK) == 0; }

  // The journal in the bundle where this shell script is journalctl, for this process alone.
  Json bundle_beside(const std::string& script) {
    const std::string path = write("journalctl", "#!/bin/sh\n" + script + "\n", 0755);
    Process process(hb_ebpf({"support-bundle", "--output", output_, "--socket", socket_}), {}, [&] {
      ::setenv("TOKEN", "hunter2", 1);
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount(path.c_str(), "/usr/bin/journalctl", nullptr, MS_BIND, nullptr) != 0) {
        ::_exit(70);
      }
    });
    EXPECT_EQ(process.wait(), 0) << process.errors();
    return Json::parse(content(output_), nullptr, false)["log"]["journal"];
  }

  bool in_bundle(const std::string& text) const {
    return content(output_).find(text) != std::string::npos;
  }

  TemporaryDirectory directory_;
  const std::string output_ = directory_.path("bundle.json");
  const std::string socket_ = directory_.path("hb.sock");
};

// --- What is in it ---

TEST_F(SupportBundle, HasItAllWithoutAnObserver) {
  const Json said = bundle();
  for (const char* part : {"support_bundle", "made", "version", "doctor", "configuration",
                           "observer", "kernel", "process", "log"}) {
    EXPECT_TRUE(said.contains(part)) << part;
  }
  EXPECT_FALSE(said["doctor"]["checks"].empty());
  EXPECT_FALSE(said["version"]["hb_ebpf"].get<std::string>().empty());
  EXPECT_EQ(said["observer"]["socket"], directory_.path("status.sock"));
  EXPECT_NE(said["observer"]["problem"].get<std::string>().find("no observer tells"),
            std::string::npos);
}

TEST_F(SupportBundle, HasFactsAboutTheKernel) {
  const Json kernel = bundle()["kernel"];
  EXPECT_FALSE(kernel["release"].get<std::string>().empty());
  EXPECT_TRUE(kernel["sysctls"]["net.unix.max_dgram_qlen"].is_string()) << kernel;
  for (const char* fact : {"btf", "lockdown", "cgroup_mounts"}) {
    EXPECT_TRUE(kernel.contains(fact)) << fact;
  }
  for (const char* name : {"kernel.unprivileged_bpf_disabled", "net.core.bpf_jit_enable",
                           "kernel.perf_event_paranoid"}) {
    EXPECT_TRUE(kernel["sysctls"].contains(name)) << name;
  }
}

TEST_F(SupportBundle, SaysWhereNothingCouldBeAskedForIt) {
  const Json said =
      bundle({"--config", directory_.path("none"), "--log", directory_.path("nolog")});
  EXPECT_TRUE(said["configuration"].contains("problem")) << said["configuration"];
  EXPECT_TRUE(said["log"]["files"][0].contains("problem")) << said["log"];
  EXPECT_EQ(said["log"]["files"][0]["lines"], Json::array());
}

TEST_F(SupportBundle, HasTheStatusOfARunningObserver) {
  const Child observer = status_socket([](int to) {
    say(to, R"({"version":1,"counters":)");
    say(to, R"({"beats_total":7}})");
  });
  const Json said = bundle();
  EXPECT_EQ(said["observer"]["status"]["counters"]["beats_total"], 7) << said["observer"];
  EXPECT_FALSE(said["observer"].contains("problem"));
}

TEST_F(SupportBundle, FindsTheStatusSocketThatTheConfigurationNames) {
  const Child observer = status_socket([](int to) { say(to, R"({"a":1})"); });
  const std::string config =
      write("hb.conf", "status-socket = " + directory_.path("status.sock") + "\n");
  const Outcome outcome = run_to_end({"support-bundle", "--output", output_, "--config", config});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(Json::parse(content(output_))["observer"]["status"]["a"], 1);
}

TEST_F(SupportBundle, IsMadeThoughAnObserverHangs) {
  const Child observer = status_socket([](int) { ::pause(); });
  const Json said = bundle();
  EXPECT_NE(said["observer"]["problem"].get<std::string>().find("did not end"), std::string::npos);
}

TEST_F(SupportBundle, IsMadeThoughAnObserverNeverEndsToSpeak) {
  const Child observer = status_socket([](int to) {
    const std::string much(65536, ' ');
    while (::write(to, much.data(), much.size()) > 0) continue;
  });
  const Json said = bundle();
  EXPECT_NE(said["observer"]["problem"].get<std::string>().find("4 MiB"), std::string::npos);
}

TEST_F(SupportBundle, IsMadeThoughWhatIsToldIsNoJson) {
  const Child observer = status_socket([](int to) { say(to, "{\"a\":"); });
  EXPECT_EQ(bundle()["observer"]["problem"], "its status is no JSON");
}

TEST_F(SupportBundle, IsMadeThoughWhatIsToldIsAMillionDeep) {
  const Child observer = status_socket([](int to) {
    say(to, R"({"a":1,"deep":)");
    for (const char bracket : {'[', ']'}) {
      const std::string some(10'000, bracket);
      for (int i = 0; i < 100; ++i) say(to, some);
    }
    say(to, "}");
  });
  const Json observer_said = bundle()["observer"];
  EXPECT_NE(observer_said["problem"].get<std::string>().find("nested too deep"), std::string::npos)
      << observer_said;
}

// Each element was looked at again for each one behind it: this took hours.
TEST_F(SupportBundle, IsMadeThoughWhatIsToldIsALongList) {
  const Child observer = status_socket([](int to) {
    std::string some;
    for (int i = 0; i < 10'000; ++i) some += "{},";
    say(to, R"({"list":[)");
    for (int i = 0; i < 30; ++i) say(to, some);
    say(to, "{}]}");
  });
  EXPECT_EQ(bundle()["observer"]["status"]["list"].size(), 300'001U);
}

TEST_F(SupportBundle, HasTheLastLinesOfALog) {
  std::string text;
  for (int line = 1; line <= 300; ++line) text += "line " + std::to_string(line) + "\n";
  const Json said = bundle({"--log", write("a.log", text), "--log", write("b.log", "\xff end")});
  const Json& lines = said["log"]["files"][0]["lines"];
  ASSERT_EQ(lines.size(), 200U);
  EXPECT_EQ(lines[0], "line 101");
  EXPECT_EQ(lines[199], "line 300");
  EXPECT_EQ(said["log"]["files"][1]["lines"].size(), 1U) << "bytes that are no UTF-8 do not end it";
}

TEST_F(SupportBundle, HasTheJournalOfTheObserver) {
  HB_NEEDS_ROOT();
  HB_NEEDS(has_journalctl(), "journalctl");
  const Json journal = bundle_beside("echo \"$@\"; echo $TOKEN; echo last; echo noise >&2");
  ASSERT_EQ(journal["lines"].size(), 3U) << journal;
  const std::string asked = journal["lines"][0];
  EXPECT_NE(asked.find("--unit=hb-ebpf"), std::string::npos) << asked;
  EXPECT_NE(asked.find("--lines=200"), std::string::npos) << asked;
  EXPECT_EQ(journal["lines"][1], "") << "it gets nothing of the caller's environment";
  EXPECT_EQ(journal["lines"][2], "last");
}

TEST_F(SupportBundle, IsMadeThoughJournalctlHangs) {
  HB_NEEDS_ROOT();
  HB_NEEDS(has_journalctl(), "journalctl");
  const Json journal = bundle_beside("echo first; exec sleep 1000");
  ASSERT_EQ(journal["lines"].size(), 1U) << journal;
  EXPECT_EQ(journal["lines"][0], "first");
}

TEST_F(SupportBundle, WaitsForNoLogThatIsNoFile) {
  const std::string fifo = directory_.path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const Json said = bundle({"--log", fifo});
  EXPECT_TRUE(said["log"]["files"][0].contains("problem")) << said["log"];
}

TEST_F(SupportBundle, HasTheSettings) {
  const Json said = bundle_of("threshold-ms = 500\nsocket = /srv/hb.sock\n");
  EXPECT_EQ(said["configuration"]["settings"][0]["key"], "threshold-ms");
  EXPECT_EQ(said["configuration"]["settings"][0]["value"], "500");
  EXPECT_EQ(said["configuration"]["settings"][1]["line"], 2);
}

// --- What never is ---

TEST_F(SupportBundle, HasFactsAboutAKeyFileButNoKey) {
  const std::string key_file = write("key", kKey + "\n");
  const Json said = bundle_of("key-file = " + key_file + "\n");
  const Json& facts = said["configuration"]["files"][0];
  EXPECT_EQ(facts["path"], key_file);
  EXPECT_EQ(facts["mode"], "0600");
  EXPECT_EQ(facts["bytes"], 65);
  EXPECT_FALSE(in_bundle(kKey));
  EXPECT_FALSE(in_bundle(kKey.substr(0, 16)));
}

// Instead of the name of its file.
TEST_F(SupportBundle, HasNoKeyThatIsInTheConfiguration) {
  bundle_of("key-file = " + kKey + "\n");
  EXPECT_FALSE(in_bundle(kKey));
  EXPECT_FALSE(in_bundle(kKey.substr(0, 16)));
}

TEST_F(SupportBundle, HasNothingOfALineThatIsNoSetting) {
  const Json said = bundle_of("threshold-ms = 500\nrecovery-env = \"TOKEN=hunter2\n" + kKey + "\n");
  EXPECT_FALSE(in_bundle("hunter2"));
  EXPECT_FALSE(in_bundle(kKey.substr(0, 16)));
  EXPECT_NE(said["configuration"]["problem"].get<std::string>().find("hb.conf:2"),
            std::string::npos)
      << said["configuration"];
}

TEST_F(SupportBundle, HasNoKeyThatIsInALogOrInAStatus) {
  const Child observer = status_socket([](int to) { say(to, R"({"key":")" + kKey + R"("})"); });
  bundle({"--log", write("a.log", "the key is " + kKey + ".\n")});
  EXPECT_TRUE(in_bundle("the key is (hidden"));
  EXPECT_FALSE(in_bundle(kKey));
}

TEST_F(SupportBundle, HasTheNamesOfAnEnvironmentWithoutValues) {
  bundle_of("recovery-env = TOKEN=hunter2\nrecovery-env = OTHER=\"correct horse\"\n",
            {"--log", write("a.log", "login with hunter2 and correct horse\n")});
  EXPECT_TRUE(in_bundle("TOKEN=(hidden)"));
  EXPECT_TRUE(in_bundle("OTHER=(hidden)"));
  EXPECT_FALSE(in_bundle("hunter2"));
  EXPECT_FALSE(in_bundle("correct horse"));
}

TEST_F(SupportBundle, HasTheProgramOfACommandWithoutArguments) {
  bundle_of("recovery-exec = /opt/restart --password=hunter2 {pid}\n");
  EXPECT_TRUE(in_bundle("/opt/restart (arguments hidden)"));
  EXPECT_FALSE(in_bundle("hunter2"));
}

// The log had them without the configuration's quotes.
TEST_F(SupportBundle, HasNoArgumentOfACommandHoweverALogQuotesIt) {
  const std::string log = write("a.log",
                                "ran /opt/restart --as root 'hunter2' -p abc\n"
                                "ran [\"/opt/restart\",\"correct horse\",\"q\\\"uote\"]\n"
                                "hunter3 is wrong\n");
  bundle_of(
      "recovery-exec = '/opt/restart' \"hunter2\" 'correct horse' 'q\"uote' --pass=hunter3 "
      "/opt/restart\n",
      {"--log", log});
  EXPECT_TRUE(in_bundle("/opt/restart (arguments hidden)"));
  EXPECT_TRUE(in_bundle("ran /opt/restart --as root '(hidden)'")) << content(output_);
  for (const char* word : {"hunter", "correct", "horse", "uote"}) {
    EXPECT_FALSE(in_bundle(word)) << word << content(output_);
  }
}

TEST_F(SupportBundle, HasNoShortArgumentsOfACommandOneAfterTheOther) {
  bundle_of("recovery-exec = /opt/login -p 'abc'\n", {"--log", write("a.log", "login -p abc\n")});
  EXPECT_TRUE(in_bundle("login (hidden)")) << content(output_);
  EXPECT_FALSE(in_bundle("abc")) << content(output_);
}

TEST_F(SupportBundle, HasNoArgumentOfACommandWhoseQuoteIsMissing) {
  bundle_of("recovery-exec = \"/opt/restart hunter2 it's\"\n",
            {"--log", write("a.log", "said hunter2\n")});
  EXPECT_TRUE(in_bundle("/opt/restart (arguments hidden)"));
  EXPECT_FALSE(in_bundle("hunter2"));
}

// Its parts are found though an argument is named as one of them.
TEST_F(SupportBundle, HasItsPartsWhateverIsHidden) {
  const Json said = bundle_of("recovery-exec = /opt/restart kernel version\n");
  EXPECT_TRUE(said["kernel"].is_object());
  EXPECT_TRUE(said["version"].is_object());
}

TEST_F(SupportBundle, HasTheValuesOfSettingsThatExistOnly) {
  const Json said = bundle_of(
      "http-passwrd = hunter2\npolicy-fle = /srv/hunter3\nkey_file = /srv/hunter4\n"
      "other-file = hunter5\nconfig = hunter6\nhelp = hunter7\nthreshold-ms = 500\n");
  EXPECT_FALSE(in_bundle("hunter")) << content(output_);
  const Json& settings = said["configuration"]["settings"];
  EXPECT_EQ(settings[0]["key"], "http-passwrd");
  EXPECT_EQ(settings[0]["value"], "(not shown: there is no such setting)");
  EXPECT_EQ(settings[6]["value"], "500");
  EXPECT_TRUE(said["configuration"]["files"].empty());
}

// A secret that a log shows too, under a name that is misspelt.
TEST_F(SupportBundle, HasNoSecretOfASettingThatDoesNotExist) {
  bundle_of("recovery-evn-token = hunter2\nrecovry-exec = /opt/x hunter3\n",
            {"--log", write("a.log", "hunter2, hunter3, Authorization: Basic hunter4\n")});
  EXPECT_FALSE(in_bundle("hunter")) << content(output_);
}

TEST_F(SupportBundle, HasNoValueWhoseNameSoundsSecret) {
  bundle_of("password = hunter2\nthe-key = hunter3\napi-token-id = hunter4\n");
  EXPECT_FALSE(in_bundle("hunter"));
  EXPECT_TRUE(in_bundle("the-key"));
}

TEST_F(SupportBundle, HasNoTextOfAPolicyFile) {
  bundle_of("policy-file = " + write("policy.toml", "secret = \"hunter2\"\n") + "\n");
  EXPECT_TRUE(in_bundle("policy.toml"));
  EXPECT_FALSE(in_bundle("hunter2"));
}

// Root reads no configuration that others can write; the bundle says so.
TEST_F(SupportBundle, HasNoConfigurationThatIsNotTrusted) {
  HB_NEEDS_ROOT();
  const std::string config = write("open.conf", "threshold-ms = 500\n", 0666);
  const Json said = bundle({"--config", config});
  EXPECT_FALSE(said["configuration"].contains("settings")) << said["configuration"];
  EXPECT_TRUE(said["configuration"].contains("problem")) << said["configuration"];
}

// --- The file ---

TEST_F(SupportBundle, IsForItsOwnerAloneWhateverTheMask) {
  for (const mode_t mask : {0000U, 0777U}) {
    Process process(hb_ebpf({"support-bundle", "--output", output_, "--socket", socket_}), {},
                    [&] { ::umask(mask); });
    ASSERT_EQ(process.wait(), 0) << process.errors();
    struct stat seen {};
    ASSERT_EQ(::stat(output_.c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 07777, 0600U);
    std::filesystem::remove(output_);
  }
}

TEST_F(SupportBundle, IsNamedAfterTheTimeInThisDirectory) {
  Process process(hb_ebpf({"support-bundle", "--socket", socket_}), {}, [&] {
    if (::chdir(directory_.path(".").c_str()) != 0) ::_exit(70);
  });
  const std::string name = process.next_line().value_or("");
  EXPECT_EQ(process.wait(), 0);
  EXPECT_TRUE(name.starts_with("hb-ebpf-support-") && name.ends_with("Z.json")) << name;
  EXPECT_TRUE(std::filesystem::exists(directory_.path(name)));
}

TEST_F(SupportBundle, ReplacesNoFile) {
  write("bundle.json", "precious");
  const Outcome outcome = make();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("File exists"), std::string::npos) << outcome.err;
  EXPECT_EQ(content(output_), "precious");
}

TEST_F(SupportBundle, FollowsNoLink) {
  std::filesystem::create_symlink(directory_.path("elsewhere"), output_);
  EXPECT_EQ(make().code, 1);
  EXPECT_FALSE(std::filesystem::exists(directory_.path("elsewhere")));
}

TEST_F(SupportBundle, FollowsNoLinkOnTheWay) {
  std::filesystem::create_directory(directory_.path("real"));
  std::filesystem::create_symlink(directory_.path("real"), directory_.path("link"));
  const Outcome outcome =
      run_to_end({"support-bundle", "--output", directory_.path("link/bundle.json")});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("symbolic link"), std::string::npos) << outcome.err;
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path("real")));
}

TEST_F(SupportBundle, IsWholeOrNotThere) {
  Process process(hb_ebpf({"support-bundle", "--output", output_, "--socket", socket_}), {}, [] {
    const rlimit little{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &little);
    ::signal(SIGXFSZ, SIG_IGN);
  });
  EXPECT_EQ(process.wait(), 1);
  EXPECT_FALSE(std::filesystem::exists(output_));
}

}  // namespace
}  // namespace hb::test
