#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "audit/sha256.hpp"
#include "tests/audit/audit_fixture.hpp"

namespace hb::test {
namespace {

using Json = nlohmann::json;

constexpr AuditTime kTime{1'769'903'999'000'000'001, 5};

std::string compose(const AuditRecord& record) {
  return compose_audit_line(record, kTime, ChainEnd{}).text;
}

Json json_of(const AuditRecord& record) { return Json::parse(compose(record)); }

std::optional<AuditFlaw> flaw_of(const std::string& line) {
  const auto parsed = parse_audit_line(line);
  const auto* flaw = std::get_if<AuditFlaw>(&parsed);
  return flaw != nullptr ? std::optional(*flaw) : std::nullopt;
}

// A line with a correct hash but arbitrary text, as a forger would make it.
std::string sealed(const std::string& hashed) {
  return hashed + R"(,"hash":")" + sha256_hex(hashed) + R"("})";
}

TEST(Sha256, IsTheStandards) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(AuditLine, OfABootIsTheseBytes) {
  EXPECT_EQ(compose(boot()),
            R"({"seq":1,"time":"2026-01-31T23:59:59.000000001Z","monotonic_ns":5,"kind":"boot",)"
            R"("reason":"started","pid":4711,"pid_ns_inode":4026531836,"dry_run":false,"prev":")" +
                std::string(64, '0') + R"(","hash":")" +
                sha256_hex(compose(boot()).substr(0, compose(boot()).rfind(R"(,"hash":")"))) +
                "\"}\n");
}

TEST(AuditLine, OfASpawnTellsWhoAndWhat) {
  const Json line = json_of(spawn());
  EXPECT_EQ(line["kind"], "spawn");
  EXPECT_EQ(line["pid"], 1234);
  EXPECT_EQ(line["generation_ns"], 99);
  EXPECT_EQ(line["origin"], "kernel_attested");
  EXPECT_EQ(line["cgroup_id"], 77);
  EXPECT_EQ(line["cause"], "silence");
  EXPECT_EQ(line["argv"], (Json{"/bin/kill", "-9", "1234"}));
  EXPECT_FALSE(line.contains("signal"));
  EXPECT_FALSE(line.contains("exit_code"));
}

TEST(AuditLine, TellsOfWhichServiceAndHowTheAgentEnded) {
  AuditRecord record = spawn();
  for (const char* key : {"service", "unit", "user_unit", "cgroup", "uid", "agent_exit_signal"}) {
    EXPECT_FALSE(json_of(record).contains(key)) << key;
  }
  record.service = record.unit = "a.service";
  record.cgroup = "/system.slice/a.service";
  record.uid = 33;
  record.ended.signal = 11;
  const Json line = json_of(record);
  EXPECT_EQ(line["service"], "a.service");
  EXPECT_EQ(line["unit"], "a.service");
  EXPECT_FALSE(line.contains("user_unit"));
  EXPECT_EQ(line["cgroup"], "/system.slice/a.service");
  EXPECT_EQ(line["uid"], 33);
  EXPECT_EQ(line["agent_exit_signal"], 11);
  EXPECT_FALSE(line.contains("agent_exit_code"));
}

TEST(AuditLine, HasTheNameOfTheProcessWhateverItsBytes) {
  AuditRecord record = spawn();
  EXPECT_FALSE(json_of(record).contains("comm"));
  record.comm = "\xff\"\n";
  EXPECT_EQ(json_of(record)["comm"], "\xef\xbf\xbd\"\n");
}

TEST(AuditLine, LeavesOutWhatDoesNotApplyAndWritesNullForWhatIsNotKnown) {
  AuditRecord record;
  record.kind = AuditRecord::Kind::Complete;
  record.exit_code = 3;
  const Json command = json_of(record);
  EXPECT_EQ(command["exit_code"], 3);
  EXPECT_TRUE(command["exit_signal"].is_null());
  EXPECT_TRUE(command["child_pid"].is_null());
  EXPECT_TRUE(command["pid"].is_null());
  EXPECT_FALSE(command.contains("argv"));

  record = AuditRecord{};
  record.kind = AuditRecord::Kind::Complete;
  record.signal = 15;
  const Json signal = json_of(record);
  EXPECT_EQ(signal["signal"], 15);
  EXPECT_FALSE(signal.contains("child_pid"));
}

TEST(AuditLine, IsOneLineOfAsciiWhateverTheStringsHold) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string text = compose(spawn({all, R"(,"hash":")", "\xe2\x80\xa8", "\xff\n"}));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_TRUE(
      std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= ' ' && c < 127; }));
  EXPECT_EQ(Json::parse(text)["argv"][1], R"(,"hash":")");
  EXPECT_EQ(flaw_of(text.substr(0, text.size() - 1)), std::nullopt);
}

TEST(AuditLine, SaysWhichChainItEnds) {
  const auto first = compose_audit_line(boot(), kTime, ChainEnd{});
  const auto second = compose_audit_line(spawn(), kTime, first.end);
  EXPECT_EQ(first.end.seq, 1U);
  EXPECT_EQ(second.end.seq, 2U);
  EXPECT_EQ(Json::parse(second.text)["prev"], first.end.hash);
  EXPECT_EQ(Json::parse(second.text)["hash"], second.end.hash);
}

TEST(AuditLine, ThatIsNoRecordIsRefused) {
  const std::string zeros(64, '0');
  const std::string prev = R"(,"prev":")" + zeros + "\"";
  EXPECT_EQ(flaw_of(""), AuditFlaw::NotJson);
  EXPECT_EQ(flaw_of("{"), AuditFlaw::NotJson);
  EXPECT_EQ(flaw_of("{}"), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of("[1]"), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of(std::string(30'000, '[')), AuditFlaw::NotJson);
  EXPECT_EQ(flaw_of(std::string(30'000, '[') + std::string(30'000, ']')), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of(sealed(R"({"seq":1,"a":1)" + prev)), std::nullopt);
  EXPECT_EQ(flaw_of(sealed(R"({"seq":0,"a":1)" + prev)), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of(sealed(R"({"seq":1.0,"a":1)" + prev)), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of(sealed(R"({"seq":-1,"a":1)" + prev)), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of(sealed(R"({"seq":18446744073709551616,"a":1)" + prev)), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of(sealed(R"({ "seq":1,"a":1)" + prev)), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of(sealed(R"({"seq":1,"a":")" + std::string("\xff\"") + prev)),
            AuditFlaw::NotJson);
}

// The last of two is what most readers of JSON take, and it must be what was verified.
TEST(AuditLine, WithAFieldTwiceIsRefused) {
  const std::string prev = R"(,"prev":")" + std::string(64, '0') + "\"";
  EXPECT_EQ(flaw_of(sealed(R"({"seq":1,"seq":2)" + prev)), AuditFlaw::NotARecord);
}

// Once values were copied while the line was parsed and compared, which nlohmann does recursively.
// With 32,000 nested arrays that took 4 MiB of stack in the release build, and overflowed the stack
// of 8 MiB in a debug build.
TEST(AuditLine, MayBeDeep) {
  const std::string deep = std::string(32'000, '[') + std::string(32'000, ']');
  const std::string prev = R"(,"prev":")" + std::string(64, '0') + "\"";
  EXPECT_EQ(flaw_of(sealed(R"({"seq":1,"seq":)" + deep + prev)), AuditFlaw::NotARecord);
  EXPECT_EQ(flaw_of(sealed(R"({"seq":1,"prev":)" + deep + prev)), std::nullopt);
  EXPECT_EQ(flaw_of(sealed(R"({"seq":1,"a":)" + deep + prev)), std::nullopt);
}

}  // namespace
}  // namespace hb::test
