// Others truncate, rename or remove the file while it is open: the chain goes on, and says so.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/audit/audit_fixture.hpp"

namespace hb::test {
namespace {

using Json = nlohmann::json;

class Break : public AuditTest {
 protected:
  void SetUp() override {
    log_ = open();
    append(*log_, 3);
  }

  void copy() const { std::filesystem::copy_file(path(), path(".1")); }
  void truncate(std::uint64_t bytes = 0) const { std::filesystem::resize_file(path(), bytes); }
  void move() const { std::filesystem::rename(path(), path(".1")); }

  [[nodiscard]] std::vector<std::string> lines() const { return lines_of(read_file(path())); }
  [[nodiscard]] Json line(std::size_t number) const { return Json::parse(lines().at(number)); }

  void expect_resumed(AuditBreak cause) const {
    EXPECT_EQ(log_->resumed()[cause], 1U);
    EXPECT_EQ(log_->resumed().sum(), 1U);
    EXPECT_EQ(log_->take_notes().size(), 1U);
  }
  void expect_one_chain() const { EXPECT_EQ(flaw_in({path(".1"), path()}), std::nullopt); }

  void expect_refused() const {
    EXPECT_FALSE(log_->append(spawn()));
    EXPECT_FALSE(log_->append(spawn()));
    EXPECT_EQ(log_->resumed().sum(), 0U);
  }

  Log log_;
};

// Once no record was written after copytruncate, until the observer was started anew.
TEST_F(Break, CopytruncateIsSurvivedAndSaid) {
  const ChainEnd before = log_->end();
  copy();
  truncate();
  append(*log_);
  ASSERT_EQ(lines().size(), 2U);
  const Json first = line(0);
  EXPECT_EQ(first["kind"], "resumed");
  EXPECT_EQ(first["reason"], "truncated");
  EXPECT_EQ(first["written_bytes"], std::filesystem::file_size(path(".1")));
  EXPECT_EQ(first["found_bytes"], 0);
  EXPECT_EQ(first["seq"], before.seq + 1);
  EXPECT_EQ(first["prev"], before.hash);
  expect_good();
  expect_one_chain();
  expect_resumed(AuditBreak::Truncated);
}

TEST_F(Break, IsNoticedWithoutARecordToWrite) {
  copy();
  truncate();
  ASSERT_TRUE(log_->check());
  EXPECT_EQ(lines().size(), 1U);
  ASSERT_TRUE(log_->check());
  EXPECT_EQ(lines().size(), 1U);
  expect_one_chain();
}

TEST_F(Break, OfNothingIsNone) {
  ASSERT_TRUE(log_->check());
  append(*log_);
  EXPECT_EQ(lines().size(), 4U);
  EXPECT_EQ(log_->resumed().sum(), 0U);
}

TEST_F(Break, AgainAndAgainIsOneChain) {
  std::vector<std::string> files;
  for (int round = 0; round < 5; ++round) {
    files.push_back(path("-" + std::to_string(round)));
    std::filesystem::copy_file(path(), files.back());
    truncate();
    append(*log_);
  }
  files.push_back(path());
  EXPECT_EQ(flaw_in(files), std::nullopt);
  EXPECT_EQ(log_->resumed()[AuditBreak::Truncated], 5U);
}

TEST_F(Break, ARecordBetweenCopyAndTruncateIsMissed) {
  copy();
  append(*log_);
  truncate();
  append(*log_);
  expect_good();
  EXPECT_EQ(flaw_in({path(".1"), path()}), AuditFlaw::RecordMissing);
}

TEST_F(Break, TruncationToWholeRecordsLeavesAGapThatIsExplained) {
  const auto whole = lines();
  truncate(whole[0].size());
  append(*log_);
  ASSERT_EQ(lines().size(), 3U);
  EXPECT_EQ(line(1)["found_bytes"], whole[0].size());
  const auto finding = AuditVerifier().check_file(path());
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->flaw, AuditFlaw::RecordMissing);
  EXPECT_EQ(finding->what, "records were lost when the file was truncated: seq 4 follows 1");
}

TEST_F(Break, TruncationInsideARecordMovesItsRestAway) {
  truncate(lines()[0].size() + 10);
  append(*log_);
  ASSERT_EQ(lines().size(), 3U);
  EXPECT_EQ(line(1)["kind"], "resumed");
  EXPECT_EQ(log_->take_notes().size(), 2U);
}

TEST_F(Break, AShorterFileOfSomethingElseIsRefused) {
  for (const char* text : {"hello\n", "{}\n"}) {
    truncate();
    std::ofstream(path(), std::ios::app) << text;
    expect_refused();
    EXPECT_EQ(read_file(path()), text);
  }
  truncate();
  append(*log_);
  expect_good();
}

TEST_F(Break, AShorterFileThatEndsLaterIsRefused) {
  const std::string later = compose_audit_line(boot(), {}, {9, std::string(64, 'a')}).text;
  truncate();
  std::ofstream(path(), std::ios::app) << later;
  expect_refused();
  EXPECT_EQ(read_file(path()), later);
}

TEST_F(Break, ARemovedFileIsMadeAnew) {
  std::filesystem::rename(path(), path("-gone"));
  std::filesystem::copy_file(path("-gone"), path(".1"));
  std::filesystem::remove(path("-gone"));
  ASSERT_TRUE(log_->check());
  EXPECT_EQ(line(0)["reason"], "replaced");
  expect_one_chain();
  struct stat seen {};
  ASSERT_EQ(::stat(path().c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0600U);
  EXPECT_EQ(log_->resumed()[AuditBreak::Replaced], 1U);
}

TEST_F(Break, AMovedFileIsLeftBeforeTheNextRecord) {
  move();
  append(*log_);
  EXPECT_EQ(line(0)["reason"], "replaced");
  EXPECT_EQ(lines().size(), 2U);
  expect_one_chain();
  expect_resumed(AuditBreak::Replaced);
}

// It has all its records, and SIGHUP may be on its way.
TEST_F(Break, AMovedFileIsKeptUntilThen) {
  move();
  ASSERT_TRUE(log_->check());
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_TRUE(log_->reopen());
  append(*log_);
  EXPECT_EQ(lines().size(), 1U);
  expect_one_chain();
  EXPECT_EQ(log_->resumed().sum(), 0U);
}

TEST_F(Break, SighupNoticesTruncationToo) {
  copy();
  truncate();
  ASSERT_TRUE(log_->reopen());
  EXPECT_EQ(lines().size(), 1U);
  expect_one_chain();
}

TEST_F(Break, SighupSaysThatTheMovedFileHadBeenTruncated) {
  copy();
  truncate();
  std::filesystem::rename(path(), path("-old"));
  ASSERT_TRUE(log_->reopen());
  EXPECT_EQ(line(0)["kind"], "resumed");
  expect_one_chain();
}

TEST_F(Break, ARemovedDirectoryIsFoundWhenItIsThereAgain) {
  const AuditConfig config{.path = directory_.path("sub/audit.jsonl"), .max_bytes = 0};
  std::filesystem::create_directory(directory_.path("sub"));
  log_ = open(config);
  append(*log_);
  std::filesystem::remove_all(directory_.path("sub"));
  expect_refused();
  std::filesystem::create_directory(directory_.path("sub"));
  append(*log_);
  EXPECT_EQ(flaw_in({config.path}), std::nullopt);
}

// What may be somebody else's is not written to, and no record goes to where nobody looks for it.
TEST_F(Break, AReplacementThatIsNotOursIsRefusedAndTriedAgain) {
  move();
  const auto refuse_it = [this] {
    expect_refused();
    std::filesystem::remove_all(path());
  };
  std::filesystem::create_symlink(path(".1"), path());
  refuse_it();
  std::filesystem::create_directory(path());
  refuse_it();
  write_file(path(), "root:x:0:0\n");
  refuse_it();
  write_file(path(), "");
  std::filesystem::permissions(path(), std::filesystem::perms{0644});
  refuse_it();
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  refuse_it();
  append(*log_);
  expect_one_chain();
  expect_resumed(AuditBreak::Replaced);
}

TEST_F(Break, IsFollowedBeforeRotation) {
  log_.reset();
  log_ = open({.path = path(), .max_bytes = AuditConfig::kMinMaxBytes, .keep = 5});
  std::filesystem::copy_file(path(), path("-copy"));
  truncate();
  append(*log_, 20);
  EXPECT_EQ(flaw_in({path("-copy"), path(".2"), path(".1"), path()}), std::nullopt);
}

TEST_F(Break, IsFollowedAfterARestart) {
  copy();
  truncate();
  append(*log_);
  log_.reset();
  log_ = open();
  append(*log_);
  EXPECT_EQ(lines().size(), 3U);
  expect_one_chain();
}

// A crash before the first record, or in the middle of it.
TEST_F(Break, CutShortByACrashGoesOnWithTheCopy) {
  copy();
  truncate();
  ASSERT_TRUE(log_->check());
  const std::string resumed = read_file(path());
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, resumed.size() - 1}) {
    log_.reset();
    write_file(path(), resumed.substr(0, length));
    log_ = open();
    EXPECT_EQ(log_->end().seq, 3U);
    append(*log_);
    expect_one_chain();
  }
}

TEST_F(Break, CutShortByACrashBeginsAnewWithoutACopy) {
  truncate();
  log_.reset();
  log_ = open();
  append(*log_);
  EXPECT_EQ(line(0)["seq"], 1);
  expect_good();
}

TEST_F(Break, ThatNoRecordTellsOfIsRefused) {
  auto all = lines();
  all.erase(all.begin() + 1);
  write_file(path(), joined(all));
  EXPECT_EQ(flaw_in({path()}), AuditFlaw::RecordMissing);
}

TEST_F(Break, IsNotForgedByTheReasonOfARecord) {
  AuditRecord record = boot();
  record.reason = R"(truncated","kind":"resumed)";
  const auto line = compose_audit_line(record, {}, ChainEnd{}).text;
  const auto parsed = parse_audit_line(line.substr(0, line.size() - 1));
  EXPECT_FALSE(std::get<ParsedLine>(parsed).resumed_after);
}

}  // namespace
}  // namespace hb::test
