// hb-ebpf bench on this kernel, with --quick, since the figures are not checked.
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

constexpr std::chrono::seconds kWhole{110};

Argv bench(Argv arguments) {
  arguments.insert(arguments.begin(), "bench");
  return hb_ebpf(std::move(arguments));
}

std::string slurp(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// More than fits into a pipe may be said.
Json report(Argv arguments, int expected_code = 0) {
  arguments.insert(arguments.begin(), {"--quick", "--format", "json"});
  Process process(bench(std::move(arguments)));
  std::string text;
  while (const auto line = process.next_line(kWhole)) text += *line + "\n";
  EXPECT_EQ(process.wait(), expected_code) << process.errors();
  return Json::parse(text, nullptr, false);
}

std::map<std::string, Json> rows_of(const Json& report) {
  std::map<std::string, Json> by_name;
  for (const auto& row : report["results"]) by_name[row["name"]] = row;
  return by_name;
}

TEST(Bench, ListsTheMeasurements) {
  const Outcome outcome = run_to_end({"bench", "--list"});
  EXPECT_EQ(outcome.code, 0);
  std::istringstream lines(outcome.out);
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    names.push_back(line.substr(0, line.find(' ')));
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"observer", "sender", "scale", "idle", "steady", "throughput",
                                      "overload", "latency", "exit", "stall"}));
}

TEST(Bench, AnUnknownNameIsBadUsageAndTheKnownOnesAreNamed) {
  const Outcome outcome = run_to_end({"bench", "speed"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("'speed'"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("throughput"), std::string::npos) << outcome.err;
}

TEST(Bench, WithoutPrivilegeKernelAttestationIsUnavailable) {
  Process process(bench({"--quick", "scale"}), {}, renounce_bpf);
  EXPECT_EQ(process.wait(), 3) << process.errors();
}

TEST(Bench, ReportsTheHostAndEveryTarget) {
  const Json json = report({"scale"});
  for (const char* field : {"kernel", "cpu", "cores", "date", "version", "revision"}) {
    EXPECT_TRUE(json["host"].contains(field)) << field;
  }
  EXPECT_EQ(json["targets"].size(), 17U);
  EXPECT_TRUE(json["targets"]["scale_beat_1e6_over_1e3"]["value"].is_number());
  EXPECT_TRUE(json["targets"]["idle_50_agents_over_raw"]["value"].is_null());
}

TEST(Bench, MeasuresOnlyWhatIsAskedFor) {
  for (const auto& [name, row] : rows_of(report({"observer"}))) {
    EXPECT_TRUE(name.starts_with("observer/")) << name;
    EXPECT_GT(row["median"], 0) << name;
    EXPECT_LE(row["min"], row["median"]) << name;
    EXPECT_GE(row["max"], row["median"]) << name;
    EXPECT_EQ(row["samples"], 2) << name;
  }
}

// The order of these two does not depend on the load of the machine.
TEST(Bench, ProcfsCostsTheObserverMoreThanStamps) {
  const auto rows = rows_of(report({"observer"}));
  EXPECT_LT(rows.at("observer/kernel-ring")["median"], rows.at("observer/procfs")["median"]);
  EXPECT_LT(rows.at("observer/kernel-ring")["median"], rows.at("observer/raw")["median"]);
}

TEST(Bench, SendersAreMeasuredAloneAndTogether) {
  const auto rows = rows_of(report({"sender"}));
  for (const char* senders : {"1", "4"}) {
    for (const char* variant : {"plain", "kernel-socket", "kernel-ring", "kernel-ring-unlimited"}) {
      EXPECT_TRUE(rows.contains(std::string("sender/") + senders + "/" + variant));
    }
  }
}

TEST(Bench, TheRealObserverIsMeasuredWithRealAgents) {
  const Json json = report({"idle", "steady"});
  const auto rows = rows_of(json);
  EXPECT_GT(rows.at("idle/50/kernel-socket/rss")["median"], 0.5);
  EXPECT_GT(rows.at("steady/2000/kernel-ring")["median"], 0);
  for (const char* way : {"procfs", "kernel-socket", "kernel-ring"}) {
    const auto& row = rows.at(std::string("steady/100/") + way);
    EXPECT_NE(row["note"].get<std::string>().find("beats"), std::string::npos) << row;
  }
  EXPECT_TRUE(json["targets"]["steady_2000_ring_over_procfs"]["value"].is_number());
}

TEST(Bench, ThroughputIsWithoutLoss) {
  const auto rows = rows_of(report({"throughput"}));
  for (const char* row : {"bare", "procfs", "kernel-socket", "kernel-ring"}) {
    EXPECT_GT(rows.at(std::string("throughput/") + row)["median"], 1000) << row;
  }
}

// What floods do to honest agents is for tests/daemon/flood_test.cpp to judge; here every kind has
// its rows.
TEST(Bench, AFloodIsShedASignalAnsweredAndEveryKindOfFloodTried) {
  const Json json = report({"overload"});
  const auto rows = rows_of(json);
  EXPECT_GT(rows.at("overload/kernel-ring/offered")["median"], 2000);
  EXPECT_LT(rows.at("overload/kernel-ring/honest-lost")["median"], 50);
  EXPECT_LT(rows.at("overload/kernel-socket/signal")["median"], 10'000);
  for (const char* kind : {"fork", "clone-vm", "long-lived", "orphans", "junk", "wrong-length",
                           "descriptors", "linger", "forged", "forged-credentials"}) {
    for (const char* way : {"/kernel-socket", "/kernel-ring"}) {
      for (const char* what : {"/unheard", "/false-stalls", "/killed", "/hung-found"}) {
        const std::string row = std::string("overload/") + kind + way + what;
        EXPECT_TRUE(rows.contains(row)) << row;
      }
    }
  }
  EXPECT_TRUE(json["targets"]["overload_hung_found_thresholds"]["value"].is_number());
}

TEST(Bench, LatenciesHaveA99thPercentile) {
  const auto rows = rows_of(report({"latency", "stall"}));
  for (const char* name : {"latency/kernel-socket", "latency/kernel-ring", "stall/kernel-socket"}) {
    const auto& row = rows.at(name);
    EXPECT_GE(row["p99"], row["median"]) << row;
    EXPECT_GT(row["min"], 0) << row;
  }
}

// Where exits are not traced, the row is reported as missing.
TEST(Bench, ExitsAreMeasuredOrMissing) {
  const Json json = report({"exit"});
  const auto rows = rows_of(json);
  for (const char* name : {"exit/kernel-socket", "exit/kernel-ring"}) {
    if (json["missing"].contains(name)) continue;
    EXPECT_EQ(rows.at(name)["samples"], 10) << name;
    EXPECT_GT(rows.at(name)["min"], 0) << name;
  }
}

TEST(Bench, PlotsTheResults) {
  HB_NEEDS(::access("/usr/bin/gnuplot", X_OK) == 0, "gnuplot");
  const TemporaryDirectory directory;
  const std::string file = directory.path("bench.svg");
  report({"observer", "--plot", file});
  const std::string svg = slurp(file);
  EXPECT_NE(svg.find("<svg"), std::string::npos);
  EXPECT_NE(svg.find("kernel-ring"), std::string::npos);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
}

TEST(Bench, WhereThePlotCannotBeWrittenNothingIsMeasured) {
  Process process(bench({"--quick", "scale", "--plot", "/nowhere/at/all.svg"}));
  EXPECT_EQ(process.wait(), 1);
  EXPECT_NE(process.errors().find("/nowhere/at/all.svg"), std::string::npos);
  EXPECT_EQ(process.rest_of_output(), "");
}

// Everything it starts is in its session, as it is itself.
TEST(Bench, ASignalEndsItAndNobodyIsLeft) {
  Process process(bench({"idle", "--idle-seconds", "600"}), {}, [] { ::setsid(); });
  const pid_t session = process.pid();
  ::usleep(2'000'000);  // by then it has started observers and agents, or is about to
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(kWhole), 1);
  EXPECT_NE(process.errors().find("interrupted"), std::string::npos);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (::kill(-session, 0) == 0 && std::chrono::steady_clock::now() < deadline) {
    ::usleep(10'000);
  }
  EXPECT_NE(::kill(-session, 0), 0);
}

}  // namespace
}  // namespace hb::test
