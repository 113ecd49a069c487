// A correlator with a ring that is only a position, and helpers of its tests.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>

#include "identity/correlator.hpp"

namespace hb {

inline constexpr std::uint64_t kMs = 1'000'000;

// A correlator, a ring that is only a position, and a clock that is only a number.
class CorrelatorTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kAgent = 100;
  static constexpr std::uint32_t kOther = 200;

  void use(PairingKey key, std::size_t stamps = 64, std::size_t senders = 1'000) {
    config_.key = key;
    config_.stamps = stamps;
    config_.senders = senders;
    correlator_ = std::make_unique<Correlator>(config_);
  }

  static FrameBytes frame(std::uint8_t content) {
    FrameBytes bytes;
    bytes.fill(content);
    return bytes;
  }

  static hb_stamp stamp(std::uint32_t tgid, std::uint8_t content, std::uint32_t cred_pid) {
    hb_stamp stamp{};
    stamp.version = HB_STAMP_VERSION;
    stamp.tgid = stamp.own_tgid = stamp.slot = tgid;
    stamp.generation_ns = tgid * 1000;
    stamp.pid_ns_inode = 7;
    stamp.cred_pid = cred_pid;
    std::memset(stamp.frame, content, sizeof(stamp.frame));
    return stamp;
  }

  void stamped(std::uint32_t tgid, std::uint8_t content) { stamped_as(tgid, content, tgid); }

  // `tgid` sent, under credentials that name `cred_pid`.
  void stamped_as(std::uint32_t tgid, std::uint8_t content, std::uint32_t cred_pid) {
    correlator_->add_stamp(stamp(tgid, content, cred_pid), now_ns_);
    balance();
  }

  void stamped_at(std::uint64_t skb, std::uint32_t tgid, std::uint8_t content = 1) {
    hb_stamp at = stamp(tgid, content, tgid);
    at.skb = skb;
    correlator_->add_stamp(at, now_ns_);
  }

  void receipt(std::uint64_t skb, std::uint64_t serial) { correlator_->add_receipt({skb, serial}); }

  void received(std::uint8_t content, std::uint32_t cred_pid = kAgent) {
    Datagram datagram;
    datagram.bytes = frame(content);
    datagram.credentials.pid = cred_pid;
    correlator_->add_frame(datagram, serial_++, ring_reserved_, now_ns_);
  }

  std::optional<Correlator::Paired> next() {
    auto paired = correlator_->next(ring_read_, now_ns_);
    balance();
    return paired;
  }

  // The next frame is judged, and this process sent it.
  void expect_sender(std::uint32_t tgid) {
    const auto paired = next();
    ASSERT_TRUE(paired.has_value());
    const auto* identity = std::get_if<Identity>(&paired->sender);
    ASSERT_NE(identity, nullptr);
    EXPECT_EQ(identity->tgid, tgid);
  }

  void expect_refused(Unattested why) {
    const auto paired = next();
    ASSERT_TRUE(paired.has_value());
    EXPECT_FALSE(paired->missing.has_value());
    ASSERT_TRUE(std::holds_alternative<Unattested>(paired->sender));
    EXPECT_EQ(std::get<Unattested>(paired->sender), why);
  }

  // Dropped with a reason, without an auth_failure.
  void expect_missing(Correlator::MissingStamp why) {
    const auto paired = next();
    ASSERT_TRUE(paired.has_value());
    EXPECT_EQ(paired->missing, why);
    EXPECT_FALSE(std::holds_alternative<Identity>(paired->sender));
  }

  void expect_waiting() { EXPECT_FALSE(next().has_value()); }

  void after(std::uint64_t ns) { now_ns_ += ns; }

  void expire() {
    while (correlator_->expire(now_ns_)) balance();
    balance();
  }

  // Every stamp is in exactly one place, always.
  void balance() {
    const CorrelatorCounters& counters = correlator_->counters();
    EXPECT_EQ(counters.stamps, counters.matched + counters.orphaned + correlator_->waiting());
  }

  CorrelatorConfig config_;
  std::unique_ptr<Correlator> correlator_ = std::make_unique<Correlator>(config_);
  std::uint64_t now_ns_ = 1'000'000'000;
  std::uint64_t ring_read_ = 0;
  std::uint64_t ring_reserved_ = 0;
  std::uint64_t serial_ = 0;
};

}  // namespace hb
