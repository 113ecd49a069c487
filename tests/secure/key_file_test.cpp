// Which files are taken for a key, and what is said of the others.
#include "secure/key_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/needs.hpp"
#include "tests/support/process.hpp"

namespace hb::test {
namespace {

const std::string kDigits = "000102030405060708090A0B0C0D0E0Faabbccddeeff00112233445566778899";

class KeyFile : public ::testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }

  // What is said; empty when it was taken.
  static std::string refusal(const std::string& path) {
    const auto key = secure::read_key_file(path);
    return key ? "" : key.error().message;
  }

  void expect_refused(const std::string& why) {
    const std::string said = refusal(path_);
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_NE(said.find(path_), std::string::npos) << said;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path("key");
};

TEST_F(KeyFile, IsReadWithAndWithoutANewline) {
  for (const std::string& text : {kDigits, kDigits + "\n"}) {
    write(text);
    const auto key = secure::read_key_file(path_);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key.value().bytes()[1], 0x01);
    EXPECT_EQ(key.value().bytes()[15], 0x0F);
    EXPECT_EQ(key.value().bytes()[16], 0xAA);
    EXPECT_EQ(key.value().bytes()[31], 0x99);
  }
}

TEST_F(KeyFile, MayBeWithoutPermissionToWrite) {
  write(kDigits, 0400);
  EXPECT_EQ(refusal(path_), "");
}

TEST_F(KeyFile, ThatHoldsAnythingElseIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("\n"), kDigits.substr(1), kDigits.substr(2), kDigits + "0",
        kDigits + "\n\n", kDigits + "\r\n", kDigits + " ", " " + kDigits.substr(1),
        "0x" + kDigits.substr(2), kDigits.substr(1) + "g", kDigits.substr(1) + '\0',
        kDigits + "\n" + kDigits, std::string(100'000, 'a')}) {
    write(text);
    expect_refused("64 hexadecimal digits");
  }
}

TEST_F(KeyFile, ThatOthersMayUseIsRefused) {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U, 0644U, 0666U}) {
    write(kDigits, mode);
    expect_refused("chmod 600");
  }
}

TEST_F(KeyFile, ThatIsASymbolicLinkIsRefused) {
  const std::string target = directory_.path("target");
  std::ofstream(target) << kDigits;
  ::chmod(target.c_str(), 0600);
  ASSERT_EQ(::symlink(target.c_str(), path_.c_str()), 0);
  expect_refused("symbolic link");
}

TEST_F(KeyFile, WithASecondNameIsRefused) {
  write(kDigits);
  ASSERT_EQ(::link(path_.c_str(), directory_.path("other").c_str()), 0);
  expect_refused("hard link");
}

TEST_F(KeyFile, OfAnotherUserIsRefused) {
  HB_NEEDS_ROOT();
  write(kDigits);
  ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
  expect_refused("65534");
}

// Must not wait for a writer either.
TEST_F(KeyFile, ThatIsAPipeIsRefused) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  expect_refused("not a regular file");
}

TEST_F(KeyFile, ThatIsADirectoryIsRefused) {
  ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
  expect_refused("not a regular file");
}

TEST_F(KeyFile, ThatIsMissingIsRefusedWithTheWayToMakeOne) {
  expect_refused("openssl rand -hex 32");
}

TEST_F(KeyFile, ThatIsADeviceIsRefused) {
  EXPECT_NE(refusal("/dev/zero").find("not a regular file"), std::string::npos);
}

}  // namespace
}  // namespace hb::test
