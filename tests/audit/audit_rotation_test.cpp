#include <gtest/gtest.h>

#include "tests/audit/audit_fixture.hpp"

namespace hb::test {
namespace {

class Rotation : public AuditTest {
 protected:
  [[nodiscard]] AuditConfig small(unsigned keep = 5) const {
    return {.path = path(), .max_bytes = AuditConfig::kMinMaxBytes, .keep = keep};
  }

  [[nodiscard]] bool exists(const std::string& suffix) const {
    return std::filesystem::exists(path(suffix));
  }

  // Appends until PATH.`number` is there.
  void rotate_until(AuditLog& log, int number) const {
    for (int i = 0; i < 1000 && !exists("." + std::to_string(number)); ++i) append(log);
    EXPECT_TRUE(exists("." + std::to_string(number)));
  }

  [[nodiscard]] std::uint64_t size_of(const std::string& suffix) const {
    return std::filesystem::file_size(path(suffix));
  }
};

TEST_F(Rotation, KeepsOneChainOverFiveFiles) {
  const auto log = open(small());
  rotate_until(*log, 4);
  EXPECT_EQ(flaw_in({path(".4"), path(".3"), path(".2"), path(".1"), path()}), std::nullopt);
  EXPECT_TRUE(log->take_notes().empty());
  AuditVerifier all;
  for (const char* suffix : {".4", ".3", ".2", ".1", ""}) {
    EXPECT_FALSE(all.check_file(path(suffix)));
    EXPECT_LE(size_of(suffix), AuditConfig::kMinMaxBytes);
  }
  EXPECT_EQ(all.first_seq(), 1U);
  EXPECT_EQ(all.end(), log->end());
}

TEST_F(Rotation, LeavesNothingElseBehind) {
  const auto log = open(small());
  rotate_until(*log, 2);
  const std::filesystem::directory_iterator files(directory_.path(""));
  EXPECT_EQ(std::distance(begin(files), end(files)), 3);
}

TEST_F(Rotation, KeepsAsManyFilesAsItIsTold) {
  const auto log = open(small(2));
  rotate_until(*log, 2);
  append(*log, 50);
  EXPECT_FALSE(exists(".3"));
  EXPECT_EQ(flaw_in({path(".2"), path(".1"), path()}), std::nullopt);
}

TEST_F(Rotation, NeverHappensWhenTheSizeIsNone) {
  const auto log = open();
  append(*log, 50);
  EXPECT_GT(size_of(""), AuditConfig::kMinMaxBytes);
  EXPECT_FALSE(exists(".1"));
}

TEST_F(Rotation, ALongRecordHasAFileOfItsOwn) {
  const auto log = open(small());
  append(*log);
  EXPECT_TRUE(log->append(spawn({std::string(9000, 'x')})));
  append(*log);
  EXPECT_EQ(flaw_in({path(".2"), path(".1"), path()}), std::nullopt);
  EXPECT_GT(size_of(".1"), 9000U);
}

TEST_F(Rotation, GoesOnAfterARestart) {
  { rotate_until(*open(small()), 1); }
  { rotate_until(*open(small()), 2); }
  EXPECT_EQ(flaw_in({path(".2"), path(".1"), path()}), std::nullopt);
}

// A crash between the two renames, or before the first record of the new file.
TEST_F(Rotation, CutShortGoesOnWithTheRotatedChain) {
  for (const bool empty : {false, true}) {
    write_log(2);
    std::filesystem::rename(path(), path(".1"));
    if (empty) write_file(path(), "");
    if (!empty) write_file(path(".next"), "");
    {
      const auto log = open();
      EXPECT_EQ(log->end().seq, 3U);
      append(*log);
    }
    EXPECT_EQ(flaw_in({path(".1"), path()}), std::nullopt);
    std::filesystem::remove(path());
    std::filesystem::remove(path(".1"));
  }
}

TEST_F(Rotation, AChangedRotatedFileIsNotContinued) {
  write_log(2);
  std::string bytes = read_file(path());
  std::filesystem::remove(path());
  write_file(path(".1"), bytes.substr(0, bytes.size() - 10));
  EXPECT_NE(refusal().find("middle of a record"), std::string::npos) << refusal();
  bytes[bytes.size() - 10] ^= 1;
  write_file(path(".1"), bytes);
  EXPECT_NE(refusal().find("audit verify"), std::string::npos) << refusal();
}

TEST_F(Rotation, ThatCannotBeLosesNoRecordAndSaysSoOnce) {
  const auto log = open(small(1));
  std::filesystem::create_directories(path(".1"));
  append(*log, 60);
  EXPECT_EQ(log->take_notes().size(), 1U);
  expect_good();
  std::filesystem::remove(path(".1"));
  append(*log);
  EXPECT_TRUE(log->take_notes().empty());
  EXPECT_EQ(flaw_in({path(".1"), path()}), std::nullopt);
}

TEST_F(Rotation, ThatFailsRepeatedlyRemovesNoOldFile) {
  const auto log = open(small(3));
  rotate_until(*log, 3);
  const std::string oldest = read_file(path(".3"));
  write_file(path(".next"), "in the way");
  append(*log, 60);
  EXPECT_EQ(read_file(path(".3")), oldest);
  EXPECT_EQ(log->take_notes().size(), 1U);
  EXPECT_EQ(flaw_in({path(".3"), path(".2"), path(".1"), path()}), std::nullopt);
}

TEST_F(Rotation, ByOthersIsFollowedOnReopen) {
  const auto log = open();
  append(*log, 2);
  std::filesystem::rename(path(), path("-old"));
  ASSERT_TRUE(log->reopen());
  append(*log);
  EXPECT_EQ(flaw_in({path("-old"), path()}), std::nullopt);
  EXPECT_EQ(lines_of(read_file(path())).size(), 1U);
  EXPECT_EQ(log->end().seq, 3U);
  EXPECT_EQ(log->resumed().sum(), 0U);
}

TEST_F(Rotation, ReopenWithoutRotationDoesNothing) {
  const auto log = open();
  append(*log);
  ASSERT_TRUE(log->reopen());
  append(*log);
  expect_good();
}

TEST_F(Rotation, ALogOfAnotherChainIsNotContinued) {
  const auto log = open();
  append(*log);
  std::filesystem::rename(path(), path("-old"));
  write_log(1);
  EXPECT_FALSE(log->reopen());
  EXPECT_FALSE(log->append(spawn()));
  expect_good();
  EXPECT_EQ(lines_of(read_file(path())).size(), 2U);
  std::filesystem::rename(path(), path("-other"));
  append(*log);
  EXPECT_EQ(flaw_in({path("-old"), path()}), std::nullopt);
}

TEST_F(Rotation, GoesOnInAFileThatTookThePlaceOfAMovedOne) {
  const auto log = open(small());
  append(*log);
  std::filesystem::rename(path(), path("-old"));
  append(*log, 20);
  EXPECT_EQ(log->take_notes().size(), 1U);
  EXPECT_EQ(lines_of(read_file(path("-old"))).size(), 1U);
  EXPECT_EQ(flaw_in({path("-old"), path(".2"), path(".1"), path()}), std::nullopt);
}

}  // namespace
}  // namespace hb::test
