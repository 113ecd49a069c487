// hb-ebpf audit verify: its output and exit codes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/audit/audit_fixture.hpp"

namespace hb::test {
namespace {

class Command : public AuditTest {
 protected:
  void SetUp() override {
    write_log(2);
    last_ = open()->end().hash;
  }

  static Outcome verify(const Argv& arguments) {
    Argv all{"audit", "verify"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_to_end(all);
  }

  static void expect_says(const Outcome& outcome, int code, const std::string& what) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_NE((outcome.out + outcome.err).find(what), std::string::npos)
        << outcome.out << outcome.err;
  }

  std::string last_;
};

TEST_F(Command, OfAGoodLogGivesTheAnchor) {
  EXPECT_EQ(verify({path()}).out, "good: 3 record(s), seq 1 to 3\nlast hash: " + last_ + "\n");
  EXPECT_EQ(verify({path()}).code, 0);
}

TEST_F(Command, AsJson) {
  const Outcome outcome = verify({"--format", "json", path()});
  const auto said = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(said, nlohmann::json::parse(
                      R"({"ok":true,"records":3,"first_seq":1,"last_seq":3,"error":null,)"
                      R"("last_hash":")" +
                      last_ + R"(","resumed":[]})"));
  EXPECT_EQ(outcome.code, 0);
}

TEST_F(Command, NamesTheFirstBadLine) {
  auto lines = lines_of(read_file(path()));
  const auto missing = std::vector<std::string>{lines[0], lines[2]};
  write_file(path(), joined(missing));
  expect_says(verify({path()}), 1,
              path() +
                  ":2: a record is missing before this: seq 3 follows 1\n"
                  "good before that: 1 record(s), seq 1 to 1\n");
  lines[1][20] ^= 1;
  write_file(path(), joined(lines));
  expect_says(verify({path()}), 1, path() + ":2: hash does not match");
  write_file(path(), lines[0] + "hello\n");
  expect_says(verify({path()}), 1, path() + ":2: not JSON");
  write_file(path(), lines[0] + "{");
  expect_says(verify({path()}), 1, path() + ":2: the file ends in the middle of a record");
  write_file(path(), "");
  expect_says(verify({path()}), 1, path() + ": there are no records");
}

TEST_F(Command, NamesItInJsonToo) {
  const auto lines = lines_of(read_file(path()));
  write_file(path(), lines[0] + lines[0]);
  const Outcome outcome = verify({"--format", "json", path()});
  const auto said = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(said["ok"], false);
  EXPECT_EQ(said["error"]["flaw"], "record_repeated");
  EXPECT_EQ(said["error"]["line"], 2);
  EXPECT_EQ(said["error"]["file"], path());
  EXPECT_EQ(outcome.code, 1);
}

TEST_F(Command, ComparesWithAnAnchor) {
  EXPECT_EQ(verify({"--expect-last", last_, path()}).code, 0);
  expect_says(verify({"--expect-last", std::string(64, 'a'), path()}), 1,
              "no record has the expected last hash");
  write_log(0);
  expect_says(verify({"--expect-last", last_, path()}), 1,
              "the expected last hash is that of seq 3, and the log continues to seq 4");
}

TEST_F(Command, SaysWhereALogBeginsThatIsNotTheFirst) {
  const auto lines = lines_of(read_file(path()));
  write_file(path(), lines[1] + lines[2]);
  expect_says(verify({path()}), 0, "note: begins at seq 2");
}

TEST_F(Command, ExplainsAFileThatWasTruncated) {
  const auto log = open();
  std::filesystem::copy_file(path(), path(".1"));
  std::filesystem::resize_file(path(), 0);
  append(*log);
  expect_says(
      verify({path()}), 0,
      "note: seq 4: the file was truncated by another process after seq 3; records before it "
      "are in a copy, or lost");
  expect_says(verify({path(".1"), path()}), 0, "after seq 3; none was lost");
  const auto said = nlohmann::json::parse(verify({"--format", "json", path()}).out);
  EXPECT_EQ(said["resumed"], nlohmann::json::parse(R"([{"seq":4,"reason":"truncated"}])"));
}

TEST_F(Command, SaysWhichRecordsACopyHasNot) {
  const auto log = open();
  std::filesystem::copy_file(path(), path(".1"));
  append(*log);
  std::filesystem::resize_file(path(), 0);
  append(*log);
  expect_says(verify({path(".1"), path()}), 1,
              path() + ":1: records were lost when the file was truncated: seq 5 follows 3");
}

TEST_F(Command, ReadsSeveralFilesAsOneChain) {
  const auto lines = lines_of(read_file(path()));
  write_file(path(".1"), lines[0]);
  write_file(path(), lines[1] + lines[2]);
  EXPECT_EQ(verify({path(".1"), path()}).code, 0);
  expect_says(verify({path(), path(".1")}), 1, "oldest file first");
}

TEST_F(Command, CannotReadWhatIsNotThere) {
  expect_says(verify({directory_.path("none")}), 1, "No such file");
  expect_says(verify({"/"}), 1, "not a regular file");
}

TEST_F(Command, RefusesMistakes) {
  expect_says(verify({}), 2, "FILE");
  expect_says(verify({"--expect-last", "abc", path()}), 2, "--expect-last");
  expect_says(verify({"--format", "xml", path()}), 2, "--format");
  expect_says(run_to_end({"audit"}), 2, "subcommand");
  expect_says(run_to_end({"run", "--recovery-audit-file", ""}), 2, "--recovery-audit-file");
  expect_says(run_to_end({"run", "--recovery-audit-file", path(), "--audit-max-bytes", "4095"}), 2,
              "--audit-max-bytes: '4095' is neither 0");
  expect_says(run_to_end({"run", "--recovery-audit-file", path(), "--audit-keep", "0"}), 2,
              "--audit-keep");
  expect_says(run_to_end({"run", "--audit-keep", "3"}), 2, "--recovery-audit-file");
}

TEST_F(Command, HelpSaysWhatIsNotProven) {
  expect_says(verify({"--help"}), 0, "the chain has no key");
}

// Verifies a hash with sed and sha256sum alone.
TEST_F(Command, IsNotNeededToVerifyAHash) {
  Process shell({"/bin/sh", "-c",
                 R"(sed -n 3p "$0" | sed 's/,"hash":"[0-9a-f]*"}$//' | tr -d '\n' | sha256sum)",
                 path()});
  EXPECT_EQ(shell.next_line().value_or("").substr(0, 64), last_);
}

}  // namespace
}  // namespace hb::test
