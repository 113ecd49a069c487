// What becomes of a sealed datagram: each frame once, and nothing remembered of what is not
// authentic.
#include "secure/secure_wrapping.hpp"

#include <gtest/gtest.h>

#include "tests/secure/secure_bytes.hpp"

namespace hb::secure {
namespace {

constexpr std::uint64_t kLive = 100;

class Wrapped : public ::testing::Test {
 protected:
  static std::unique_ptr<SecureWrapping> observer() {
    Keys keys;
    keys.shared = key_from();
    keys.master = key_from(1);
    return SecureWrapping::with(std::move(keys), {.max_senders = 2, .live_ns = kLive, .seed = 1})
        .value();
  }

  static vlp::Frame frame(std::uint32_t pid, std::uint64_t nonce) {
    return {.pid = pid, .timestamp = 1000 + nonce, .nonce = nonce};
  }

  // "fresh", or the reason.
  std::string say(const Bytes& datagram, std::uint64_t now_ns = 1) {
    const auto unwrapped = observer_->unwrap(datagram, kThisHost, now_ns);
    const auto* reason = std::get_if<FrameDrop>(&unwrapped);
    return reason != nullptr ? name(*reason) : "fresh";
  }

  std::unique_ptr<SecureWrapping> observer_ = observer();
  FrameSealer sealer_ = shared_sealer({77, 0});
};

TEST_F(Wrapped, AFrameComesOutAsItWentIn) {
  const auto unwrapped = observer_->unwrap(sealed(sealer_, frame(7, 1)), kThisHost, 1);
  const auto* opened = std::get_if<Unwrapped>(&unwrapped);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(opened->frame, vlp::encode(frame(7, 1)));
}

TEST_F(Wrapped, SaysWhereTheAgentIsAndWhetherTheKeyIsItsOwn) {
  const HostAddress here{{1}};
  const HostAddress there{{2}};
  const auto shared = observer_->unwrap(sealed(sealer_, frame(7, 1)), here, 1);
  EXPECT_EQ(std::get<Unwrapped>(shared).sender.host, here);
  EXPECT_FALSE(std::get<Unwrapped>(shared).sender.has_own_key);
  const auto moved = observer_->unwrap(sealed(sealer_, frame(7, 2)), there, 1);
  EXPECT_EQ(std::get<Unwrapped>(moved).sender.host, here) << "where its session began";

  FrameSealer agent = master_sealer(7, {1, 0}, 1);
  const auto own = observer_->unwrap(sealed(agent, frame(7, 1)), here, 1);
  EXPECT_EQ(std::get<Unwrapped>(own).sender.host, here);
  EXPECT_TRUE(std::get<Unwrapped>(own).sender.has_own_key);
  const auto own_moved = observer_->unwrap(sealed(agent, frame(7, 2)), there, 1);
  EXPECT_EQ(std::get<Unwrapped>(own_moved).sender.host, there);
}

TEST_F(Wrapped, AReplayedFrameIsRefusedHoweverOftenItComes) {
  const Bytes datagram = sealed(sealer_, frame(7, 1));
  EXPECT_EQ(say(datagram), "fresh");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say(datagram), "replayed");
}

TEST_F(Wrapped, ALateFrameIsRefused) {
  const Bytes first = sealed(sealer_, frame(7, 1));
  const Bytes second = sealed(sealer_, frame(7, 2));
  EXPECT_EQ(say(second), "fresh");
  EXPECT_EQ(say(first), "replayed");
}

TEST_F(Wrapped, WhatWasRecordedBeforeARestartIsRefusedAfterIt) {
  const Bytes recorded = sealed(sealer_, frame(7, 1));
  const Bytes held_back = sealed(sealer_, frame(7, 2));
  EXPECT_EQ(say(recorded), "fresh");
  FrameSealer restarted = shared_sealer({78, 0});
  EXPECT_EQ(say(sealed(restarted, vlp::Frame{.pid = 7, .timestamp = 5000, .nonce = 1})), "fresh");
  EXPECT_EQ(say(recorded), "replayed");
  EXPECT_EQ(say(held_back), "replayed");
  EXPECT_EQ(say(sealed(restarted, vlp::Frame{.pid = 7, .timestamp = 5001, .nonce = 2})), "fresh");
}

TEST_F(Wrapped, AnAgentOfTheMasterKeyMustClaimThePidOfItsKey) {
  FrameSealer agent = master_sealer(7, {1, 0}, 1);
  EXPECT_EQ(say(sealed(agent, frame(8, 1))), "agent_pid_mismatch");
  EXPECT_EQ(say(sealed(agent, frame(7, 1))), "fresh");
  EXPECT_EQ(observer_->senders().size(), 1U);
}

TEST_F(Wrapped, TheTwoKeysAreTwoSenders) {
  FrameSealer agent = master_sealer(7, {77, 0}, 1);
  EXPECT_EQ(say(sealed(sealer_, frame(7, 1))), "fresh");
  EXPECT_EQ(say(sealed(agent, frame(7, 1))), "fresh");
  EXPECT_EQ(observer_->senders().size(), 2U);
}

TEST_F(Wrapped, WhatIsNotAuthenticChangesNothing) {
  Bytes forged = sealed(sealer_, frame(7, 9));
  forged.back() ^= 1;
  EXPECT_EQ(say(forged), "decrypt_failed");
  EXPECT_EQ(observer_->senders().size(), 0U);
  FrameSealer early = shared_sealer({77, 0});
  EXPECT_EQ(say(sealed(early, frame(7, 1))), "fresh");
}

TEST_F(Wrapped, WhatIsNoFrameInsideIsPassedOnAndNamesNoSender) {
  EXPECT_EQ(say(sealed(sealer_, vlp::Bytes{})), "fresh");
  EXPECT_EQ(observer_->senders().size(), 0U);
}

TEST_F(Wrapped, ANewcomerIsRefusedWhileAllOthersLive) {
  EXPECT_EQ(say(sealed(sealer_, frame(7, 1)), 1), "fresh");
  EXPECT_EQ(say(sealed(sealer_, frame(8, 1)), 1), "fresh");
  EXPECT_EQ(say(sealed(sealer_, frame(9, 1)), kLive), "sender_table_full");
  EXPECT_EQ(say(sealed(sealer_, frame(7, 2)), kLive), "fresh") << "nobody was pushed out";
  EXPECT_EQ(say(sealed(sealer_, frame(9, 2)), kLive + 1), "fresh") << "8 is silent";
}

TEST_F(Wrapped, NothingButAFrameIsTakenWithoutKeys) {
  NoWrapping none;
  const Bytes longest(65);
  for (std::size_t length = 0; length <= longest.size(); ++length) {
    const auto unwrapped = none.unwrap(std::span(longest).first(length), kThisHost, 1);
    EXPECT_EQ(std::holds_alternative<Unwrapped>(unwrapped), length == vlp::kFrameBytes) << length;
  }
}

}  // namespace
}  // namespace hb::secure
