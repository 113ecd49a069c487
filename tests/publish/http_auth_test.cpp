#include "publish/http_auth.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "publish/http_address.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

Result<HttpAuth> parse(const std::string& text) { return HttpAuth::parse(text, "FILE"); }

TEST(HttpAuth, AdmitsEverybodyWithoutAFile) {
  EXPECT_FALSE(HttpAuth().is_on());
  EXPECT_TRUE(HttpAuth().admits(""));
}

TEST(HttpAuth, AdmitsWhoIsInTheFile) {
  const auto auth = parse("# comment\n\nAladdin:open sesame\r\nbob:a:b\nx:yz");
  ASSERT_TRUE(auth) << auth.error().message;
  EXPECT_TRUE(auth.value().admits("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));  // of RFC 7617
  EXPECT_TRUE(auth.value().admits("basic Ym9iOmE6Yg=="));
  EXPECT_TRUE(auth.value().admits("Basic eDp5eg=="));
}

TEST(HttpAuth, AdmitsNobodyElse) {
  const auto auth = parse("Aladdin:open sesame\n");
  ASSERT_TRUE(auth);
  for (const std::string header :
       {"", "Basic ", "Basic", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==x", "Basic qwxhZGRpbjpvcGVuIHNlc2FtZQ=="}) {
    EXPECT_FALSE(auth.value().admits(header)) << header;
  }
  EXPECT_FALSE(auth.value().admits("Basic " + std::string(100'000, 'Q')));
}

TEST(HttpAuth, RefusesAFileThatAdmitsNobodyInParticular) {
  for (const std::string text : {"", "# nobody\n", "user\n", ":password\n", "user:\n"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
  EXPECT_FALSE(parse("a:" + std::string(255, 'x')));
  EXPECT_TRUE(parse("a:" + std::string(254, 'x')));
  std::string many;
  for (int i = 0; i < 65; ++i) many += "u" + std::to_string(i) + ":p\n";
  EXPECT_FALSE(parse(many));
}

class HttpAuthFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(path_) << "user:password\n";
    ::chmod(path_.c_str(), 0600);
  }

  void expect_refused(const std::string& path, const std::string& why) {
    const auto read = HttpAuth::read(path);
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find(why), std::string::npos) << read.error().message;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("auth");
};

TEST_F(HttpAuthFile, IsRead) {
  const auto read = HttpAuth::read(path_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read.value().admits("Basic dXNlcjpwYXNzd29yZA=="));
}

TEST_F(HttpAuthFile, IsRefusedWhereOthersMayReadIt) {
  ::chmod(path_.c_str(), 0640);
  expect_refused(path_, "chmod 600");
}

TEST_F(HttpAuthFile, IsRefusedUnderAnotherName) {
  const std::string other = directory_.path("other");
  std::filesystem::create_symlink(path_, other);
  expect_refused(other, "symbolic link");
  std::filesystem::remove(other);
  std::filesystem::create_hard_link(path_, other);
  expect_refused(path_, "hard link");
}

TEST_F(HttpAuthFile, IsRefusedIfItIsNoFile) {
  expect_refused(directory_.path("."), "not a regular file");
  expect_refused(directory_.path("none"), "cannot open");
}

TEST(HttpAddress, TakesAnyPort) {
  for (const std::string text : {"127.0.0.1:0", "127.0.0.1:9464", "[::1]:0", "[::]:9464"}) {
    const auto address = parse_http_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address.value().text(), text);
  }
}

TEST(HttpAddress, IsNoName) {
  for (const std::string text : {"", ":0", "0", "localhost:0", "::1:0", "[::1]", "127.0.0.1",
                                 "127.0.0.1:65536", "[]:0", "[127.0.0.1]:0"}) {
    EXPECT_FALSE(parse_http_address(text)) << text;
  }
}

TEST(HttpAddress, TellsWhereASocketListens) {
  const auto listening = listen_at(parse_http_address("127.0.0.1:0").value());
  ASSERT_TRUE(listening) << listening.error().message;
  const std::string address = address_of(listening.value());
  EXPECT_TRUE(address.starts_with("127.0.0.1:")) << address;
  const auto second = listen_at(parse_http_address(address).value());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("choose another address or port"), std::string::npos);
}

}  // namespace
}  // namespace hb::test
