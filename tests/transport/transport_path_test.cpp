// The socket file: its mode, what it may replace, and its removal.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/child.hpp"
#include "tests/support/needs.hpp"
#include "tests/transport/transport_fixture.hpp"

namespace hb::test {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat seen {};
  return ::lstat(path.c_str(), &seen) == 0 ? seen.st_mode & 07777 : 0;
}

TEST_F(Transport, HasTheConfiguredMode) {
  for (const mode_t mode : {0600U, 0660U, 0666U, 0622U}) {
    ASSERT_TRUE(bind(path_, mode));
    EXPECT_EQ(mode_of(path_), mode);
    listener_.reset();
  }
}

TEST_F(Transport, LeavesTheUmaskAlone) {
  const mode_t before = ::umask(027);
  bind_well();
  EXPECT_EQ(::umask(before), mode_t{027});
}

TEST_F(Transport, HasTheConfiguredGroup) {
  auto opened = UnixListener::open();
  ASSERT_TRUE(opened);
  const auto bound = opened.value()->bind({path_, 0660, ::getegid()});
  ASSERT_TRUE(bound) << bound.error().message;
  struct stat seen {};
  ASSERT_EQ(::stat(path_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_gid, ::getegid());
  EXPECT_EQ(mode_of(path_), mode_t{0660});
}

// Created with its group: chown(2) by path could affect another file that the owner of the
// directory has put there.
TEST_F(Transport, HasItsGroupInAnotherUsersDirectory) {
  HB_NEEDS_ROOT();
  const std::string theirs = directory_.path("theirs");
  std::filesystem::create_directory(theirs);
  ASSERT_EQ(::chown(theirs.c_str(), 65534, 65534), 0);
  auto opened = UnixListener::open();
  ASSERT_TRUE(opened);
  const auto bound = opened.value()->bind({theirs + "/hb.sock", 0660, 65534});
  ASSERT_TRUE(bound) << bound.error().message;
  struct stat seen {};
  ASSERT_EQ(::stat((theirs + "/hb.sock").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_gid, 65534U);
  EXPECT_EQ(seen.st_uid, 0U);
  EXPECT_EQ(mode_of(theirs + "/hb.sock"), mode_t{0660});
  std::ofstream(directory_.path("later")) << "of our own group";
  ASSERT_EQ(::stat(directory_.path("later").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_gid, ::getegid());
}

TEST_F(Transport, RefusesASetgidDirectoryOfAnotherUserAsRoot) {
  HB_NEEDS_ROOT();
  const std::string theirs = directory_.path("theirs");
  std::filesystem::create_directory(theirs);
  ASSERT_EQ(::chown(theirs.c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chmod(theirs.c_str(), 02755), 0);
  auto opened = UnixListener::open();
  ASSERT_TRUE(opened);
  const auto bound = opened.value()->bind({theirs + "/hb.sock", 0660, ::getegid()});
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().message.find("chmod g-s"), std::string::npos) << bound.error().message;
}

TEST_F(Transport, HasItsGroupInASetgidDirectory) {
  HB_NEEDS_ROOT();
  const std::string ours = directory_.path("ours");
  std::filesystem::create_directory(ours);
  ASSERT_EQ(::chmod(ours.c_str(), 02755), 0);
  auto opened = UnixListener::open();
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened.value()->bind({ours + "/hb.sock", 0660, 65534}));
  struct stat seen {};
  ASSERT_EQ(::stat((ours + "/hb.sock").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_gid, 65534U);
  EXPECT_EQ(mode_of(ours + "/hb.sock"), mode_t{0660});
}

TEST_F(Transport, ChownsANewDirectoryToRunAsUid) {
  HB_NEEDS_ROOT();
  auto opened = UnixListener::open();
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened.value()->bind({directory_.path("new/hb.sock"), 0600, std::nullopt, 65534}));
  struct stat seen {};
  ASSERT_EQ(::stat(directory_.path("new").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_uid, 65534U);
}

// A user who may write to the parent could have replaced the directory.
TEST_F(Transport, ChownsNoDirectoryThatOthersCouldReplace) {
  HB_NEEDS_ROOT();
  const std::string shared = directory_.path("shared");
  std::filesystem::create_directory(shared);
  ASSERT_EQ(::chmod(shared.c_str(), 0777), 0);
  auto opened = UnixListener::open();
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened.value()->bind({shared + "/new/hb.sock", 0600, std::nullopt, 65534}));
  struct stat seen {};
  ASSERT_EQ(::stat((shared + "/new").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_uid, 0U);
}

TEST_F(Transport, RefusesALockFileWithAnotherHardLink) {
  std::ofstream(directory_.path("victim")) << "precious";
  std::filesystem::create_hard_link(directory_.path("victim"), path_ + ".lock");
  EXPECT_NE(refusal(path_).find("hard link"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(path_ + ".lock"));
  std::filesystem::remove(path_ + ".lock");
  ASSERT_EQ(::mkfifo((path_ + ".lock").c_str(), 0600), 0);
  EXPECT_NE(refusal(path_).find("not a regular file"), std::string::npos);
}

TEST_F(Transport, MakesTheDirectory) {
  ASSERT_TRUE(bind(directory_.path("new/hb.sock")));
  EXPECT_EQ(mode_of(directory_.path("new")), mode_t{0755});
}

TEST_F(Transport, DoesNotMakeTwoDirectories) {
  EXPECT_NE(refusal(directory_.path("new/newer/hb.sock")).find("mkdir -p"), std::string::npos);
}

TEST_F(Transport, RemovesWhatItMade) {
  bind_well();
  listener_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path(".")));
}

TEST_F(Transport, RemovesOnlyItsOwnSocket) {
  bind_well();
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  std::ofstream(path_) << "precious";
  EXPECT_TRUE(listener_->withdraw());
  listener_.reset();
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(Transport, SaysWhyItCannotRemoveItsSocket) {
  ASSERT_TRUE(bind(directory_.path("d/hb.sock")));
  ::chmod(directory_.path("").c_str(), 0755);
  ::chmod(directory_.path("d").c_str(), 0555);
  // Root may everything; so not as root.
  Child nobody = Child::run([&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    const auto withdrawn = listener_->withdraw();
    if (withdrawn || withdrawn.error().code != EACCES) ::_exit(3);
  });
  EXPECT_EQ(nobody.wait(), 0);
  ::chmod(directory_.path("d").c_str(), 0755);
}

TEST_F(Transport, ReplacesWhatADeadObserverLeft) {
  leave_stale_socket();
  ASSERT_TRUE(std::filesystem::is_socket(path_));
  bind_well();
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

TEST_F(Transport, NeverReplacesALiveListener) {
  bind_well();
  auto other = UnixListener::open();
  ASSERT_TRUE(other);
  const auto bound = other.value()->bind({path_, 0600, std::nullopt});
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().message.find(path_), std::string::npos);
  EXPECT_NE(bound.error().message.find("stop it"), std::string::npos);
  other.value().reset();
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  EXPECT_EQ(receive_one(), Kind::Frame);
}

// One that has cleared the path and is about to bind it, say.
TEST_F(Transport, NeverReplacesALockedSocket) {
  leave_stale_socket();
  const Fd lock(::open((path_ + ".lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_NE(refusal(path_).find("another observer"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_socket(path_));
}

// A program that does not use the lock file.
class Stranger {
 public:
  Stranger(const std::string& path, int type) : socket_(::socket(AF_UNIX, type, 0)) {
    const auto address = unix_address(path);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                     sizeof(sockaddr_un)),
              0);
    if (type == SOCK_STREAM) ::listen(socket_.get(), 1);
  }

 private:
  Fd socket_;
};

TEST_F(Transport, NeverReplacesALiveSocketOfAnotherProgram) {
  for (const int type : {SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET}) {
    const Stranger stranger(path_, type);
    EXPECT_NE(refusal(path_).find("live process"), std::string::npos) << type;
    EXPECT_TRUE(std::filesystem::is_socket(path_));
    ::unlink(path_.c_str());
  }
}

TEST_F(Transport, NeverReplacesAFileThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  EXPECT_NE(refusal(path_).find("not a socket"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(Transport, FollowsNoLink) {
  const Stranger stranger(directory_.path("other"), SOCK_DGRAM);
  std::filesystem::create_symlink(directory_.path("other"), path_);
  EXPECT_NE(refusal(path_).find("not a socket"), std::string::npos);
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(directory_.path("victim"), path_ + ".lock");
  EXPECT_NE(refusal(path_), "");
  EXPECT_FALSE(std::filesystem::exists(directory_.path("victim")));
}

TEST_F(Transport, RefusesAnAbstractSocket) {
  EXPECT_NE(refusal("@hb").find("abstract socket"), std::string::npos);
}

TEST_F(Transport, RefusesAPathThatDoesNotFit) {
  EXPECT_NE(refusal(directory_.path(std::string(108, 'x'))).find("at most 107"), std::string::npos);
}

// Several start at the same instant, with a stale socket that all want to remove: only one binds.
TEST_F(Transport, OnlyOneOfSeveralBinds) {
  for (int round = 0; round < 50; ++round) {
    leave_stale_socket();
    int result[2];
    int gate[2];
    ASSERT_EQ(::pipe(result), 0);
    ASSERT_EQ(::pipe(gate), 0);
    std::vector<Child> contenders;
    for (int i = 0; i < 8; ++i) {
      contenders.push_back(Child::run([&] {
        ::close(gate[1]);
        char go;
        [[maybe_unused]] auto closed = ::read(gate[0], &go, 1);
        const char won = bind(path_) ? 'w' : 'l';
        [[maybe_unused]] auto told = ::write(result[1], &won, 1);
        ::pause();
      }));
    }
    ::close(gate[0]);
    ::close(gate[1]);
    std::string results;
    for (char c; results.size() < 8 && ::read(result[0], &c, 1) == 1;) results.push_back(c);
    EXPECT_EQ(std::count(results.begin(), results.end(), 'w'), 1);
    EXPECT_TRUE(send(HB_FRAME_BYTES));
    contenders.clear();
    ::close(result[0]);
    ::close(result[1]);
  }
}

}  // namespace
}  // namespace hb::test
