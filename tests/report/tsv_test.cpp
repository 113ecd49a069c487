// The export file's lines, byte by byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "report/tsv_line.hpp"
#include "tests/support/allocations.hpp"

namespace hb::test {
namespace {

const Beat kBeat{.pid = 1234,
                 .status = vlp::Status::Degraded,
                 .payload = 7,
                 .nonce = 42,
                 .origin = BeatOrigin::KernelAttested,
                 .pid_ns_inode = 4026531836,
                 .observer_ns = 5,
                 .claimed_pid = 1234,
                 .first_or_changed = true,
                 .generation_ns = 50,
                 .sent_ns = 0};

Stall stall(StallCause cause) {
  return {1234, 9, 1, BeatOrigin::SocketModeOnly, std::nullopt, 2, cause, 1234, 0, 7, {}};
}

const RunStamp kStamp{"r", [] { return std::uint64_t{99}; }};

// The first eight columns: the other two are of every line.
std::string without_end(const fmt::memory_buffer& line) {
  const std::string text = fmt::to_string(line);
  const std::string end = "\t99\tr\n";
  EXPECT_TRUE(text.ends_with(end)) << text;
  return text.substr(0, text.size() - std::min(text.size(), end.size())) + "\n";
}

std::string tsv(const Event& event) {
  fmt::memory_buffer line;
  put_tsv_line(line, event, kStamp);
  return without_end(line);
}

TEST(Tsv, ABeat) {
  EXPECT_EQ(tsv(kBeat), "5\tbeat\t1234\t42\tdegraded\t7\tkernel_attested\t4026531836\n");
}

TEST(Tsv, ALoss) {
  fmt::memory_buffer line;
  put_tsv_line(line, Loss{"ring_full", 7, 1, 9, 2}, kStamp);
  EXPECT_EQ(without_end(line), "2\tloss\t-\t-\tring_full\t7\t-\t-\n");
}

TEST(Tsv, WhatIsNotKnownIsADash) {
  Beat beat = kBeat;
  beat.pid_ns_inode.reset();
  EXPECT_EQ(tsv(beat), "5\tbeat\t1234\t42\tdegraded\t7\tkernel_attested\t-\n");
}

TEST(Tsv, AStall) {
  EXPECT_EQ(tsv(stall(StallCause::Silence)), "2\tstall\t1234\t9\tstall\t-\tsocket_mode_only\t-\n");
  EXPECT_EQ(tsv(stall(StallCause::Exited)), "2\tstall\t1234\t9\texited\t-\tsocket_mode_only\t-\n");
}

TEST(Tsv, ADecodeError) {
  EXPECT_EQ(tsv(Decode{vlp::DecodeError::BadCrc, 3}), "3\tdecode\t-\t-\tBadCrc\t-\t-\t-\n");
}

TEST(Tsv, AnAuthFailure) {
  EXPECT_EQ(tsv(AuthFailure{1234, 3, AuthFailureCause::PidMismatch, 77}),
            "3\tauth_failure\t1234\t-\tpid_mismatch\t-\t-\t-\n");
}

TEST(Tsv, AnOriginConflict) {
  EXPECT_EQ(tsv(OriginConflict{1234, BeatOrigin::NetworkUnverified, BeatOrigin::KernelAttested, 3}),
            "3\torigin_conflict\t1234\t-\t-\t-\tnetwork_unverified\t-\n");
}

TEST(Tsv, ANamespaceConflict) {
  EXPECT_EQ(tsv(NamespaceConflict{1234, 4026532177, 4026531836, 3, 88}),
            "3\tnamespace_conflict\t1234\t-\t-\t-\t-\t4026532177\n");
  EXPECT_EQ(tsv(NamespaceConflict{1234, std::nullopt, std::nullopt, 3, std::nullopt}),
            "3\tnamespace_conflict\t1234\t-\t-\t-\t-\t-\n");
}

TEST(Tsv, AFailureToReceive) {
  EXPECT_EQ(tsv(Io{{"any\twords\n", ENOMEM}, 3}), "3\tio\t-\t-\tENOMEM\t-\t-\t-\n");
  EXPECT_EQ(tsv(CtrlTruncated{{"words", EMSGSIZE}, 3}),
            "3\tctrl_truncated\t-\t-\tEMSGSIZE\t-\t-\t-\n");
}

TEST(Tsv, AFailureWithoutANumber) {
  EXPECT_EQ(tsv(Io{{"words", 0}, 3}), "3\tio\t-\t-\t-\t-\t-\t-\n");
  EXPECT_EQ(tsv(Io{{"words", 99999}, 3}), "3\tio\t-\t-\t-\t-\t-\t-\n");
}

TEST(Tsv, NoLineIsLongerThanPromised) {
  Beat beat = kBeat;
  beat.pid = beat.payload = ~std::uint32_t{0};
  beat.nonce = beat.observer_ns = ~std::uint64_t{0};
  beat.pid_ns_inode = ~std::uint64_t{0};
  beat.origin = BeatOrigin::OperatorAttestedTransport;
  fmt::memory_buffer line;
  put_tsv_line(line, beat, {std::string(16, 'f'), [] { return ~std::uint64_t{0}; }});
  EXPECT_LE(line.size(), kMaxTsvLineBytes);
}

TEST(Tsv, AllocatesNothing) {
  const Event beat = kBeat;
  const Event failure = AuthFailure{1, 3, AuthFailureCause::NoStamp, std::nullopt};
  fmt::memory_buffer line;
  const std::size_t before = allocations();
  for (int i = 0; i < 1000; ++i) {
    line.clear();
    put_tsv_line(line, i % 2 == 0 ? beat : failure, kStamp);
  }
  EXPECT_EQ(allocations(), before);
}

}  // namespace
}  // namespace hb::test
