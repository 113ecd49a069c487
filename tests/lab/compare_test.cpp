// hb-ebpf compare on this kernel, as its users see it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kWhole{60};

// Output that fits into a pipe may be read after the end.
std::string compare(Argv arguments, int expected_code) {
  arguments.insert(arguments.begin(), "compare");
  Process process(hb_ebpf(arguments));
  EXPECT_EQ(process.wait(kWhole), expected_code) << process.errors();
  return process.rest_of_output();
}

std::map<std::string, Json> scenarios_in(const std::string& text) {
  std::map<std::string, Json> by_name;
  const Json report = Json::parse(text);
  for (const auto& scenario : report["scenarios"]) by_name[scenario["name"]] = scenario;
  return by_name;
}

std::vector<std::string> known_scenarios() {
  std::istringstream lines(compare({"--list"}, 0));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);)
    names.push_back(line.substr(0, line.find(' ')));
  return names;
}

TEST(Compare, ListsTheScenarios) {
  const std::vector<std::string> contracted = {"honest",
                                               "forged_pid",
                                               "stale_fork_pid",
                                               "thread",
                                               "leader_exited",
                                               "exec_between",
                                               "exits_after_send",
                                               "pid_reused_foreign",
                                               "pid_reused_native",
                                               "scm_spoof",
                                               "private_namespace",
                                               "nested_namespace",
                                               "sibling_namespace",
                                               "unshared_not_forked",
                                               "user_namespace",
                                               "inherited_socket",
                                               "io_uring",
                                               "hidden_proc",
                                               "oci_container",
                                               "flood_orphans"};
  EXPECT_EQ(known_scenarios(), contracted);
}

class CompareBy : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Delivery, CompareBy, ::testing::Values("socket", "ring"),
                         [](const auto& delivery) { return std::string(delivery.param); });

TEST_P(CompareBy, KernelIsRightAndSaysSo) {
  const auto scenarios = scenarios_in(compare({"--format", "json", "--delivery", GetParam()}, 0));
  EXPECT_EQ(scenarios.size(), known_scenarios().size());
  for (const auto& [name, scenario] : scenarios) {
    if (scenario.contains("unavailable")) {
      std::cout << name << " is unavailable: " << scenario["unavailable"] << '\n';
      continue;
    }
    EXPECT_EQ(scenario["kernel"]["verdict"], scenario["truth"]) << name;
    EXPECT_EQ(scenario["kernel"]["wrong"], 0) << name;
  }
}

TEST(Compare, ProcfsIsWrongInItsKnownScenarios) {
  const auto scenarios = scenarios_in(compare({"--format", "json"}, 0));
  const std::map<std::string, std::string> expected = {{"scm_spoof", "beat"},
                                                       {"pid_reused_native", "beat"},
                                                       {"exits_after_send", "unknown"},
                                                       {"sibling_namespace", "unknown"},
                                                       {"hidden_proc", "unknown"}};
  for (const auto& [name, verdict] : expected) {
    const auto& procfs = scenarios.at(name)["procfs"];
    EXPECT_EQ(procfs["verdict"], verdict) << name;
    EXPECT_EQ(procfs["wrong"], 1) << name;
  }
}

TEST(Compare, ProcfsIsRightInTheOthers) {
  const auto scenarios = scenarios_in(compare({"--format", "json"}, 0));
  for (const char* name : {"honest", "forged_pid", "stale_fork_pid", "thread", "exec_between",
                           "unshared_not_forked", "flood_orphans"}) {
    EXPECT_EQ(scenarios.at(name)["procfs"]["wrong"], 0) << name;
  }
}

TEST_P(CompareBy, KernelWinsEveryRace) {
  const auto scenarios = scenarios_in(compare({"--delivery", GetParam(),
                                               "--format",   "json",
                                               "--repeat",   "20",
                                               "--scenario", "exec_between",
                                               "--scenario", "exits_after_send",
                                               "--scenario", "pid_reused_foreign",
                                               "--scenario", "pid_reused_native",
                                               "--scenario", "leader_exited",
                                               "--scenario", "flood_orphans",
                                               "--scenario", "io_uring"},
                                              0));
  EXPECT_EQ(scenarios.size(), 7U);
  for (const auto& [name, scenario] : scenarios) {
    EXPECT_EQ(scenario["repeats"], 20) << name << scenario;
    EXPECT_EQ(scenario["kernel"]["wrong"], 0) << name;
  }
}

TEST(Compare, UnknownScenarioIsBadUsageAndTheKnownOnesAreNamed) {
  Process process(hb_ebpf({"compare", "--scenario", "no_such"}));
  EXPECT_EQ(process.wait(), 2);
  const std::string errors = process.errors();
  EXPECT_NE(errors.find("'no_such'"), std::string::npos) << errors;
  EXPECT_NE(errors.find("pid_reused_native"), std::string::npos) << errors;
}

TEST(Compare, WithoutPrivilegeKernelAttestationIsUnavailable) {
  Process process(hb_ebpf({"compare"}), {}, renounce_bpf);
  EXPECT_EQ(process.wait(), 3) << process.errors();
}

TEST(Compare, TapNumbersItsTests) {
  std::istringstream lines(compare({"--format", "tap"}, 0));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "TAP version 13");
  std::getline(lines, line);
  EXPECT_EQ(line, "1.." + std::to_string(known_scenarios().size()));
  std::size_t points = 0;
  while (std::getline(lines, line)) {
    EXPECT_FALSE(line.starts_with("not ok")) << line;
    if (!line.starts_with("ok ")) continue;
    EXPECT_TRUE(line.starts_with("ok " + std::to_string(++points) + " - ")) << line;
  }
  EXPECT_EQ(points, known_scenarios().size());
}

TEST(Compare, JunitIsWellFormed) {
  HB_NEEDS(::access("/usr/bin/xmllint", X_OK) == 0, "xmllint");
  const TemporaryDirectory directory;
  const std::string file = directory.path("compare.xml");
  std::ofstream(file) << compare({"--format", "junit", "--scenario", "honest"}, 0);
  Process lint({"/usr/bin/xmllint", "--noout", file});
  EXPECT_EQ(lint.wait(), 0) << lint.errors();
}

TEST(Compare, TextHasNoColourInAPipe) {
  const std::string text = compare({"--scenario", "honest"}, 0);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("honest"), std::string::npos);
}

// Nothing may take the initial PID namespace for granted.
TEST(Compare, KernelIsRightInsideAPrivateNamespace) {
  Argv argv = {"/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child"};
  for (const auto& word : hb_ebpf({"compare", "--format", "json"})) argv.push_back(word);
  Process process(argv);
  EXPECT_EQ(process.wait(kWhole), 0) << process.errors();
  EXPECT_EQ(Json::parse(process.rest_of_output())["summary"]["kernel_wrong"], 0);
}

}  // namespace
}  // namespace hb::test
