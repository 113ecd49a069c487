// Datagrams in, receptions out, and up to when the socket has been read.
#include "intake/udp_source.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "tests/secure/secure_bytes.hpp"

namespace hb::intake {
namespace {

using secure::Bytes;

// A working model of a socket.
class FakeUdp final : public UdpReceiver {
 public:
  void deliver(const Bytes& bytes, const HostAddress& from = {{1}}) {
    UdpDatagram datagram;
    datagram.from = from;
    datagram.length = std::min(bytes.size(), datagram.room.size());
    std::copy_n(bytes.begin(), datagram.length, datagram.room.begin());
    queue_.push_back(datagram);
  }
  void fail() { failing_ = true; }

  Result<std::size_t> receive(std::span<UdpDatagram> batch) override {
    ++looks_;
    if (failing_) return Error{"it failed", 5};
    std::size_t count = 0;
    for (; count < batch.size() && !queue_.empty(); ++count) {
      batch[count] = queue_.front();
      queue_.pop_front();
    }
    return count;
  }

  [[nodiscard]] int looks() const { return looks_; }

 private:
  std::deque<UdpDatagram> queue_;
  bool failing_ = false;
  int looks_ = 0;
};

// One address is this host's own.
class FakeAddresses final : public OwnAddresses {
 public:
  static constexpr HostAddress kOwn{{9}};
  bool is_own(const HostAddress& address, std::uint64_t /*now_ns*/) override {
    return address == kOwn;
  }
};

class Udp : public ::testing::Test {
 protected:
  static Bytes beat(std::uint32_t pid) {
    const auto frame = vlp::encode({.pid = pid, .nonce = 1});
    return {frame.begin(), frame.end()};
  }

  FakeUdp socket_;
  secure::NoWrapping plain_;
  FakeAddresses addresses_;
  UdpSource source_{socket_, plain_, addresses_, BeatOrigin::NetworkUnverified, Horizon(1, 10)};
};

TEST_F(Udp, AFrameIsNothingButAClaim) {
  socket_.deliver(beat(7));
  const auto reception = source_.next(5);
  ASSERT_TRUE(reception && std::holds_alternative<Arrival>(*reception));
  const auto& arrival = std::get<Arrival>(*reception);
  EXPECT_TRUE(std::holds_alternative<ClaimOnly>(arrival.attestation));
  EXPECT_EQ(arrival.origin, BeatOrigin::NetworkUnverified);
}

TEST_F(Udp, WhereItCameFromIsPartOfTheClaim) {
  socket_.deliver(beat(7), {{2}});
  const auto arrival = std::get<Arrival>(*source_.next(5));
  EXPECT_EQ(std::get<ClaimOnly>(arrival.attestation).host, HostAddress{{2}});
  EXPECT_FALSE(std::get<ClaimOnly>(arrival.attestation).has_own_key);
}

TEST_F(Udp, WhatComesFromAnAddressOfThisHostIsFromThisHost) {
  socket_.deliver(beat(7), FakeAddresses::kOwn);
  const auto arrival = std::get<Arrival>(*source_.next(5));
  EXPECT_FALSE(std::get<ClaimOnly>(arrival.attestation).is_remote());
}

TEST_F(Udp, TheOriginIsConfigured) {
  UdpSource source(socket_, plain_, addresses_, BeatOrigin::OperatorAttestedTransport,
                   Horizon(1, 10));
  socket_.deliver(beat(7));
  EXPECT_EQ(std::get<Arrival>(*source.next(5)).origin, BeatOrigin::OperatorAttestedTransport);
}

TEST_F(Udp, WhatIsRefusedSaysWhy) {
  socket_.deliver(Bytes(31));
  const auto reception = source_.next(5);
  ASSERT_TRUE(reception && std::holds_alternative<Dropped>(*reception));
  EXPECT_EQ(std::get<Dropped>(*reception).reason, FrameDrop::WrongLength);
}

TEST_F(Udp, AFailureIsSaid) {
  socket_.fail();
  EXPECT_TRUE(std::holds_alternative<ReceiveFailed>(*source_.next(5)));
}

TEST_F(Udp, OneLookServesManyFrames) {
  for (std::uint32_t pid = 2; pid < 12; ++pid) socket_.deliver(beat(pid));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(source_.next(5));
  EXPECT_EQ(socket_.looks(), 1);
}

TEST_F(Udp, TheHorizonIsWhereItWasEmpty) {
  socket_.deliver(beat(7));
  EXPECT_TRUE(source_.next(5));
  EXPECT_EQ(source_.horizon_ns(), 1U) << "more may wait";
  EXPECT_FALSE(source_.next(8));
  EXPECT_EQ(source_.horizon_ns(), 8U);
}

// Longer than the queue can be: what waited at the beginning has been read.
TEST_F(Udp, AFloodDoesNotHideASilenceForever) {
  std::uint64_t now = 10;
  for (int i = 0; i < 40; ++i) {
    socket_.deliver(beat(7));
    ASSERT_TRUE(source_.next(now += 10));
  }
  EXPECT_GE(source_.horizon_ns(), 200U);
}

}  // namespace
}  // namespace hb::intake
