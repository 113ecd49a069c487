#include "report/host_text.hpp"

#include <gtest/gtest.h>

namespace hb {
namespace {

TEST(HostText, IsThatOfTheAddress) {
  EXPECT_EQ(host_text({{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}}), "192.0.2.7");
  EXPECT_EQ(host_text({{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}}), "2001:db8::7");
  EXPECT_EQ(host_text(kThisHost), "");
}

TEST(HostText, OfALinkLocalAddressHasItsScope) {
  EXPECT_EQ(host_text({{0xfe, 0x80, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 7}}), "fe80::7%3");
}

}  // namespace
}  // namespace hb
