// hb-ebpf policy: what a file means, and which service a process is.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using Json = nlohmann::json;

constexpr const char* kTwo = R"(
[[service]]
name = "postgres"
match = { unit = "postgresql@*.service" }
steps = [ { signal = "ABRT", wait-ms = 5000 }, { exec = "true {unit}", wait-ms = 30000 } ]

[[service]]
name = "others"
match = { unit = "web-*.service", user = 33 }
recover-on = [ "silence" ]
steps = [ { signal = "KILL" } ]
)";

class Policy : public ::testing::Test {
 protected:
  Policy() { std::ofstream(file_) << kTwo; }

  static bool says(const Outcome& outcome, const std::string& text) {
    return outcome.out.find(text) != std::string::npos;
  }

  TemporaryDirectory directory_;
  const std::string file_ = directory_.path("policies.toml");
  const std::string self_ = std::to_string(::getpid());
};

TEST_F(Policy, SaysInWordsWhatAFileMeans) {
  const Outcome outcome = run_to_end({"policy", "check", file_});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(says(outcome, "postgres\n  whom      unit postgresql@*.service\n")) << outcome.out;
  EXPECT_TRUE(says(outcome, "1. send SIGABRT, wait at most 5000 ms\n")) << outcome.out;
  EXPECT_TRUE(says(outcome, "/true {unit}, for at most 30000 ms\n")) << outcome.out;
  EXPECT_TRUE(says(outcome, "others\n  whom      unit web-*.service, uid 33\n")) << outcome.out;
}

TEST_F(Policy, SaysInJsonWhatAFileMeans) {
  const Outcome outcome = run_to_end({"policy", "check", "--format", "json", file_});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::istringstream lines(outcome.out);
  std::string line;
  std::getline(lines, line);
  const Json postgres = Json::parse(line);
  EXPECT_EQ(postgres["name"], Json("postgres"));
  EXPECT_EQ(postgres["match"], Json({{"unit", "postgresql@*.service"}}));
  EXPECT_EQ(postgres["steps"][0], Json({{"signal", 6}, {"wait_ms", 5000}}));
  EXPECT_EQ(postgres["steps"][1]["wait_ms"], Json(30000));
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line)["recover_on"], Json({"silence"}));
}

// Any user's process may call itself so.
TEST_F(Policy, NotesWhereAServiceMatchesByNameAlone) {
  const auto check = [&](const std::string& match, const std::string& format) {
    std::ofstream(file_) << "[[service]]\nname = \"a\"\nmatch = { " << match
                         << " }\nsteps = [ { signal = \"KILL\" } ]\n";
    return run_to_end({"policy", "check", "--format", format, file_});
  };
  const std::string alone = "comm = \"work*\"";
  const std::string of_user = alone + ", user = 33";
  EXPECT_TRUE(
      says(check(alone, "text"), "whom      comm work*\n  note      a process chooses its"));
  EXPECT_TRUE(says(check(of_user, "text"), "whom      comm work*, uid 33\n  down by"));
  const Json json = Json::parse(check(alone, "json").out);
  EXPECT_EQ(json["match"], Json({{"comm", "work*"}}));
  EXPECT_EQ(json["trusts_comm"], true);
  EXPECT_EQ(Json::parse(check(of_user, "json").out)["trusts_comm"], false);
}

TEST_F(Policy, ExplainsByTheNameOfAProcess) {
  ::prctl(PR_SET_NAME, "\xff agent\n");
  std::ofstream(file_) << "[[service]]\nname = \"mine\"\nmatch = { comm = \"? agent?\" }\n"
                          "steps = [ { signal = \"KILL\" } ]\n";
  const Outcome words = run_to_end({"policy", "explain", "--pid", self_, file_});
  EXPECT_TRUE(says(words, " (comm ? agent?, uid ")) << words.out << words.err;
  EXPECT_TRUE(says(words, "policy mine\n")) << words.out;
  const Outcome json = run_to_end({"policy", "explain", "--pid", self_, "--format", "json", file_});
  EXPECT_EQ(Json::parse(json.out)["comm"], Json("\xef\xbf\xbd agent\n"));
  std::ofstream(file_) << "[[service]]\nname = \"other\"\nmatch = { comm = \"x*\" }\n"
                          "steps = [ { signal = \"KILL\" } ]\n";
  const Outcome other = run_to_end({"policy", "explain", "--pid", self_, file_});
  EXPECT_TRUE(says(other, "not other (comm x*): another comm\n")) << other.out;
}

TEST_F(Policy, NamesThePlaceOfAMistake) {
  std::ofstream(file_, std::ios::app) << "nonsense = 1\n";
  const Outcome outcome = run_to_end({"policy", "check", file_});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find(file_ + ":12:1: unknown key 'nonsense'"), std::string::npos)
      << outcome.err;
}

TEST_F(Policy, RefusesAFileThatIsNotThere) {
  const Outcome outcome = run_to_end({"policy", "check", directory_.path("none")});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("cannot open"), std::string::npos) << outcome.err;
}

TEST_F(Policy, SaysWhyNoServiceIsAProcesss) {
  const Outcome outcome = run_to_end({"policy", "explain", "--pid", self_, file_});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(says(outcome, "process " + self_ + " (comm ")) << outcome.out;
  EXPECT_TRUE(says(outcome, "not postgres (unit postgresql@*.service): another unit\n"))
      << outcome.out;
  EXPECT_TRUE(says(outcome, "no policy matches it")) << outcome.out;
}

TEST_F(Policy, SaysWhichServiceAProcessIs) {
  std::ofstream(file_) << "[[service]]\nname = \"mine\"\nmatch = { user = " << ::getuid()
                       << " }\nsteps = [ { signal = \"KILL\" } ]\n";
  const Outcome words = run_to_end({"policy", "explain", "--pid", self_, file_});
  EXPECT_TRUE(says(words, "policy mine\n  whom      uid ")) << words.out << words.err;
  const Outcome json = run_to_end({"policy", "explain", "--pid", self_, "--format", "json", file_});
  const Json said = Json::parse(json.out);
  EXPECT_EQ(said["pid"], Json(::getpid()));
  EXPECT_EQ(said["policy"], Json("mine"));
}

TEST_F(Policy, ExplainsAProcessWithoutAFile) {
  const Outcome outcome = run_to_end({"policy", "explain", "--pid", self_});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(says(outcome, ": service ")) << outcome.out;
  EXPECT_FALSE(says(outcome, "no policy")) << outcome.out;
}

// 2^22 - 1 is a pid, but the test would have to be unlucky.
TEST_F(Policy, SaysIfThereIsNoSuchProcess) {
  const Outcome outcome = run_to_end({"policy", "explain", "--pid", "4194303"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("is there such a process?"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace hb::test
