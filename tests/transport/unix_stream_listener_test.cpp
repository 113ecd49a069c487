#include "transport/unix_stream_listener.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/process.hpp"
#include "transport/unix_address.hpp"

namespace hb::test {
namespace {

class StreamListener : public ::testing::Test {
 protected:
  Result<std::unique_ptr<UnixStreamListener>> open(mode_t mode = 0600) {
    return UnixStreamListener::open({path_, mode, std::nullopt});
  }

  [[nodiscard]] bool connects() const {
    const auto address = unix_address(path_);
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.value()),
                     sizeof(sockaddr_un)) == 0;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("s.sock");
};

TEST_F(StreamListener, HasItsModeAndLeavesNothing) {
  const mode_t before = ::umask(027);
  {
    const auto opened = open(0620);
    ASSERT_TRUE(opened) << opened.error().message;
    struct stat seen {};
    EXPECT_EQ(::stat(path_.c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 07777, 0620U);
    EXPECT_TRUE(connects());
  }
  EXPECT_EQ(::umask(before), mode_t{027});
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path(".")));
}

TEST_F(StreamListener, RefusesConnectionsWhenNobodyHasItsSocket) {
  const auto opened = open();
  ASSERT_TRUE(opened);
  opened.value()->close_socket();
  EXPECT_FALSE(connects());
}

TEST_F(StreamListener, ReplacesAStaleSocketAndNoLiveOne) {
  {
    auto opened = open();
    ASSERT_TRUE(opened);
    EXPECT_FALSE(open());
    EXPECT_TRUE(connects());
    std::filesystem::rename(path_, path_ + ".kept");
  }
  std::filesystem::rename(path_ + ".kept", path_);  // its socket is gone
  EXPECT_FALSE(connects());
  ASSERT_TRUE(open());
}

TEST_F(StreamListener, GivesALostPathToANewSocket) {
  const auto opened = open(0640);
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened.value()->is_lost());
  opened.value()->close_socket();
  EXPECT_FALSE(opened.value()->is_lost());
  std::filesystem::remove(path_);
  EXPECT_TRUE(opened.value()->is_lost());
  ASSERT_TRUE(opened.value()->rebind());
  EXPECT_FALSE(opened.value()->is_lost());
  EXPECT_FALSE(connects());
  EXPECT_EQ(::listen(opened.value()->socket().get(), 1), 0);
  EXPECT_TRUE(connects());
  EXPECT_FALSE(open());  // the lock is held still
  EXPECT_TRUE(opened.value()->withdraw());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(StreamListener, TakesNoLostPathFromAnotherFile) {
  const auto opened = open();
  ASSERT_TRUE(opened);
  std::filesystem::remove(path_);
  std::ofstream(path_) << "mine";
  EXPECT_TRUE(opened.value()->is_lost());
  EXPECT_FALSE(opened.value()->rebind());
  std::filesystem::remove(path_);
  EXPECT_TRUE(opened.value()->rebind());
}

TEST_F(StreamListener, LeavesAFileThatIsNotItsSocketAlone) {
  std::ofstream(path_) << "mine";
  EXPECT_FALSE(open());
  std::filesystem::remove(path_);
  const auto opened = open();
  ASSERT_TRUE(opened);
  std::filesystem::remove(path_);
  std::ofstream(path_) << "mine";
  EXPECT_TRUE(opened.value()->withdraw());
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

}  // namespace
}  // namespace hb::test
