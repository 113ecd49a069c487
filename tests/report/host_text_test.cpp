#include "report/host_text.hpp"

#include <gtest/gtest.h>

namespace hb {
namespace {

TEST(HostText, IsThatOfTheAddress) {
  EXPECT_EQ(host_text({{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}}).view(),
            "192.0.2.7");
  EXPECT_EQ(host_text({{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}}).view(),
            "2001:db8::7");
  EXPECT_EQ(host_text(kThisHost).view(), "");
}

TEST(HostText, OfALinkLocalAddressHasItsScope) {
  EXPECT_EQ(host_text({{0xfe, 0x80, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 7}}).view(),
            "fe80::7%3");
}

TEST(HostText, HasRoomForTheLongestOne) {
  HostAddress longest;
  longest.bytes.fill(0xff);
  longest.bytes[0] = 0xfe;
  longest.bytes[1] = 0xbf;  // link-local
  EXPECT_EQ(host_text(longest).view(), "febf:ffff::ffff:ffff:ffff:ffff%4294967295");
}

}  // namespace
}  // namespace hb
