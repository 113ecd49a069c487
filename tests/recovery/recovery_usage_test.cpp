// Mistakes with the flags of recovery: exit code 2, and the flag by its name.
#include <gtest/gtest.h>

#include "tests/support/process.hpp"

namespace hb::test {
namespace {

struct Mistake {
  Argv flags;
  std::string named;
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
  for (const auto& flag : mistake.flags) *out << flag << ' ';
}

class RecoveryUsage : public testing::TestWithParam<Mistake> {};

TEST_P(RecoveryUsage, IsRefused) {
  Argv arguments{"run"};
  arguments.insert(arguments.end(), GetParam().flags.begin(), GetParam().flags.end());
  const Outcome outcome = run_to_end(arguments);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find(GetParam().named), std::string::npos) << outcome.err;
}

const Argv kExec{"--recovery-exec", "true"};

Argv exec_and(const Argv& more) {
  Argv all = kExec;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, RecoveryUsage,
    testing::Values(
        Mistake{{"--recovery-exec", ""}, "--recovery-exec"},
        Mistake{{"--recovery-exec", "no-such-program-xyz"}, "no-such-program-xyz"},
        Mistake{{"--recovery-exec", "/etc/passwd"}, "cannot be executed"},
        Mistake{{"--recovery-exec", "/bin/{pid}"}, "{pid} may stand in an argument"},
        Mistake{{"--recovery-exec", "true {unti}"}, "'{unti}' stands for nothing"},
        Mistake{{"--recovery-exec", "sh 'x"}, "a closing ' is missing"},
        Mistake{{"--recovery-signal", "LOUD"}, "--recovery-signal: 'LOUD' is no signal"},
        Mistake{{"--recovery-signal", "0"}, "is no signal"},
        Mistake{{"--recovery-signal", "32"}, "is no signal"},
        Mistake{{"--recovery-signal", "65"}, "is no signal"},
        Mistake{{"--recovery-signal", "-9"}, "is no signal"},
        Mistake{{"--recovery-signal", "sigterm"}, "is no signal"},
        Mistake{exec_and({"--recovery-signal", "TERM"}), "excludes"},
        Mistake{exec_and({"--policy-file", "/etc/passwd"}), "excludes"},
        Mistake{{"--recovery-signal", "9", "--policy-file", "/etc/passwd"}, "excludes"},
        Mistake{{"--policy-file", "/nowhere/p.toml"}, "cannot open /nowhere/p.toml"},
        Mistake{{"--policy-file", "/etc/passwd"}, "/etc/passwd:1:"},
        Mistake{exec_and({"--recovery-budget", "10"}), "--recovery-budget: '10' is not N/SECONDS"},
        Mistake{exec_and({"--recovery-budget", "0/60"}), "--recovery-budget"},
        Mistake{exec_and({"--recovery-budget", "1/0"}), "--recovery-budget"},
        Mistake{exec_and({"--recovery-budget", "1/2/3"}), "--recovery-budget"},
        Mistake{exec_and({"--recovery-budget", "10001/1"}), "--recovery-budget"},
        Mistake{exec_and({"--recovery-budget-per-uid", "0/60"}),
                "--recovery-budget-per-uid: '0/60' is not N/SECONDS"},
        Mistake{exec_and({"--recovery-debounce-ms", "-1"}), "--recovery-debounce-ms"},
        Mistake{exec_and({"--recovery-timeout-ms", "0"}), "--recovery-timeout-ms"},
        Mistake{exec_and({"--recovery-output-bytes", "9999999"}), "--recovery-output-bytes"},
        Mistake{exec_and({"--recovery-on", "crash"}), "--recovery-on: 'crash' is none of silence"},
        Mistake{exec_and({"--recovery-on", "silence,,code"}),
                "--recovery-on: '' is none of silence"},
        Mistake{exec_and({"--recovery-on="}), "--recovery-on"},
        Mistake{exec_and({"--recovery-attempts", "0"}), "--recovery-attempts"},
        Mistake{exec_and({"--recovery-verify-ms", "0"}), "--recovery-verify-ms"},
        Mistake{{"--recovery-on", "silence"}, "--recovery-on: nothing is done on a stall without"},
        Mistake{{"--recovery-settle-ms", "5"}, "--recovery-settle-ms: nothing is done"},
        Mistake{exec_and({"--recovery-oom-score-adj", "-1001"}), "--recovery-oom-score-adj"},
        Mistake{exec_and({"--recovery-oom-score-adj", "1001"}), "--recovery-oom-score-adj"},
        Mistake{exec_and({"--recovery-oom-score-adj", "x"}), "--recovery-oom-score-adj"},
        Mistake{{"--recovery-signal", "9", "--recovery-oom-score-adj", "5"}, "--recovery-exec"},
        Mistake{exec_and({"--recovery-env", "A"}), "--recovery-env: 'A' is not NAME=VALUE"},
        Mistake{exec_and({"--recovery-env", "1A=x"}), "--recovery-env"},
        Mistake{exec_and({"--recovery-env", "HB_PID=1"}), "--recovery-env"},
        Mistake{exec_and({"--recovery-env", "A=1", "--recovery-env", "A=2"}), "given twice"},
        Mistake{exec_and({"--audit-required"}), "--audit-required: needs --recovery-audit-file"},
        Mistake{{"--recovery-dry-run"}, "--recovery-dry-run: nothing is done on a stall without"},
        Mistake{{"--recovery-budget", "1/1"}, "--recovery-budget: nothing is done"},
        Mistake{{"--recovery-budget-per-uid", "1/1"}, "--recovery-budget-per-uid: nothing is done"},
        Mistake{{"--recovery-require-same-uid"}, "--recovery-exec"},
        Mistake{{"--recovery-signal", "9", "--recovery-require-same-uid"}, "--recovery-exec"},
        Mistake{{"--recovery-debounce-ms", "5"}, "--recovery-debounce-ms: nothing is done"},
        Mistake{{"--recovery-startup-grace-ms", "5"}, "--recovery-startup-grace-ms: nothing is"},
        Mistake{{"--recovery-timeout-ms", "5"}, "--recovery-exec"},
        Mistake{{"--recovery-signal", "9", "--recovery-timeout-ms", "5"}, "--recovery-exec"},
        Mistake{{"--recovery-env", "A=b"}, "--recovery-exec"},
        Mistake{{"--shutdown-grace-ms", "5"}, "--recovery-exec"}));

// Right flags get as far as the next mistake.
TEST(RecoveryUsageOf, RightFlagsIsNoMistake) {
  for (const Argv& right :
       {Argv{"--recovery-signal", "TERM"}, Argv{"--recovery-signal", "SIGHUP"},
        Argv{"--recovery-signal", "9"}, Argv{"--recovery-signal", "64"},
        exec_and({"--recovery-env", "A=b", "--recovery-env", "C=", "--recovery-budget", "1/1",
                  "--recovery-budget-per-uid", "1/60", "--recovery-require-same-uid",
                  "--recovery-debounce-ms", "0", "--shutdown-grace-ms", "0",
                  "--recovery-oom-score-adj", "-1000", "--recovery-on", "clean,last-word"})}) {
    Argv arguments{"run", "--events", "xml"};
    arguments.insert(arguments.end(), right.begin(), right.end());
    const Outcome outcome = run_to_end(arguments);
    EXPECT_NE(outcome.err.find("--events"), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace hb::test
