// With a disk that is full, and with other users' files: root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/audit/audit_fixture.hpp"
#include "tests/support/child.hpp"

namespace hb::test {
namespace {

class Disk : public AuditTest {};

// Mounted where only this process sees it.
class SmallDisk : public AuditTest {
 protected:
  void SetUp() override {
    const std::string place = directory_.path("");
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("none", place.c_str(), "tmpfs", 0, "size=64k,mode=0700"), 0);
  }
  void TearDown() override { ::umount2(directory_.path("").c_str(), MNT_DETACH); }

  // Whatever room is left.
  void fill() const {
    const Fd ballast(::open(path("-ballast").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string page(4096, 'x');
    while (::write(ballast.get(), page.data(), page.size()) > 0) {
    }
  }
  void make_room() const { std::filesystem::remove(path("-ballast")); }
};

TEST_F(SmallDisk, ThatIsFullTakesNoRecordAndLaterGoesOn) {
  const auto log = open();
  append(*log, 2);
  fill();
  Result<> appended = ok();
  int written = 0;
  while ((appended = log->append(spawn())) && written < 1000) ++written;
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, ENOSPC);
  EXPECT_FALSE(log->append(spawn()));
  expect_good();
  make_room();
  append(*log, 3);
  expect_good();
  EXPECT_EQ(log->end().seq, static_cast<std::uint64_t>(written + 5));
}

TEST_F(SmallDisk, ThatIsFullIsStillRotated) {
  const auto log = open({.path = path(), .max_bytes = AuditConfig::kMinMaxBytes, .keep = 5});
  fill();
  while (log->append(spawn())) {
  }
  make_room();
  append(*log, 20);
  EXPECT_EQ(flaw_in({path(".2"), path(".1"), path()}), std::nullopt);
}

TEST_F(Disk, AFileOfAnotherUserIsRefused) {
  write_log(0);
  ASSERT_EQ(::chown(path().c_str(), 65534, 65534), 0);
  EXPECT_NE(refusal().find("belongs to user 65534"), std::string::npos) << refusal();
}

// The file was root's when it was opened; the directory is not the new user's.
TEST_F(Disk, GoesOnWithoutPrivilegesAndSaysWhenItCannotRotate) {
  Child child = Child::run([this] {
    const auto log = open({.path = path(), .max_bytes = AuditConfig::kMinMaxBytes, .keep = 5});
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    for (int i = 0; i < 40; ++i) {
      if (!log->append(spawn())) ::_exit(3);
    }
    ::_exit(log->take_notes().size() == 1 ? 0 : 4);
  });
  EXPECT_EQ(child.wait(), 0);
  expect_good();
}

TEST_F(Disk, RotatesWithoutPrivilegesInADirectoryOfItsOwn) {
  ASSERT_EQ(::chown(directory_.path("").c_str(), 65534, 65534), 0);
  Child child = Child::run([this] {
    const auto log = open({.path = path(), .max_bytes = AuditConfig::kMinMaxBytes, .keep = 5});
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    for (int i = 0; i < 15; ++i) {
      if (!log->append(spawn())) ::_exit(3);
    }
    ::_exit(log->take_notes().empty() ? 0 : 4);
  });
  EXPECT_EQ(child.wait(), 0);
  AuditVerifier rotated;
  EXPECT_FALSE(rotated.check_file(path(".1")));
  EXPECT_FALSE(rotated.check_file(path()));
  EXPECT_EQ(rotated.first_seq(), 1U);
  EXPECT_EQ(rotated.end().seq, 15U);
}

}  // namespace
}  // namespace hb::test
