// The way to the socket's directory: which links are followed, and that nobody can turn it.
#include "transport/socket_directory.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/child.hpp"
#include "tests/support/needs.hpp"
#include "tests/transport/transport_fixture.hpp"

namespace hb::test {
namespace {

constexpr uid_t kStranger = 65534;

class SocketPath : public Transport {
 protected:
  // A directory of another user's, in one of ours.
  std::string strangers(const std::string& name) {
    const std::string made = directory_.path(name);
    std::filesystem::create_directory(made);
    EXPECT_EQ(::chown(made.c_str(), kStranger, kStranger), 0);
    return made;
  }

  std::string directory(const std::string& name) {
    std::filesystem::create_directory(directory_.path(name));
    return directory_.path(name);
  }
};

TEST_F(SocketPath, FollowsOurOwnLinks) {
  const std::string real = directory("real");
  std::filesystem::create_directory_symlink(real, directory_.path("absolute"));
  std::filesystem::create_directory_symlink("./absolute/../real", directory_.path("relative"));
  for (const char* link : {"absolute", "relative"}) {
    ASSERT_EQ(refusal(directory_.path(link) + "/hb.sock"), "") << link;
    EXPECT_TRUE(std::filesystem::is_socket(real + "/hb.sock"));
    listener_.reset();
    EXPECT_FALSE(std::filesystem::exists(real + "/hb.sock"));
  }
}

TEST_F(SocketPath, EndsInACircleOfLinks) {
  std::filesystem::create_directory_symlink("two", directory_.path("one"));
  std::filesystem::create_directory_symlink("one", directory_.path("two"));
  EXPECT_NE(refusal(directory_.path("one/hb.sock")).find("Too many levels"), std::string::npos);
}

TEST_F(SocketPath, FollowsTheLinksOfProc) {
  const std::string real = directory("real");
  const Fd opened(::open(real.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string link = "/proc/self/fd/" + std::to_string(opened.get());
  ASSERT_EQ(refusal(link + "/hb.sock"), "");
  EXPECT_TRUE(std::filesystem::is_socket(real + "/hb.sock"));
}

TEST_F(SocketPath, FollowsNoLinkOfAnotherUser) {
  HB_NEEDS_ROOT();
  const std::string ours = directory("ours");
  const std::string theirs = strangers("theirs");
  std::filesystem::create_directory_symlink(ours, theirs + "/link");
  const std::string refused = refusal(theirs + "/link/hb.sock");
  EXPECT_NE(refused.find("give the path that it leads to"), std::string::npos) << refused;
  EXPECT_TRUE(std::filesystem::is_empty(ours));
}

TEST_F(SocketPath, FollowsNoLinkThatAnyoneCouldHaveMade) {
  HB_NEEDS_ROOT();
  const std::string ours = directory("ours");
  const std::string shared = directory("shared");
  std::filesystem::create_directory_symlink(ours, shared + "/link");
  ASSERT_EQ(::chmod(shared.c_str(), 0777), 0);
  EXPECT_NE(refusal(shared + "/link/hb.sock"), "");
  ASSERT_EQ(::chmod(shared.c_str(), 01777), 0);  // with the sticky bit ours stays ours
  EXPECT_EQ(refusal(shared + "/link/hb.sock"), "");
}

// The address is then the name alone, and the working directory is changed for it.
TEST_F(SocketPath, LeavesTheWorkingDirectoryAlone) {
  HB_NEEDS_ROOT();
  const auto before = std::filesystem::current_path();
  const std::string theirs = strangers("theirs");
  ASSERT_EQ(refusal(theirs + "/hb.sock"), "");
  EXPECT_TRUE(std::filesystem::is_socket(theirs + "/hb.sock"));
  EXPECT_EQ(std::filesystem::current_path(), before);
}

// With --user, an observer that was started in root's home could not bind anew.
TEST_F(SocketPath, NeedsNoWorkingDirectoryThatCanBeSearched) {
  HB_NEEDS_ROOT();
  ASSERT_EQ(::chmod(directory_.path("").c_str(), 0755), 0);
  const std::string closed = directory("closed");
  ASSERT_EQ(::chmod(closed.c_str(), 0700), 0);
  const std::string place = strangers("theirs") + "/hb.sock";
  ASSERT_EQ(refusal(place), "");  // by root, in a directory that is not root's
  Child user = Child::run([&] {
    if (::chdir(closed.c_str()) != 0) ::_exit(2);
    if (::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(2);
    ::unlink(place.c_str());
    auto fresh = UnixListener::open();
    if (!fresh || !listener_->claim_name()) ::_exit(3);
    if (!listener_->rebind(*fresh.value())) ::_exit(4);
    if (!listener_->check_name()) ::_exit(5);
  });
  EXPECT_EQ(user.wait(), 0);
}

TEST_F(SocketPath, StaysWithADirectoryThatWasMoved) {
  const std::string before = directory("before");
  ASSERT_EQ(refusal(before + "/hb.sock"), "");
  std::filesystem::rename(before, directory_.path("after"));
  std::ofstream(directory("before") + "/hb.sock") << "precious";
  EXPECT_FALSE(listener_->check_name());
  listener_.reset();
  EXPECT_TRUE(std::filesystem::is_regular_file(before + "/hb.sock"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path("after")));
}

// The owner of a directory on the way swapped it with a link to a directory of root's, between the
// look at the socket and its removal: root removed a file there, and bound its socket there.
TEST_F(SocketPath, IsNotTurnedByAnOwnerWhoSwapsDirectories) {
  HB_NEEDS_ROOT();
  const std::string victim = directory("victim");
  std::ofstream(victim + "/hb.sock") << "precious";
  ASSERT_EQ(::chmod(directory_.path("").c_str(), 0755), 0);
  const std::string theirs = strangers("theirs");
  std::filesystem::create_directory(theirs + "/d");
  ASSERT_EQ(::chown((theirs + "/d").c_str(), kStranger, kStranger), 0);
  std::filesystem::create_directory_symlink(victim, theirs + "/link");
  Child owner = Child::run([&] {
    if (::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(2);
    for (;;) {
      ::renameat2(AT_FDCWD, (theirs + "/d").c_str(), AT_FDCWD, (theirs + "/link").c_str(),
                  RENAME_EXCHANGE);
    }
  });
  while (!std::filesystem::is_symlink(theirs + "/d")) ::usleep(100);
  for (int i = 0; i < 2'000; ++i) {
    (void)refusal(theirs + "/d/hb.sock");
    listener_.reset();
    ASSERT_TRUE(std::filesystem::is_regular_file(victim + "/hb.sock")) << i;
    ASSERT_FALSE(std::filesystem::exists(victim + "/hb.sock.lock")) << i;
  }
}

TEST_F(SocketPath, IsFollowedToTheNewSocketWhenItsNameIsLost) {
  bind_well();
  ASSERT_TRUE(send(HB_FRAME_BYTES));
  const int number = listener_->fd();
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_FALSE(listener_->check_name());
  auto fresh = UnixListener::open();
  ASSERT_TRUE(fresh);
  ASSERT_TRUE(listener_->claim_name());
  ASSERT_TRUE(listener_->rebind(*fresh.value()));
  fresh.value().reset();
  EXPECT_TRUE(listener_->check_name());
  EXPECT_EQ(listener_->fd(), number);
  UnixAgent newcomer(path_);
  ASSERT_TRUE(newcomer.send(bytes(HB_FRAME_BYTES)));
  ASSERT_TRUE(send(HB_FRAME_BYTES));  // connected to the former socket
  EXPECT_EQ(receive().size(), 3U);
  EXPECT_EQ(listener_->former_received(), 2U);
  listener_->close_former();
  ASSERT_TRUE(send(HB_FRAME_BYTES));  // is refused by the former, and connects anew
  EXPECT_EQ(receive().size(), 1U);
}

// The file was there, nobody received from it, and it was taken for the observer's.
TEST_F(SocketPath, IsFreeAgainAfterAFailure) {
  HB_NEEDS_ROOT();
  constexpr gid_t kGroup = 4242;
  ASSERT_EQ(::chmod(directory_.path("").c_str(), 0755), 0);
  const std::string place = strangers("theirs") + "/hb.sock";
  auto opened = UnixListener::open();
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened.value()->bind({place, 0660, kGroup}));
  Child stranger = Child::run([&] {  // who may not give a file to that group
    if (::setresgid(kStranger, kStranger, kStranger) != 0) ::_exit(2);
    if (::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(2);
    ::unlink(place.c_str());
    auto fresh = UnixListener::open();
    if (!fresh || !opened.value()->claim_name()) ::_exit(3);
    if (opened.value()->rebind(*fresh.value())) ::_exit(4);
    if (std::filesystem::exists(place)) ::_exit(5);
    if (opened.value()->check_name()) ::_exit(6);
  });
  EXPECT_EQ(stranger.wait(), 0);
}

TEST_F(SocketPath, IsNotTakenFromALiveSocket) {
  bind_well();
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  Fd other(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = unix_address(path_);
  ASSERT_EQ(
      ::bind(other.get(), reinterpret_cast<const sockaddr*>(&address.value()), sizeof(sockaddr_un)),
      0);
  const auto claimed = listener_->claim_name();
  ASSERT_FALSE(claimed);
  EXPECT_NE(claimed.error().message.find("live process"), std::string::npos);
  other.reset();
  EXPECT_TRUE(listener_->claim_name());
}

// rm -r of the directory takes the lock with it: another observer may have begun there.
TEST_F(SocketPath, IsNotTakenFromAnotherObserver) {
  const std::string place = directory("d") + "/hb.sock";
  ASSERT_TRUE(bind(place));
  std::filesystem::remove_all(directory_.path("d"));
  {
    auto other = UnixListener::open();
    ASSERT_TRUE(other);
    ASSERT_TRUE(other.value()->bind({place, 0600, std::nullopt}));
    const auto claimed = listener_->claim_name();
    ASSERT_FALSE(claimed);
    EXPECT_NE(claimed.error().message.find("another observer"), std::string::npos);
  }
  EXPECT_TRUE(listener_->claim_name());
}

}  // namespace
}  // namespace hb::test
