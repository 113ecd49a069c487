// --config: every mistake by its line, and every flag of `run` by its name.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/config_file.hpp"
#include "cli/config_option.hpp"
#include "cli/run_options.hpp"
#include "daemon/trusted_file.hpp"
#include "tests/support/child.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using daemon::RunConfig;

// `run` as declared, without the rest of the program.
class Config : public ::testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(path_) << text; }

  // What is wrong; empty when nothing is.
  std::string parse(Argv arguments = {}) {
    CLI::App app;
    CLI::App* run = app.add_subcommand("run");
    options_ = cli::declare_run_options(*run);
    arguments.insert(arguments.begin(), {"run", "--config", path_});
    std::reverse(arguments.begin(), arguments.end());
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return "";
  }

  std::string parse_text(const std::string& text, const Argv& arguments = {}) {
    write(text);
    return parse(arguments);
  }

  std::string at(int line) const { return path_ + ":" + std::to_string(line) + ": "; }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("hb.conf");
  std::shared_ptr<RunConfig> options_;
};

TEST_F(Config, GivesValues) {
  ASSERT_EQ(parse_text("# ours\n\nthreshold-ms=500\n  events =\tjson \nsocket = /tmp/a b#c\n"), "");
  EXPECT_EQ(options_->threshold_ms, 500U);
  EXPECT_EQ(options_->events, daemon::EventFormat::Json);
  EXPECT_EQ(options_->socket.path, "/tmp/a b#c");
}

TEST_F(Config, LeavesTheRestAsItWas) {
  const RunConfig untouched;
  ASSERT_EQ(parse_text(""), "");
  EXPECT_EQ(options_->threshold_ms, untouched.threshold_ms);
  EXPECT_EQ(options_->socket.path, untouched.socket.path);
}

TEST_F(Config, GivesFlagsWithoutAValue) {
  ASSERT_EQ(parse_text("strict-namespace-check=true\nallow-cross-namespace-agents=false\n"), "");
  EXPECT_TRUE(options_->strict_namespace);
  EXPECT_FALSE(options_->allow_cross_namespace);
}

TEST_F(Config, TakesCrLfAndAMissingLastNewline) {
  ASSERT_EQ(parse_text("threshold-ms=500\r\n\r\nqueue-length=7"), "");
  EXPECT_EQ(options_->threshold_ms, 500U);
  EXPECT_EQ(options_->queue_length, 7U);
}

TEST_F(Config, IsOverruledByTheCommandLine) {
  ASSERT_EQ(parse_text("threshold-ms=500\nqueue-length=7\n", {"--threshold-ms", "900"}), "");
  EXPECT_EQ(options_->threshold_ms, 900U);
  EXPECT_EQ(options_->queue_length, 7U);
  ASSERT_EQ(parse_text("strict-namespace-check=false\n", {"--strict-namespace-check"}), "");
  EXPECT_TRUE(options_->strict_namespace);
}

// The closest flag is not looked for: that would take the time of key by flags.
TEST_F(Config, RefusesALongKeyAtOnce) {
  EXPECT_EQ(parse_text(std::string(60'000, 'k') + "=1\n"),
            at(1) + "there is no flag '" + std::string(64, 'k') + "...'");
  EXPECT_EQ(parse_text(std::string(1'000'000, 'k') + "=1\n"),
            at(1) + "the line is longer than 64 KiB");
}

TEST_F(Config, CannotBeGivenTwice) {
  write("");
  EXPECT_NE(parse({"--config", path_}), "");
}

// Whatever a colleague declares tomorrow is in here too.
TEST_F(Config, KnowsEveryFlag) {
  CLI::App app;
  const auto declared = cli::declare_run_options(app);
  std::size_t known = 0;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      if (name == "help" || name == "config") continue;
      const std::string said = parse_text(name + " = \x01\n");
      EXPECT_EQ(said.find("there is no flag"), std::string::npos) << said;
      if (!said.empty()) {
        EXPECT_TRUE(said.starts_with(at(1))) << said;
      }
      ++known;
    }
  }
  EXPECT_GT(known, 15U);
}

// A flag that were declared before --config would have been looked at before the file is read.
TEST_F(Config, IsDeclaredFirst) {
  CLI::App app;
  const auto declared = cli::declare_run_options(app);
  const auto options = app.get_options();
  ASSERT_GE(options.size(), 2U);
  EXPECT_EQ(options[0]->get_name(), "--help");
  EXPECT_EQ(options[1]->get_name(), "--config");
}

TEST_F(Config, NamesTheClosestFlag) {
  EXPECT_EQ(parse_text("\ntreshold-ms=5\n"),
            at(2) + "there is no flag 'treshold-ms' (the closest is 'threshold-ms')");
  EXPECT_EQ(parse_text("--events=json"),
            at(1) + "there is no flag '--events' (the closest is 'events')");
}

TEST_F(Config, RefusesAnUnknownFlagThatTheCommandLineCouldNotHave) {
  for (const char* key : {"help", "-h", "h", "config", "run", "", "run.socket"}) {
    const std::string said = parse_text(std::string(key) + " = true\n");
    EXPECT_TRUE(said.starts_with(at(1))) << key << ": " << said;
  }
}

TEST_F(Config, SaysWhereAValueIsWrong) {
  const std::string said = parse_text("# one\nthreshold-ms=0\nqueue-length=0\n");
  EXPECT_TRUE(said.starts_with(at(2))) << said;
  EXPECT_NE(said.find("--threshold-ms: '0' is not a whole number from 1"), std::string::npos);
}

TEST_F(Config, RefusesAFlagThatIsNeitherTrueNorFalse) {
  EXPECT_EQ(parse_text("strict-namespace-check=yes"),
            at(1) + "strict-namespace-check: 'yes' is not true or false");
  EXPECT_TRUE(parse_text("strict-namespace-check=").starts_with(at(1)));
}

TEST_F(Config, RefusesASecondLine) {
  EXPECT_EQ(parse_text("threshold-ms=5\nevents=json\nthreshold-ms=6\n"),
            at(3) + "threshold-ms is given twice, first in line 1");
  EXPECT_EQ(parse_text("strict-namespace-check=true\nstrict-namespace-check=true\n"),
            at(2) + "strict-namespace-check is given twice, first in line 1");
}

TEST_F(Config, RefusesALineThatIsNoSetting) {
  EXPECT_TRUE(parse_text("events=json\nstrict-namespace-check\n").starts_with(at(2)));
  EXPECT_TRUE(parse_text("=json\n").starts_with(at(1)));
  EXPECT_TRUE(parse_text("[run]\n").starts_with(at(1)));
}

TEST_F(Config, RefusesZeroBytes) {
  const std::string said = parse_text(std::string("events=json\nsocket=/tmp/a\0b\n", 29));
  EXPECT_TRUE(said.starts_with(at(2))) << said;
  EXPECT_NE(said.find("zero byte"), std::string::npos);
}

TEST_F(Config, ReadsOneMebibyteAndNoMore) {
  const std::string setting = "threshold-ms=500\n";
  std::string comment;
  while (comment.size() + setting.size() < daemon::kMaxTrustedFile_bytes) {
    const auto rest = daemon::kMaxTrustedFile_bytes - comment.size() - setting.size();
    comment += "#" + std::string(std::min<std::size_t>(rest, 1 << 12) - 2, 'x') + "\n";
  }
  ASSERT_EQ(parse_text(comment + setting), "");
  EXPECT_EQ(options_->threshold_ms, 500U);
  EXPECT_NE(parse_text(comment + setting + "\n").find("larger than 1 MiB"), std::string::npos);
}

TEST_F(Config, RefusesWhatIsNoFile) {
  EXPECT_NE(parse().find("must exist"), std::string::npos);
  std::filesystem::create_directory(path_);
  EXPECT_NE(parse().find("not a regular file"), std::string::npos);
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_NE(parse().find("not a regular file"), std::string::npos);
}

TEST_F(Config, RefusesWhatOthersThanRootCanWrite) {
  HB_NEEDS_ROOT();
  write("threshold-ms=500\n");
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    ::chmod(path_.c_str(), mode);
    EXPECT_NE(parse().find("chmod go-w " + path_), std::string::npos) << mode;
  }
  ::chmod(path_.c_str(), 0644);
  EXPECT_EQ(parse(), "");
  ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
  EXPECT_NE(parse().find("chown root " + path_), std::string::npos);
}

// An observer with --user reads its policies anew as that user, and took any file then.
TEST_F(Config, RefusesAsAnotherUserWhatAThirdOneCanWrite) {
  HB_NEEDS_ROOT();
  std::filesystem::permissions(std::filesystem::path(path_).parent_path(),
                               std::filesystem::perms(0755));
  write("threshold-ms=500\n");
  ASSERT_EQ(::chown(path_.c_str(), 1234, 1234), 0);
  const auto is_refused = [&] {
    return Child::run([&] {
             if (::setuid(65534) != 0) ::_exit(2);
             ::_exit(daemon::read_trusted_file(path_) ? 0 : 1);
           }).wait() != 0;
  };
  EXPECT_TRUE(is_refused());
  ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
  EXPECT_FALSE(is_refused()) << "its own";
  ASSERT_EQ(::chown(path_.c_str(), 0, 0), 0);
  EXPECT_FALSE(is_refused()) << "root's";
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  EXPECT_TRUE(is_refused());
}

// Two values where two are allowed, and which of them is wrong.
TEST(ConfigRepeats, GivesEveryValue) {
  TemporaryDirectory directory;
  const std::string path = directory.path("hb.conf");
  const auto parse = [&](const std::string& text, std::vector<std::string>& values) {
    std::ofstream(path) << text;
    CLI::App app;
    cli::add_config(app);
    app.add_option("--env", values)->check(CLI::IsMember({"A=1", "B=2"}));
    app.parse(std::vector<std::string>{path, "--config"});
  };
  std::vector<std::string> values;
  parse("env=A=1\n\nenv=B=2\n", values);
  EXPECT_EQ(values, (std::vector<std::string>{"A=1", "B=2"}));
  try {
    parse("env=A=1\nenv=C\n", values);
    FAIL() << "C was taken";
  } catch (const CLI::ParseError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with(path + ":2: ")) << error.what();
  }
}

// The binary itself, by what its help says.
TEST(ConfigFlags, AreThoseOfTheHelp) {
  TemporaryDirectory directory;
  const std::string path = directory.path("hb.conf");
  const Outcome help = run_to_end({"run", "--help"});
  std::istringstream lines(help.out);
  std::size_t seen = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto dashes = line.find("--");
    if (!line.starts_with("  ") || dashes != line.find_first_not_of(' ')) continue;
    const auto name = line.substr(dashes + 2, line.find_first_of(" ,", dashes) - dashes - 2);
    if (name == "config") continue;
    std::ofstream(path) << name << "=\x01\nlast=1\n";
    const Outcome outcome = run_to_end({"run", "--config", path});
    EXPECT_EQ(outcome.code, 2) << name;
    EXPECT_EQ(outcome.err.find("there is no flag '" + name), std::string::npos) << outcome.err;
    ++seen;
  }
  EXPECT_GT(seen, 15U);
}

TEST(ConfigFlags, EndTheProgramWith2WhenTheyAreWrong) {
  TemporaryDirectory directory;
  const std::string path = directory.path("hb.conf");
  for (const char* text : {"nope=1", "threshold-ms=0", "events", "config=/etc/passwd"}) {
    std::ofstream(path) << text;
    const Outcome outcome = run_to_end({"run", "--config", path});
    EXPECT_EQ(outcome.code, 2) << text;
    EXPECT_NE(outcome.err.find(path + ":1: "), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(run_to_end({"run", "--config", directory.path("missing")}).code, 2);
  EXPECT_EQ(run_to_end({"run", "--config", directory.path(".")}).code, 2);
  EXPECT_EQ(run_to_end({"run", "--config"}).code, 2);
}

}  // namespace
}  // namespace hb::test
