#include "status/status_text.hpp"

#include <gtest/gtest.h>

#include "status/amounts.hpp"
#include "tests/status/documents.hpp"

namespace hb::test {
namespace {

using status::count_text;
using status::duration_text;
using status::rate_text;
using status::status_text;

constexpr std::uint64_t kSecond = 1'000'000'000;

TEST(Amounts, OfTimeAreShort) {
  EXPECT_EQ(duration_text(std::nullopt), "-");
  EXPECT_EQ(duration_text(0), "0ms");
  EXPECT_EQ(duration_text(kSecond - 1), "999ms");
  EXPECT_EQ(duration_text(kSecond), "1.0s");
  EXPECT_EQ(duration_text(100 * kSecond - 1), "99.9s");
  EXPECT_EQ(duration_text(100 * kSecond), "1m40s");
  EXPECT_EQ(duration_text(6000 * kSecond - 1), "99m59s");
  EXPECT_EQ(duration_text(6000 * kSecond), "1h40m");
  EXPECT_EQ(duration_text(99 * 3600 * kSecond), "99h00m");
  EXPECT_EQ(duration_text(100 * 3600 * kSecond), "4d04h");
  EXPECT_EQ(duration_text(100 * 86400 * kSecond), "100d");
}

TEST(Amounts, AreNeverWiderThanSixColumns) {
  for (std::uint64_t n = 1; n != 0; n *= 2) {
    for (const std::uint64_t near : {n - 1, n, n + 1, n - n / 3}) {
      EXPECT_LE(duration_text(near).size(), near < 10'000 * 86400 * kSecond ? 6U : 7U) << near;
      EXPECT_LE(count_text(near).size(), 6U) << near;
      EXPECT_LE(rate_text(static_cast<double>(near)).size(), 6U) << near;
    }
  }
}

TEST(Amounts, OfCountsAndRates) {
  EXPECT_EQ(count_text(std::nullopt), "-");
  EXPECT_EQ(count_text(99'999), "99999");
  EXPECT_EQ(count_text(100'000), "100k");
  EXPECT_EQ(count_text(1'234'567'890), "1234M");
  EXPECT_EQ(rate_text(std::nullopt), "-");
  EXPECT_EQ(rate_text(0.5), "0.5");
  EXPECT_EQ(rate_text(12'345.6), "12346");
}

TEST(StatusText, OfAnObserverThatIsWell) {
  EXPECT_EQ(status_text(document_of(document_json())),
            "hb-ebpf 0.1.0 (3f2c1a9), pid 812, up 3h12m, attests by kernel\n"
            "agents send to /run/hb-ebpf/hb.sock\n"
            "healthy yes, ready yes\n"
            "the loop turned 5ms ago, the own beat came back 120ms ago, this was written 1ms ago\n"
            "agents 0, silent 0, beats 1234, stalls 4\n"
            "\n"
            "nothing was lost\n");
}

TEST(StatusText, SaysWhyItIsNotWell) {
  Json json = document_json();
  json["healthy"] = false;
  json["ready"] = nullptr;
  json["reasons"] = {"the loop has not turned for 3 s", "no own beat"};
  EXPECT_NE(
      status_text(document_of(json))
          .find(
              "\nhealthy NO, ready not known\n  the loop has not turned for 3 s\n  no own beat\n"),
      std::string::npos);
}

TEST(StatusText, HasTablesOfLossesServicesAndAgents) {
  const std::string text = status_text(document_of(busy_document_json()));
  const auto tables = text.substr(text.find("\n\n") + 1);
  EXPECT_EQ(
      tables,
      "\n"
      "LOST                      COUNT  WHAT\n"
      "ring_full                     3  datagrams whose stamp had no room\n"
      "\n"
      "SERVICE                          STATE      AGENTS SILENT      BEATS STALLS  OLDEST\n"
      "db.service                       healthy         2      0         10      1   120ms\n"
      "web.service                      healthy         2      1         10      1   120ms\n"
      "\n"
      "PID        STATE   STATUS       AGE STALLS    UID ORIGIN           COMM            SERVICE"
      "                  CGROUP\n"
      "1001       silent  ok          4.0s      2   1000 kernel_attested  worker          "
      "web.service              /system.slice/web.service\n"
      "1002       alive   degraded   800ms      0   1000 kernel_attested  database        "
      "db.service               /system.slice/db.service\n"
      "77 at 192.0.2.7 alive   ok         300ms      0   1000 kernel_attested  -               "
      "-                        -\n");
}

TEST(StatusText, SaysWhenNotAllAgentsAreShown) {
  Json json = busy_document_json();
  json["agents"]["total"] = 5000;
  EXPECT_NE(status_text(document_of(json)).find("agents 5000 (3 of them shown), silent 1,"),
            std::string::npos);
}

TEST(StatusText, HasADashForWhatIsNotKnown) {
  EXPECT_NE(status_text(document_of(Json{{"version", 1}})).find("hb-ebpf - (-), pid -, up -,"),
            std::string::npos);
}

}  // namespace
}  // namespace hb::test
