// Which files are accepted for export, and what happens when they cannot be written.
#include "report/append_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/allocations.hpp"
#include "tests/support/child.hpp"
#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

// No file of this process may grow beyond `bytes`, as if the disk were full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class Append : public ::testing::Test {
 protected:
  AppendFile open() {
    auto file = AppendFile::open(path_, std::nullopt);
    EXPECT_TRUE(file) << file.error().message;
    return std::move(file).value();
  }

  std::string refusal() {
    const auto file = AppendFile::open(path_, std::nullopt);
    return file ? "" : file.error().message;
  }

  std::string text(const std::string& path) {
    std::stringstream all;
    all << std::ifstream(path).rdbuf();
    return all.str();
  }
  std::string text() { return text(path_); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("events.tsv");
};

TEST_F(Append, MakesAFileThatIsPrivate) {
  const mode_t before = ::umask(0);
  open();
  ::umask(before);
  struct stat seen {};
  ASSERT_EQ(::stat(path_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777, 0600U);
}

TEST_F(Append, WritesWhatItWasGivenWhenItIsFlushed) {
  auto file = open();
  file.append("one\n");
  file.append("two\n");
  EXPECT_EQ(text(), "");
  EXPECT_TRUE(file.flush());
  EXPECT_EQ(text(), "one\ntwo\n");
  EXPECT_EQ(file.lines(), 2U);
}

TEST_F(Append, KeepsWhatWasThere) {
  std::ofstream(path_) << "old\n";
  auto file = open();
  file.append("new\n");
  EXPECT_TRUE(file.flush());
  EXPECT_EQ(text(), "old\nnew\n");
}

TEST_F(Append, FollowsNoLink) {
  std::ofstream(directory_.path("victim")) << "precious";
  std::filesystem::create_symlink(directory_.path("victim"), path_);
  EXPECT_NE(refusal().find("symbolic link"), std::string::npos) << refusal();
  EXPECT_EQ(text(directory_.path("victim")), "precious");
}

TEST_F(Append, FollowsNoLinkThatLeadsNowhere) {
  std::filesystem::create_symlink(directory_.path("victim"), path_);
  EXPECT_NE(refusal().find("symbolic link"), std::string::npos) << refusal();
  EXPECT_FALSE(std::filesystem::exists(directory_.path("victim")));
}

TEST_F(Append, RefusesASecondNameOfAFile) {
  std::ofstream(directory_.path("victim")) << "precious";
  std::filesystem::create_hard_link(directory_.path("victim"), path_);
  EXPECT_NE(refusal().find("hard link"), std::string::npos) << refusal();
}

TEST_F(Append, RefusesADirectory) {
  std::filesystem::create_directory(path_);
  EXPECT_NE(refusal().find("directory"), std::string::npos) << refusal();
}

// And does not block on a reader.
TEST_F(Append, RefusesAPipe) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_NE(refusal().find("no regular file"), std::string::npos) << refusal();
  const Fd reader(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_NE(refusal().find("no regular file"), std::string::npos) << refusal();
}

TEST_F(Append, RefusesAMissingDirectory) {
  const auto file = AppendFile::open(directory_.path("no/events.tsv"), std::nullopt);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("directory must exist"), std::string::npos);
}

TEST_F(Append, RefusesAnotherUsersFile) {
  HB_NEEDS_ROOT();
  std::ofstream(path_) << "theirs";
  ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
  EXPECT_NE(refusal().find("another user (65534)"), std::string::npos) << refusal();
  EXPECT_TRUE(AppendFile::open(path_, 65534)) << "run_as_uid may own it";
}

TEST_F(Append, ChownsANewFileToRunAsUid) {
  HB_NEEDS_ROOT();
  ASSERT_TRUE(AppendFile::open(path_, 65534));
  struct stat seen {};
  ASSERT_EQ(::stat(path_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_uid, 65534U);
}

TEST_F(Append, FollowsTheNameWhenItIsOpenedAgain) {
  auto file = open();
  file.append("one\n");
  std::filesystem::rename(path_, path_ + ".1");
  EXPECT_TRUE(file.reopen());
  file.append("two\n");
  EXPECT_TRUE(file.flush());
  EXPECT_EQ(text(path_ + ".1"), "one\n");
  EXPECT_EQ(text(), "two\n");
}

TEST_F(Append, StaysWithTheOldFileWhenTheNewOneIsRefused) {
  auto file = open();
  std::filesystem::rename(path_, path_ + ".1");
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(file.reopen());
  file.append("one\n");
  EXPECT_TRUE(file.flush());
  EXPECT_EQ(text(path_ + ".1"), "one\n");
}

TEST_F(Append, CutsALineThatOnlyFitsInPart) {
  auto file = open();
  const FileSizeLimit limit(10);
  file.append("12345\n");
  file.append("67890\n");
  EXPECT_FALSE(file.flush());
  EXPECT_EQ(text(), "12345\n");
  EXPECT_EQ(file.lines(), 1U);
  EXPECT_TRUE(file.has_pending());
}

TEST_F(Append, WritesOnWhenThereIsRoomAgain) {
  auto file = open();
  {
    const FileSizeLimit limit(10);
    file.append("12345\n");
    file.append("67890\n");
    EXPECT_FALSE(file.flush());
    EXPECT_FALSE(file.flush());
  }
  file.append("abcde\n");
  EXPECT_TRUE(file.flush());
  EXPECT_EQ(text(), "12345\n67890\nabcde\n");
  EXPECT_EQ(file.lines(), 3U);
  EXPECT_EQ(file.lost(), 0U);
}

TEST_F(Append, CutsNobodyElsesBytes) {
  auto file = open();
  file.append("1\n");
  EXPECT_TRUE(file.flush());
  std::ofstream(path_, std::ios::app) << "other\n";
  const FileSizeLimit limit(8);
  file.append("12345\n");
  EXPECT_FALSE(file.flush());
  EXPECT_EQ(text(), "1\nother\n");
}

TEST_F(Append, CountsWhatTheBufferCannotHold) {
  auto file = open();
  const FileSizeLimit limit(0);
  const std::string line = std::string(1023, 'x') + "\n";
  for (std::size_t i = 0; i < AppendFile::kBufferBytes / 1024; ++i) file.append(line);
  EXPECT_FALSE(file.has_room(1));
  file.append(line);
  file.append(line);
  EXPECT_EQ(file.lost(), 2U);
  file.end();
  EXPECT_EQ(file.lost(), 2U + AppendFile::kBufferBytes / 1024);
  EXPECT_EQ(file.lines(), 0U);
}

TEST_F(Append, CarriesWhatTheOldFileDidNotTakeIntoTheNewOne) {
  auto file = open();
  {
    const FileSizeLimit limit(10);
    file.append("12345\n");
    file.append("67890\n");
    EXPECT_FALSE(file.flush());
  }
  std::filesystem::rename(path_, path_ + ".1");
  {
    const FileSizeLimit limit(6);
    EXPECT_TRUE(file.reopen());
    EXPECT_TRUE(file.flush());
  }
  EXPECT_EQ(text(path_ + ".1"), "12345\n");
  EXPECT_EQ(text(), "67890\n");
  EXPECT_EQ(file.lost(), 0U);
}

TEST_F(Append, AllocatesNothing) {
  auto file = open();
  const std::size_t before = allocations();
  for (int i = 0; i < 100; ++i) {
    file.append("a line\n");
    if (!file.flush()) break;
  }
  EXPECT_EQ(allocations(), before);
  EXPECT_EQ(file.lines(), 100U);
}

}  // namespace
}  // namespace hb::test
