// What a policy file says, and what it may not say.
#include "daemon/policy_file.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include "base/units.hpp"

namespace hb::test {
namespace {

constexpr const char* kExample = R"(
[defaults]
attempts = 3

[[service]]
name = "postgres"
match = { unit = "postgresql@*.service" }
recover-on = ["silence", "clean"]
settle-ms = 500
core-wait-ms = 120000
steps = [ { signal = "ABRT", wait-ms = 5000 }, { exec = "true {unit}", wait-ms = 30000 } ]

[[service]]
name = "others"
match = { unit = "web-*.service", user = 33 }
steps = [ { signal = "SIGKILL" } ]
)";

Result<std::vector<ServicePolicy>> parse(const std::string& text) {
  return daemon::parse_policies(text, "p.toml", {});
}

std::string error_of(const std::string& text) {
  const auto parsed = parse(text);
  return parsed ? "no error" : parsed.error().message;
}

// A service, with `lines` in the place of its match and steps where they are given.
std::string service(const std::string& lines, const std::string& name = "a") {
  std::string text = "[[service]]\nname = \"" + name + "\"\n" + lines + "\n";
  if (lines.find("match") == std::string::npos) text += "match = { unit = \"" + name + "\" }\n";
  if (lines.find("steps") == std::string::npos) text += "steps = [ { signal = \"TERM\" } ]\n";
  return text;
}

TEST(PolicyFile, SaysWhatIsDoneForWhom) {
  const auto parsed = parse(kExample);
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed.value().size(), 2U);
  const ServicePolicy& postgres = parsed.value()[0];
  EXPECT_EQ(postgres.name, "postgres");
  EXPECT_EQ(postgres.match.unit, Glob("postgresql@*.service"));
  EXPECT_TRUE(postgres.rules.recover_on.has(DownKind::Clean));
  EXPECT_FALSE(postgres.rules.recover_on.has(DownKind::Signal));
  EXPECT_EQ(postgres.rules.attempts, 3U);
  EXPECT_EQ(postgres.rules.settle_ns, 500 * kNsPerMs);
  EXPECT_EQ(postgres.rules.core_wait_ns, 120'000 * kNsPerMs);
  ASSERT_EQ(postgres.steps.size(), 2U);
  EXPECT_EQ(*postgres.steps[0].signal(), SIGABRT);
  EXPECT_EQ(postgres.steps[0].wait_ns, 5000 * kNsPerMs);
  EXPECT_NE(postgres.steps[1].command(), nullptr);
  EXPECT_EQ(parsed.value()[1].match.uid, 33U);
  EXPECT_EQ(*parsed.value()[1].steps[0].signal(), SIGKILL);
}

TEST(PolicyFile, MatchesByName) {
  const auto parsed = parse(service("match = { unit = \"a\", comm = \"work*\" }") +
                            service("match = { unit = \"a\", comm = \"master\" }", "b"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed.value()[0].match.comm, Glob("work*"));
}

TEST(PolicyFile, HasThresholds) {
  const auto parsed = parse("[defaults]\nthreshold-ms = 3000\n" + service("threshold-ms = 200") +
                            service("", "b") + service("verify-ms = 5\nthreshold-ms = 60000", "c"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& all = parsed.value();
  EXPECT_EQ(all[0].threshold_ns, 200 * kNsPerMs);
  EXPECT_EQ(all[1].threshold_ns, 3000 * kNsPerMs);
  EXPECT_EQ(all[1].rules.verify_ns, 13'000 * kNsPerMs) << "a threshold and 10 s";
  EXPECT_EQ(all[2].threshold_ns, 60'000 * kNsPerMs);
  EXPECT_EQ(all[2].rules.verify_ns, 5 * kNsPerMs);
  EXPECT_EQ(Policies(all).shortest_threshold_ns(), 200 * kNsPerMs);
}

TEST(PolicyFile, HasBudgets) {
  const auto parsed = parse(service("budget = { attempts = 5, seconds = 3600 }"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_TRUE(parsed.value()[0].budget);
  EXPECT_EQ(parsed.value()[0].budget->acts, 5U);
  EXPECT_EQ(parsed.value()[0].budget->window_ns, 3600 * kNsPerSecond);
}

TEST(PolicyFile, HasAtMost63DifferentThresholds) {
  std::string text;
  for (int i = 1; i <= 63; ++i) {
    const std::string name = std::to_string(i);
    text += service("threshold-ms = " + name, name) + service("threshold-ms = " + name, name + "b");
  }
  EXPECT_EQ(error_of(text), "no error");
  EXPECT_NE(error_of(text + service("threshold-ms = 64", "c")).find("more than 63 different"),
            std::string::npos);
}

TEST(PolicyFile, TellsTheUsersByName) {
  const auto parsed = parse(service("match = { user = \"root\" }"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed.value()[0].match.uid, 0U);
}

// toml++ goes down into each part of a dotted key: a segmentation fault ended the observer.
TEST(PolicyFile, RefusesALineThatIsTooLong) {
  std::string line = "a=1\n";
  for (int i = 0; i < 40'000; ++i) line.insert(0, "a.");
  EXPECT_EQ(error_of("\n" + line), "p.toml:2:1: a line is longer than 16384 bytes");
  const std::string most = line.substr(line.size() - 16'384);
  EXPECT_TRUE(error_of(most).starts_with("p.toml:1:1: unknown key 'a'")) << error_of(most);
}

// The one of the documents, with programs that are everywhere.
TEST(PolicyFile, IsAsTheDocumentShowsIt) {
  std::ifstream file(HB_SOURCE_DIR "/userspace/recovery/README.md");
  std::string document{std::istreambuf_iterator<char>(file), {}};
  const auto begin = document.find("```toml\n") + 8;
  std::string example = document.substr(begin, document.find("```", begin) - begin);
  for (auto at = example.find("systemctl"); at != std::string::npos;
       at = example.find("systemctl")) {
    example.replace(at, 9, "true");
  }
  const auto parsed = parse(example);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed.value().size(), 2U);
}

struct Mistake {
  const char* name;
  std::string text;
  const char* said;  // the beginning of the message
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

class PolicyMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(PolicyMistakes, HaveTheirPlace) {
  const std::string said = error_of(GetParam().text);
  EXPECT_TRUE(said.starts_with(GetParam().said)) << said;
  EXPECT_EQ(said.find('\x1b'), std::string::npos) << "an escape reaches the terminal";
}

const Mistake kMistakes[] = {
    {"BadToml", "[[service]\n", "p.toml:1:"},
    {"NoService", "", "p.toml:1:1: there is no [[service]]"},
    {"UnknownSection", "[default]\n", "p.toml:1:2: unknown key 'default'; there are: defaults, "},
    {"UnknownKey", service("step = 1"), "p.toml:3:1: unknown key 'step'; there are: name, match"},
    {"UnknownKeyOfAStep", service("steps = [ { signal = \"TERM\", wait = 1 } ]"),
     "p.toml:3:30: unknown key 'wait'"},
    {"WrongType", service("attempts = \"3\""), "p.toml:3:12: 'attempts' must be a number from 1"},
    {"OutOfRange", service("attempts = 0"), "p.toml:3:12: 'attempts' must be a number from 1"},
    {"Fraction", service("settle-ms = 1.5"), "p.toml:3:13: 'settle-ms' must be a number"},
    {"NoName", "[[service]]\n", "p.toml:1:1: the service has no 'name'"},
    {"EmptyName", service("", ""), "p.toml:2:8: 'name' must not be empty"},
    {"NoMatch", "[[service]]\nname = \"a\"\n", "p.toml:1:1: the service has no 'match'"},
    {"EmptyMatch", service("match = {}"),
     "p.toml:3:9: 'match' needs unit, user-unit, cgroup, comm or user"},
    {"ClassOfCharacters", service("match = { unit = \"a[bc]\" }"), "p.toml:3:18: 'unit' has a '['"},
    {"LongPattern", service("match = { cgroup = \"" + std::string(256, 'a') + "\" }"),
     "p.toml:3:20: 'cgroup' is longer than 255"},
    {"LongName", service("", std::string(65, 'a')), "p.toml:2:8: 'name' is longer than 64"},
    {"ControlCharacter", service("", "a\\u001b[2J"), "p.toml:2:8: 'name' has a control"},
    {"NulInAUser", service("match = { user = \"root\\u0000x\" }"), "p.toml:3:18: 'user' has a"},
    {"EscapeInAKey", service("\"\\u001b[2J\" = 1"), "p.toml:3:1: unknown key '?[2J'"},
    {"EscapeInBadToml", "a = \x1b[2J\n", "p.toml:1:"},
    {"NameThatIsTooLong", service("match = { comm = \"*12345678?0123456\" }"),
     "p.toml:3:18: 'comm' matches nothing: the kernel keeps 15 characters"},
    {"OverlapOfNames",
     service("match = { comm = \"a*\" }") + service("match = { unit = \"b\" }", "b"),
     "p.toml:5:1: a process could belong to both 'a' and 'b'"},
    {"NoThreshold", service("threshold-ms = 0"), "p.toml:3:16: 'threshold-ms' must be a number"},
    {"HalfABudget", service("budget = { attempts = 5 }"), "p.toml:3:10: 'budget' needs attempts"},
    {"NoServiceInTheList", "service = []\n", "p.toml:1:1: there is no [[service]]"},
    {"NoKindAtAll", service("recover-on = []"), "p.toml:3:14: 'recover-on' must have at least one"},
    {"SignalsOnlyForExits", service("recover-on = [\"code\"]\nsteps = [ { signal = \"TERM\" } ]"),
     "p.toml:4:9: signals help only against silence"},
    {"SignalWithoutPatience", service("steps = [ { signal = \"TERM\" }, { signal = \"KILL\" } ]"),
     "p.toml:3:11: a signal that another step follows needs 'wait-ms'"},
    {"CommandWithoutTime", service("steps = [ { exec = \"true\", wait-ms = 0 } ]"),
     "p.toml:3:38: 'wait-ms' must be a number from 1"},
    {"NoSteps", "[[service]]\nname = \"a\"\nmatch = { unit = \"a\" }\n",
     "p.toml:1:1: the service has no 'steps'"},
    {"EmptySteps", service("steps = []"), "p.toml:3:9: 'steps' must have 1 to 16"},
    {"TwoInAStep", service("steps = [ { signal = \"TERM\", exec = \"true\" } ]"),
     "p.toml:3:11: a step has either 'signal' or 'exec'"},
    {"NoSignal", service("steps = [ { signal = \"TERMINATE\" } ]"),
     "p.toml:3:22: 'TERMINATE' is no signal"},
    {"NoPlaceholder", service("steps = [ { exec = \"true {unti}\" } ]"),
     "p.toml:3:20: '{unti}' stands for nothing; there are: {pid}"},
    {"NoCommand", service("steps = [ { exec = \"/nowhere/x\" } ]"), "p.toml:3:20: '/nowhere/x'"},
    {"NoKind", service("recover-on = [\"crash\"]"), "p.toml:3:15: 'recover-on' has silence"},
    {"NoUser", service("match = { user = \"nobody-of-this-name\" }"),
     "p.toml:3:18: there is no user 'nobody-of-this-name'"},
    {"TwoOfAName", service("") + service("match = { unit = \"b\" }"),
     "p.toml:6:1: there are two services 'a'"},
    {"Overlap", service("match = { unit = \"a*\" }") + service("match = { unit = \"*b\" }", "b"),
     "p.toml:5:1: a process could belong to both 'a' and 'b'"},
    {"OverlapByOtherKeys",
     service("match = { unit = \"a*\" }") + service("match = { user = 1 }", "b"),
     "p.toml:5:1: a process could belong to both 'a' and 'b'"},
};

INSTANTIATE_TEST_SUITE_P(, PolicyMistakes, ::testing::ValuesIn(kMistakes),
                         [](const auto& mistake) { return std::string(mistake.param.name); });

}  // namespace
}  // namespace hb::test
