// Mistakes on the command line: exit code 2, the flag by its name, and nothing has happened.
#include <gtest/gtest.h>

#include <regex>

#include "tests/support/process.hpp"

namespace hb::test {
namespace {

struct Mistake {
  Argv arguments;
  std::string named;  // what the message must hold
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
  for (const auto& argument : mistake.arguments) *out << argument.substr(0, 40) << ' ';
}

class Usage : public ::testing::TestWithParam<Mistake> {};

TEST_P(Usage, IsRefused) {
  const Outcome outcome = run_to_end(GetParam().arguments);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find(GetParam().named), std::string::npos) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, Usage,
    ::testing::Values(
        Mistake{{}, "subcommand"}, Mistake{{"walk"}, "walk"}, Mistake{{"--nope"}, "subcommand"},
        Mistake{{"policy"}, "subcommand"}, Mistake{{"policy", "check"}, "FILE"},
        Mistake{{"policy", "explain"}, "--pid"},
        Mistake{{"policy", "explain", "--pid", "0"}, "--pid: '0' is not a whole number from 1"},
        Mistake{{"run", "--nope"}, "--nope"}, Mistake{{"run", "extra"}, "extra"},
        Mistake{{"run", "--threshold-ms", "0"}, "--threshold-ms: '0' is not a whole number from 1"},
        Mistake{{"run", "--threshold-ms", "-5"}, "--threshold-ms"},
        Mistake{{"run", "--threshold-ms", "2s"}, "--threshold-ms"},
        Mistake{{"run", "--threshold-ms", ""}, "--threshold-ms"},
        Mistake{{"run", "--threshold-ms"}, "--threshold-ms"},
        Mistake{{"run", "--threshold-ms", "99999999999999999999"}, "--threshold-ms"},
        Mistake{{"run", "--threshold-ms", "1", "--threshold-ms", "2"}, "--threshold-ms"},
        Mistake{{"run", "--socket", ""}, "--socket"},
        Mistake{{"run", "--socket", "/tmp/"}, "/tmp/"},
        Mistake{{"run", "--socket", "/tmp/" + std::string(103, 'x')}, "at most 107"},
        Mistake{{"run", "--socket-mode", "0888"}, "--socket-mode"},
        Mistake{{"run", "--socket-mode", "4755"}, "--socket-mode"},
        Mistake{{"run", "--socket-mode", "rw"}, "--socket-mode"},
        Mistake{{"run", "--socket-group", "no-such-group"}, "no-such-group"},
        Mistake{{"run", "--ring-bytes", "5000"}, "--ring-bytes: '5000' is not a power of two"},
        Mistake{{"run", "--ring-bytes", "2048"}, "--ring-bytes"},
        Mistake{{"run", "--ring-bytes", "9223372036854775808"}, "--ring-bytes"},
        Mistake{{"run", "--queue-length", "0"}, "--queue-length"},
        Mistake{{"run", "--stamp-wait-ms", "1000000"}, "--stamp-wait-ms"},
        Mistake{{"run", "--tracker-capacity", "1048577"}, "1048576"},
        Mistake{{"run", "--attest", "faith"}, "--attest: 'faith' is not one of kernel|procfs"},
        Mistake{{"run", "--correlate", "luck"}, "--correlate"},
        Mistake{{"run", "--delivery", "pigeon"}, "--delivery: 'pigeon' is not one of socket|ring"},
        Mistake{{"run", "--delivery", "ring", "--attest", "procfs"}, "--delivery ring: needs"},
        Mistake{{"run", "--notify-socket", "/tmp/n.sock", "--attest", "procfs"},
                "--notify-socket: needs"},
        Mistake{{"run", "--notify-socket", "@n"}, "--notify-socket: '@n' would be an abstract"},
        Mistake{{"run", "--socket", "/tmp/n/hb.sock", "--notify-socket", "/tmp/n/hb.sock"},
                "is the file of --notify-socket too"},
        Mistake{{"run", "--socket", "/tmp/n/hb.sock", "--notify-socket", "/tmp/n/status.sock"},
                "is the file of --status-socket too"},
        Mistake{{"exec", "--beat-for", "--watchdog-ms", "5", "--", "true"},
                "--watchdog-ms excludes"},
        Mistake{{"exec", "--notify-socket", "/tmp/n.sock", "--", "true"},
                "--notify-socket requires --watchdog-ms"},
        Mistake{{"run", "--delivery", "ring", "--correlate", "skb"},
                "be combined with --correlate skb"},
        Mistake{{"run", "--drain-interval-ms", "0"}, "--drain-interval-ms"},
        Mistake{{"run", "--max-beat-rate", "-1"}, "--max-beat-rate"},
        Mistake{{"run", "--events", "xml"}, "--events"},
        Mistake{{"run", "--beats", "no"}, "--beats"},
        Mistake{{"run", "--shutdown-after-secs", "0"}, "--shutdown-after-secs"},
        Mistake{{"run", "--strict-namespace-check=7"}, "strict-namespace-check"},
        Mistake{{"run", "--nice", "-21"}, "--nice"}, Mistake{{"run", "--nice", "20"}, "--nice"},
        Mistake{{"run", "--self-watchdog-ms", "-1"}, "--self-watchdog-ms"},
        Mistake{{"run", "--user", "no-such-user"}, "--user: there is no user 'no-such-user'"},
        Mistake{{"run", "--user", "root"}, "--user: 'root' is root"},
        Mistake{{"run", "--user", "0"}, "--user: '0' is root"},
        Mistake{{"run", "--user", "00:1234"}, "--user: '00:1234' is root"},
        Mistake{{"run", "--user", "1234:0"}, "--user: the group of '1234:0' is root's"},
        Mistake{{"run", "--user", "3999999999"}, "give it too, as 3999999999:GID"},
        Mistake{{"run", "--user", "1234:"}, "'1234:' is not UID:GID"},
        Mistake{{"run", "--user", "nobody:1234"}, "there is no user 'nobody:1234'"},
        Mistake{{"run", "--user", "4294967295:1"}, "there is no user '4294967295:1'"},
        Mistake{{"run", "--user", "-1"}, "--user"}, Mistake{{"run", "--user", ""}, "--user"},
        Mistake{{"run", "--socket-group", "4294967295"}, "there is no group '4294967295'"},
        Mistake{{"run", "--socket-group", "-1"}, "--socket-group"},
        Mistake{{"run", "--config", "/no/such/file"}, "/no/such/file"},
        Mistake{{"run", "--log-level", "loud"}, "--log-level"},
        Mistake{{"run", "--log-format", "xml"}, "--log-format"},
        Mistake{{"run", "--udp-port", "4711"}, "--key-file"},
        Mistake{{"run", "--udp-port", "4711"}, "--i-accept-plaintext-udp"},
        Mistake{{"run", "--udp-port", "0", "--i-accept-plaintext-udp"}, "--udp-port"},
        Mistake{{"run", "--udp-port", "65536", "--i-accept-plaintext-udp"}, "--udp-port"},
        Mistake{{"run", "--udp-bind-addr", "localhost"}, "--udp-bind-addr: 'localhost'"},
        Mistake{{"run", "--udp-port", "1", "--udp-bind-addr", "127.0.0.1", "--udp-bind-addr",
                 "0.0.0.0"},
                "--udp-bind-addr: '0.0.0.0' is the second of its family"},
        Mistake{{"run", "--udp-bind-addr", "::1"}, "--udp-bind-addr: needs --udp-port"},
        Mistake{{"run", "--key-file", "k"}, "--key-file: needs --udp-port"},
        Mistake{{"run", "--master-key-file", "k"}, "--master-key-file: needs --udp-port"},
        Mistake{{"run", "--i-accept-plaintext-udp"}, "--i-accept-plaintext-udp: needs --udp-port"},
        Mistake{{"run", "--udp-port", "4711", "--key-file", "k", "--i-accept-plaintext-udp"},
                "--i-accept-plaintext-udp"},
        Mistake{{"run", "--udp-port", "4711", "--key-file", ""}, "--key-file"},
        Mistake{{"run", "--udp-port", "4711", "--key-file", "/nonexistent/key"}, "openssl rand"},
        Mistake{{"beat", "--udp", "localhost:4711"}, "--udp: 'localhost:4711'"},
        Mistake{{"beat", "--udp", "127.0.0.1:4711", "--socket", "/tmp/hb.sock"}, "--socket"},
        Mistake{{"beat", "--key-file", "k"}, "--key-file: needs --udp"},
        Mistake{{"beat", "--udp", "[::1]:1", "--key-file", "k", "--master-key-file", "k"},
                "one key"},
        Mistake{{"beat", "--udp", "[::1]:1", "--forge-pid", "2"}, "--forge-pid"},
        Mistake{{"beat", "--status", "stall"}, "--status"},
        Mistake{{"beat", "--payload", "4294967296"}, "--payload"},
        Mistake{{"beat", "--claim-pid", "0x10"}, "--claim-pid"},
        Mistake{{"beat", "--interval-ms", "fast"}, "--interval-ms"},
        Mistake{{"doctor", "--format", "yaml"}, "--format"}, Mistake{{"decode"}, "HEX"}));

TEST(Help, IsNoMistakeAndShowsExamples) {
  for (const char* command : {"run", "beat", "decode", "doctor"}) {
    const Outcome outcome = run_to_end({command, "--help"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.out.find(std::string("hb-ebpf ") + command), std::string::npos) << command;
  }
}

TEST(Help, TellsTheVersion) {
  const Outcome outcome = run_to_end({"--version"});
  EXPECT_EQ(outcome.code, 0);
  const std::regex whole(
      "hb-ebpf [0-9.]+, revision [A-Za-z0-9._/+-]+, libbpf [0-9.]+, Linux 5.10 or newer\n");
  EXPECT_TRUE(std::regex_match(outcome.out, whole)) << outcome.out;
}

}  // namespace
}  // namespace hb::test
