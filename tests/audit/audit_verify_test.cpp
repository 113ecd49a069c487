// Every change of a log is detected, and nothing else.
#include <gtest/gtest.h>

#include "tests/audit/audit_fixture.hpp"

namespace hb::test {
namespace {

class Verify : public AuditTest {
 protected:
  void SetUp() override {
    write_log(5);
    lines_ = lines_of(read_file(path()));
    ASSERT_EQ(lines_.size(), 6U);
  }

  [[nodiscard]] std::optional<AuditFlaw> flaw_of(const std::string& bytes) const {
    write_file(path(), bytes);
    return flaw_in({path()});
  }
  [[nodiscard]] std::optional<AuditFlaw> flaw_of(const std::vector<std::string>& lines) const {
    return flaw_of(joined(lines));
  }

  std::vector<std::string> lines_;
};

TEST_F(Verify, AGoodLogIsGood) { EXPECT_EQ(flaw_of(lines_), std::nullopt); }

TEST_F(Verify, EveryFlippedBitShows) {
  const std::string good = joined({lines_[0], lines_[1]});
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      EXPECT_NE(flaw_of(bad), std::nullopt) << "byte " << at << ", bit " << bit;
    }
  }
}

TEST_F(Verify, EveryMissingOrAddedByteShows) {
  const std::string good = joined({lines_[0], lines_[1]});
  for (std::size_t at = 0; at < good.size(); ++at) {
    EXPECT_NE(flaw_of(std::string(good).erase(at, 1)), std::nullopt) << at;
    EXPECT_NE(flaw_of(std::string(good).insert(at, 1, '0')), std::nullopt) << at;
    EXPECT_NE(flaw_of(std::string(good).insert(at, 1, '\n')), std::nullopt) << at;
    EXPECT_NE(flaw_of(std::string(good).insert(at, 1, ' ')), std::nullopt) << at;
  }
  EXPECT_NE(flaw_of(good + "\n"), std::nullopt);
  EXPECT_NE(flaw_of(good + " "), std::nullopt);
}

TEST_F(Verify, EveryTruncationShowsButBetweenTwoRecords) {
  const std::string good = joined({lines_[0], lines_[1]});
  const std::string anchor = lines_[1].substr(lines_[1].size() - 67, 64);
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto flaw = flaw_of(good.substr(0, length));
    if (length == 0) {
      EXPECT_EQ(flaw, AuditFlaw::NoRecords);
    } else if (length == lines_[0].size()) {
      EXPECT_EQ(flaw, std::nullopt);  // only an anchor detects a missing end
      AuditVerifier verifier(anchor);
      EXPECT_FALSE(verifier.check_file(path()));
      EXPECT_EQ(verifier.check_end().value().flaw, AuditFlaw::LastHashDiffers);
    } else {
      EXPECT_EQ(flaw, AuditFlaw::Torn) << length;
    }
  }
}

TEST_F(Verify, ADeletedLineShows) {
  for (std::size_t gone = 1; gone + 1 < lines_.size(); ++gone) {
    auto lines = lines_;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(gone));
    EXPECT_EQ(flaw_of(lines), AuditFlaw::RecordMissing) << gone;
  }
}

TEST_F(Verify, ADoubledLineShows) {
  for (std::size_t twice = 0; twice < lines_.size(); ++twice) {
    auto lines = lines_;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(twice), lines_[twice]);
    EXPECT_EQ(flaw_of(lines), AuditFlaw::RecordRepeated) << twice;
  }
}

TEST_F(Verify, SwappedLinesShow) {
  for (std::size_t at = 0; at + 1 < lines_.size(); ++at) {
    auto lines = lines_;
    std::swap(lines[at], lines[at + 1]);
    EXPECT_NE(flaw_of(lines), std::nullopt) << at;
  }
}

// Whole records, each with a right hash: only prev tells.
TEST_F(Verify, AnInsertedRecordShows) {
  const ChainEnd second{2, lines_[1].substr(lines_[1].size() - 67, 64)};
  const auto forged = compose_audit_line(spawn({"/bin/true"}), AuditTime{}, second);
  auto replaced = lines_;
  replaced[2] = forged.text;
  EXPECT_EQ(flaw_of(replaced), AuditFlaw::PrevMismatch);
  auto inserted = lines_;
  inserted.insert(inserted.begin() + 2, forged.text);
  EXPECT_EQ(flaw_of(inserted), AuditFlaw::RecordRepeated);
}

TEST_F(Verify, ALogOfAnotherChainShows) {
  const auto other = compose_audit_line(spawn(), AuditTime{}, ChainEnd{6, std::string(64, 'a')});
  auto lines = lines_;
  lines.push_back(other.text);
  EXPECT_EQ(flaw_of(lines), AuditFlaw::PrevMismatch);
}

TEST_F(Verify, OnlyRecordOneHasAPrevOfZeros) {
  EXPECT_EQ(flaw_of(compose_audit_line(boot(), {}, {1, std::string(64, '0')}).text),
            AuditFlaw::PrevMismatch);
  EXPECT_EQ(flaw_of(compose_audit_line(boot(), {}, {0, std::string(64, 'a')}).text),
            AuditFlaw::PrevMismatch);
}

TEST_F(Verify, ALogWithoutItsBeginningIsGoodAndSaysWhereItBegins) {
  write_file(path(), joined({lines_.begin() + 3, lines_.end()}));
  AuditVerifier verifier;
  EXPECT_FALSE(verifier.check_file(path()));
  EXPECT_FALSE(verifier.check_end());
  EXPECT_EQ(verifier.first_seq(), 4U);
  EXPECT_EQ(verifier.end().seq, 6U);
  EXPECT_EQ(verifier.records(), 3U);
}

TEST_F(Verify, TheFirstBadLineIsNamed) {
  auto lines = lines_;
  lines[3][10] ^= 1;
  write_file(path(), joined(lines));
  const auto finding = AuditVerifier().check_file(path());
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->line, 4U);
  EXPECT_EQ(finding->file, path());
}

TEST_F(Verify, AnEndlessLineEndsTheReading) {
  EXPECT_EQ(flaw_of(std::string(20'000'000, 'x')), AuditFlaw::LineTooLong);
  EXPECT_EQ(flaw_of(std::string(kMaxAuditLine_bytes, 'x')), AuditFlaw::LineTooLong);
  EXPECT_EQ(flaw_of(std::string(kMaxAuditLine_bytes, 'x') + "\n"), AuditFlaw::LineTooLong);
  EXPECT_EQ(flaw_of(std::string(kMaxAuditLine_bytes - 1, 'x') + "\n"), AuditFlaw::NotJson);
}

TEST_F(Verify, WhatIsNoFileIsNotRead) {
  EXPECT_EQ(flaw_in({directory_.path("")}), AuditFlaw::Unreadable);
  EXPECT_EQ(flaw_in({directory_.path("missing")}), AuditFlaw::Unreadable);
  EXPECT_EQ(flaw_in({"/dev/zero"}), AuditFlaw::Unreadable);
}

TEST_F(Verify, SeveralFilesAreOneChainInTheirOrder) {
  write_file(path(".1"), joined({lines_.begin(), lines_.begin() + 3}));
  write_file(path(), joined({lines_.begin() + 3, lines_.end()}));
  EXPECT_EQ(flaw_in({path(".1"), path()}), std::nullopt);
  EXPECT_EQ(flaw_in({path(), path(".1")}), AuditFlaw::OutOfOrder);
  write_file(path(), joined({lines_.begin() + 4, lines_.end()}));
  EXPECT_EQ(flaw_in({path(".1"), path()}), AuditFlaw::RecordMissing);
}

}  // namespace
}  // namespace hb::test
