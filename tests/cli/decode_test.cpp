#include <gtest/gtest.h>

#include "tests/support/process.hpp"

namespace hb::test {
namespace {

constexpr const char* kOk = "56410200020000000000000000000000010000000000000000000000e4116baa";
constexpr const char* kTerminal =
    "5641020202000000e703000000000000ffffffffffffffff00000000a299eeed";

Outcome decode(const std::string& hex) { return run_to_end({"decode", hex}); }

void expect_error(const std::string& hex, const std::string& name) {
  const Outcome outcome = decode(hex);
  EXPECT_EQ(outcome.out, "{\"error\":\"" + name + "\"}\n");
  EXPECT_EQ(outcome.code, 1);
}

TEST(Decode, SaysWhatAFrameSays) {
  const Outcome outcome =
      decode("5641020139300000d2029649000000006400000000000000efbeadde7bbc775f");
  EXPECT_EQ(outcome.out,
            "{\"status\":\"degraded\",\"pid\":12345,\"timestamp\":1234567890,\"nonce\":100,"
            "\"payload\":3735928559}\n");
  EXPECT_EQ(outcome.code, 0);
}

TEST(Decode, KnowsTheTerminalNonce) {
  EXPECT_EQ(decode(kTerminal).out,
            "{\"status\":\"critical\",\"pid\":2,\"timestamp\":999,"
            "\"nonce\":18446744073709551615,\"payload\":0}\n");
}

TEST(Decode, TakesCapitalDigits) {
  std::string capital = kOk;
  for (char& c : capital) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(decode(capital).code, 0);
}

TEST(Decode, NamesWhatIsWrongWithAFrame) {
  expect_error("564101000200000064000000000000000100000000000000000000007a774318", "BadVersion");
  expect_error("564102000200000064000000000000000100000000000000000000006bfbb06f", "BadCrc");
  expect_error("5641020001000000640000000000000001000000000000000000000008ca8ca5", "BadPid");
  expect_error("56410200020000006400000000000000ffffffffffffffff000000008c2889f8", "BadNonce");
  expect_error(std::string(64, '0'), "BadMagic");
}

TEST(Decode, NamesWhatIsNoFrame) {
  expect_error("hello", "BadHex");
  expect_error(std::string(63, '0') + "g", "BadHex");
  expect_error(std::string(62, '0'), "BadLength");
  expect_error(std::string(66, '0'), "BadLength");
  expect_error("", "BadLength");
}

TEST(Decode, PrintsALineForEachAndFailsIfAnyFailed) {
  const Outcome outcome = run_to_end({"decode", kOk, "00", kTerminal});
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
  EXPECT_EQ(outcome.code, 1);
}

TEST(Decode, ReadsLinesFromStandardInput) {
  const Outcome outcome =
      run_to_end({"decode", "-"}, std::string(kOk) + "\r\n\n  " + kTerminal + " \n" + kOk);
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
  EXPECT_EQ(outcome.code, 0);
}

TEST(Decode, SurvivesALineWithoutEnd) {
  const Outcome outcome = run_to_end({"decode", "-"}, std::string(10'000'000, '0') + "\n" + kOk);
  EXPECT_EQ(outcome.out.substr(0, 22), "{\"error\":\"BadLength\"}\n");
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2);
  EXPECT_EQ(outcome.code, 1);
}

TEST(Decode, OfNothingIsNothing) { EXPECT_EQ(run_to_end({"decode", "-"}).code, 0); }

}  // namespace
}  // namespace hb::test
