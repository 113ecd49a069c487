// What a store is told, and what arrives there.
#include "keep/descriptor_store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/notify_server.hpp"
#include "tests/support/pipe.hpp"
#include "tests/support/process.hpp"
#include "transport/descriptors.hpp"

namespace hb::keep {
namespace {

// The store's side of NOTIFY_SOCKET.
class Store {
 public:
  explicit Store(const std::string& name) : socket_(test::notify_server(name)) {}

  // The next message, without waiting; empty: there is none.
  std::string next() {
    std::array<std::byte, 1024> bytes{};
    const auto got = receive_with_descriptors(socket_.get(), bytes, descriptors, MSG_DONTWAIT);
    return got < 0 ? std::string()
                   : std::string(reinterpret_cast<const char*>(bytes.data()),
                                 static_cast<std::size_t>(got));
  }

  [[nodiscard]] std::size_t descriptors_came() const {
    std::size_t came = 0;
    for (const Fd& fd : descriptors) came += fd ? 1U : 0U;
    return came;
  }

  ReceivedDescriptors descriptors;

 private:
  Fd socket_;
};

class Storing : public testing::Test {
 protected:
  void begin(const std::string& name) {
    its_ = std::make_unique<Store>(name);
    auto connected = NotifySocket::connect_to(name);
    ASSERT_TRUE(connected) << connected.error().message;
    ours_ = std::make_unique<NotifySocket>(std::move(connected).value());
    store_ = std::make_unique<DescriptorStore>(*ours_);
  }

  Result<> put(const std::string& name, std::vector<int> descriptors) {
    return store_->put(name, descriptors);
  }

  test::TemporaryDirectory directory_;
  const std::string path_ = directory_.path("notify");
  test::Pipe pipe_;
  std::unique_ptr<Store> its_;
  std::unique_ptr<NotifySocket> ours_;
  std::unique_ptr<DescriptorStore> store_;
};

ino_t inode(int fd) {
  struct stat seen {};
  return ::fstat(fd, &seen) == 0 ? seen.st_ino : 0;
}

TEST_F(Storing, GivesDescriptorsUnderAName) {
  begin(path_);
  ASSERT_TRUE(put("ring", {pipe_.in(), pipe_.out()}));
  EXPECT_EQ(its_->next(), "FDSTORE=1\nFDNAME=ring\nFDPOLL=0");
  ASSERT_EQ(its_->descriptors_came(), 2U);
  EXPECT_EQ(inode(its_->descriptors[0].get()), inode(pipe_.in()));
}

TEST_F(Storing, ReachesAnAbstractSocket) {
  begin("@hb-keep-test-" + std::to_string(::getpid()));
  ASSERT_TRUE(put("ring", {pipe_.in()}));
  EXPECT_EQ(its_->next(), "FDSTORE=1\nFDNAME=ring\nFDPOLL=0");
}

TEST_F(Storing, SplitsWhatDoesNotFitIntoOneMessage) {
  begin(path_);
  ASSERT_TRUE(put("maps", std::vector<int>(kMostDescriptors + 1, pipe_.in())));
  its_->next();
  EXPECT_EQ(its_->descriptors_came(), kMostDescriptors);
  EXPECT_EQ(its_->next(), "FDSTORE=1\nFDNAME=maps\nFDPOLL=0");
  EXPECT_EQ(its_->descriptors_came(), 1U);
}

TEST_F(Storing, TakesANameBack) {
  begin(path_);
  ASSERT_TRUE(store_->remove("ring"));
  EXPECT_EQ(its_->next(), "FDSTOREREMOVE=1\nFDNAME=ring");
  EXPECT_EQ(its_->descriptors_came(), 0U);
}

TEST_F(Storing, FindsAStoreThatHasBoundItsSocketAnew) {
  begin(path_);
  its_.reset();
  ::unlink(path_.c_str());
  its_ = std::make_unique<Store>(path_);
  ASSERT_TRUE(put("ring", {pipe_.in()}));
  EXPECT_EQ(its_->descriptors_came(), 0U);
  EXPECT_NE(its_->next(), "");
}

TEST_F(Storing, RefusesNamesThatWouldBreakTheMessage) {
  begin(path_);
  for (const std::string& name : {std::string(), std::string("a:b"), std::string("a\nFDNAME=b"),
                                  std::string("ä"), std::string(256, 'n')}) {
    EXPECT_FALSE(put(name, {pipe_.in()})) << name;
    EXPECT_FALSE(store_->remove(name)) << name;
  }
  EXPECT_EQ(its_->next(), "");
}

TEST_F(Storing, FailsWhenTheStoreIsGone) {
  begin(path_);
  its_.reset();
  EXPECT_FALSE(put("ring", {pipe_.in()}));
}

TEST_F(Storing, CannotBeginWithoutASocket) {
  EXPECT_FALSE(NotifySocket::connect_to(""));
  EXPECT_FALSE(NotifySocket::connect_to(path_));
  EXPECT_FALSE(NotifySocket::connect_to("/" + std::string(108, 'n')));
}

}  // namespace
}  // namespace hb::keep
