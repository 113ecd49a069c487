// What is hidden of a text, and what is not.
#include "cli/scrubber.hpp"

#include <gtest/gtest.h>

namespace hb::cli {
namespace {

const std::string kDigits(64, 'a');
constexpr const char* kHiddenDigits = "(hidden: 64 or more hexadecimal digits)";

TEST(Scrubber, HidesWhatLooksLikeAKey) {
  const Scrubber scrubber;
  EXPECT_EQ(scrubber.scrubbed("key=" + kDigits + "!"), std::string("key=") + kHiddenDigits + "!");
  EXPECT_EQ(scrubber.scrubbed(std::string(64, 'F')), kHiddenDigits);
  EXPECT_EQ(scrubber.scrubbed(kDigits + kDigits), kHiddenDigits);
  EXPECT_EQ(scrubber.scrubbed(kDigits + " " + kDigits),
            std::string(kHiddenDigits) + " " + kHiddenDigits);
}

TEST(Scrubber, KeepsWhatDoesNot) {
  const Scrubber scrubber;
  for (const auto& text : {std::string(63, '0'), kDigits.substr(1) + "g", std::string(),
                           std::string("pid 1234 has beaten")}) {
    EXPECT_EQ(scrubber.scrubbed(text), text);
  }
}

TEST(Scrubber, HidesNamedSecretsTheLongestFirst) {
  Scrubber scrubber;
  scrubber.hide("hunter");
  scrubber.hide("hunter2 and more");
  EXPECT_EQ(scrubber.scrubbed("hunter2 and more, hunter3"), "(hidden), (hidden)3");
  EXPECT_EQ(scrubber.scrubbed("hunterhunter"), "(hidden)(hidden)");
}

TEST(Scrubber, HidesTheLoginOfAUrl) {
  const Scrubber scrubber;
  EXPECT_EQ(scrubber.scrubbed("nats://me:hunter2@host:4222, tls://a@b"),
            "nats://(hidden)@host:4222, tls://(hidden)@b");
  for (const char* none : {"http://host/a@b", "see http:// or a@b", "://", "https://host"}) {
    EXPECT_EQ(scrubber.scrubbed(none), none);
  }
}

// A password with an @ was shown from there on.
TEST(Scrubber, HidesTheLoginOfAUrlToItsLastAt) {
  const Scrubber scrubber;
  EXPECT_EQ(scrubber.scrubbed("to postgres://u:p@ss@host/a@b, x@y"),
            "to postgres://(hidden)@host/a@b, x@y");
  EXPECT_EQ(scrubber.scrubbed("a://u:'\"@h b://p@q@r\tc://d e@f"),
            "a://(hidden)@h b://(hidden)@r\tc://d e@f");
  EXPECT_EQ(scrubber.scrubbed("a://b@c,d://e@f"), "a://(hidden)@c,d://(hidden)@f");
  EXPECT_EQ(scrubber.scrubbed("a://b@"), "a://(hidden)@");
}

TEST(Scrubber, HidesWhatFollowsAuthorization) {
  const Scrubber scrubber;
  EXPECT_EQ(scrubber.scrubbed("got Authorization: Basic aHVudGVy== x\nnext"),
            "got Authorization: (hidden)\nnext");
  EXPECT_EQ(scrubber.scrubbed("AUTHORIZATION:Bearer a\nproxy-authorization : b"),
            "AUTHORIZATION: (hidden)\nproxy-authorization : (hidden)");
  EXPECT_EQ(scrubber.scrubbed(R"({"Authorization": "Basic a"})"), R"({"Authorization": (hidden))");
  EXPECT_EQ(scrubber.scrubbed(R"({\"authorization\":\"Basic a\"})"),
            R"({\"authorization\": (hidden))");
}

TEST(Scrubber, HidesItThoughItsNameHasASecret) {
  Scrubber scrubber;
  scrubber.hide("Auth");
  EXPECT_EQ(scrubber.scrubbed("Authorization: Basic a"), "(hidden)orization: (hidden)");
}

TEST(Scrubber, KeepsAuthorizationWithoutAValue) {
  const Scrubber scrubber;
  for (const char* text : {"authorization", "no authorization for it: x", "authorization\n:x"}) {
    EXPECT_EQ(scrubber.scrubbed(text), text);
  }
}

TEST(Scrubber, DoesNotLookForWhatIsEverywhere) {
  Scrubber scrubber;
  scrubber.hide("");
  scrubber.hide("1");
  scrubber.hide("yes");
  EXPECT_EQ(scrubber.scrubbed("yes, 1"), "yes, 1");
}

TEST(Scrubber, LooksIntoAllOfADocument) {
  Scrubber scrubber;
  scrubber.hide("hunter2");
  const nlohmann::ordered_json all{{"a", {1, nullptr, "hunter2"}}, {"hunter2", {{"b", kDigits}}}};
  const std::string scrubbed = scrubber.scrubbed_json(all).dump();
  EXPECT_EQ(scrubbed.find("hunter2"), std::string::npos) << scrubbed;
  EXPECT_EQ(scrubbed.find(kDigits), std::string::npos) << scrubbed;
  EXPECT_NE(scrubbed.find("null"), std::string::npos) << scrubbed;
}

}  // namespace
}  // namespace hb::cli
