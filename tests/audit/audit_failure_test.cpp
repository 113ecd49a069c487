// Disk failures. fdatasync(2) and ftruncate(2) are replaced, and fail when a test says so.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "tests/audit/audit_fixture.hpp"

namespace {

int g_sync_error = 0;      // NOLINT(*-non-const-global-variables)
int g_truncate_error = 0;  // NOLINT(*-non-const-global-variables)
off_t g_synced_bytes = 0;  // NOLINT(*-non-const-global-variables): how long the file was then

}  // namespace

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc names it __fildes
extern "C" int fdatasync(int fd) {
  struct stat seen {};
  ::fstat(fd, &seen);
  if (g_sync_error != 0) {
    errno = g_sync_error;
    return -1;
  }
  g_synced_bytes = seen.st_size;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int ftruncate(int fd, off_t length) noexcept {
  if (g_truncate_error != 0) {
    errno = g_truncate_error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_ftruncate, fd, length));
}

namespace hb::test {
namespace {

// Files cannot grow past this, as if the disk were full.
class FullDisk {
 public:
  explicit FullDisk(std::uint64_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class Failure : public AuditTest {
 protected:
  void SetUp() override {
    log_ = open();
    append(*log_);
    before_ = read_file(path());
  }
  void TearDown() override { g_sync_error = g_truncate_error = 0; }

  // It fails, and fails again.
  void expect_failure() const {
    const ChainEnd end = log_->end();
    EXPECT_FALSE(log_->append(spawn()));
    EXPECT_FALSE(log_->append(spawn()));
    EXPECT_EQ(log_->end(), end);
  }

  void expect_recovered(std::uint64_t last_seq = 3) const {
    append(*log_, 2);
    expect_good();
    EXPECT_EQ(log_->end().seq, last_seq);
    EXPECT_EQ(lines_of(read_file(path())).size(), 3U);
  }

  Log log_;
  std::string before_;
};

TEST_F(Failure, ARecordIsOnDiskWhenAppendReturns) {
  for (int i = 0; i < 3; ++i) {
    append(*log_);
    EXPECT_EQ(static_cast<std::size_t>(g_synced_bytes), read_file(path()).size());
  }
}

TEST_F(Failure, FullDiskLeavesNoPartialRecord) {
  for (const std::uint64_t room : {0U, 1U, 100U, 300U}) {
    const FullDisk full(before_.size() + room);
    expect_failure();
    EXPECT_EQ(read_file(path()), before_);
  }
  expect_recovered();
}

TEST_F(Failure, FailedFdatasyncLeavesNoRecord) {
  g_sync_error = EIO;
  expect_failure();
  EXPECT_EQ(read_file(path()), before_);
  g_sync_error = 0;
  expect_recovered();
}

TEST_F(Failure, FailedTruncateIsRepeatedByTheNextAppend) {
  {
    const FullDisk full(before_.size() + 100);
    g_truncate_error = EPERM;
    expect_failure();
    EXPECT_EQ(read_file(path()).size(), before_.size() + 100);
  }
  expect_failure();
  g_truncate_error = 0;
  expect_recovered();
}

TEST_F(Failure, ToSayThatTheFileWasTruncatedIsTriedAgain) {
  std::filesystem::resize_file(path(), 0);
  g_sync_error = EIO;
  expect_failure();
  EXPECT_FALSE(log_->check());
  EXPECT_EQ(read_file(path()), "");
  g_sync_error = 0;
  expect_recovered(4);
  EXPECT_EQ(log_->resumed()[AuditBreak::Truncated], 1U);
}

// ftruncate(2) to the length before the partial record would have filled the file with zeros.
TEST_F(Failure, ATornFileThatIsTruncatedIsNotMadeLongerAgain) {
  {
    const FullDisk full(before_.size() + 100);
    g_truncate_error = EPERM;
    expect_failure();
  }
  g_truncate_error = 0;
  std::filesystem::resize_file(path(), 0);
  append(*log_);
  expect_good();
  EXPECT_EQ(lines_of(read_file(path())).size(), 2U);
}

TEST_F(Failure, FailedTruncateIsRepairedOnRestart) {
  {
    const FullDisk full(before_.size() + 100);
    g_truncate_error = EPERM;
    expect_failure();
  }
  g_truncate_error = 0;
  log_.reset();
  EXPECT_EQ(flaw_in({path()}), AuditFlaw::Torn);
  log_ = open();
  EXPECT_EQ(log_->take_notes().size(), 1U);
  expect_recovered();
}

TEST_F(Failure, FailedTruncatePreventsRotation) {
  log_.reset();
  log_ = open({.path = path(), .max_bytes = AuditConfig::kMinMaxBytes});
  append(*log_, 4);
  const FullDisk full(read_file(path()).size() + 100);
  g_truncate_error = EPERM;
  EXPECT_FALSE(log_->append(spawn()));
  EXPECT_FALSE(log_->append(spawn({std::string(3000, 'x')})));
  EXPECT_FALSE(std::filesystem::exists(path(".1")));
}

TEST_F(Failure, FailureToMoveATornEndLeavesItInTheLog) {
  log_.reset();
  write_file(path(), before_ + "{\"seq\":2");
  {
    const FullDisk full(4);
    EXPECT_NE(refusal().find("torn end"), std::string::npos) << refusal();
  }
  EXPECT_EQ(read_file(path()), before_ + "{\"seq\":2");
}

}  // namespace
}  // namespace hb::test
