// Descriptors in datagrams must not be closed by the observer's thread, since close(2) may sleep
// for as long as the sender likes.
#include <gtest/gtest.h>
#include <unistd.h>

#include "lab/bench/descriptor_senders.hpp"
#include "lab/child.hpp"
#include "tests/daemon/senders.hpp"

namespace hb::test {
namespace {

using lab::Line;

// Sends `datagrams` that each carry the last reference to a lingering TCP socket, and keeps the
// peers open, so that close(2) keeps sleeping.
Result<> send_lingering(Line& line, const std::string& socket, int datagrams, pid_t owner) {
  const auto connection = connect_unix(socket);
  if (!connection) return connection.error();
  if (auto become = bench::become_user(kAttackerUid, owner); !become) return become;
  if (auto interrupts = bench::interrupt_own_sleeps(); !interrupts) return interrupts;
  auto sockets = bench::LingeringSockets::make();
  if (!sockets) return sockets.error();
  for (int i = 0; i < datagrams; ++i) {
    auto passed = sockets.value().next();
    if (!passed) return passed.error();
    const ssize_t sent =
        bench::send_descriptor(connection.value().get(), frame_of(own_pid()), passed.value().get());
    if (sent < 0) return Error{"it could not be sent"};
  }
  line.tell("sent");
  return line.hold();
}

class Descriptors : public EveryDelivery {
 protected:
  ObserverProcess observe_patiently(const Argv& more = {}) {
    return observe(Argv{"--threshold-ms", "600000"} + more);
  }

  // Nothing but the datagrams refers to what they carry when this returns.
  void send_lingering_sockets(int datagrams) {
    auto sender = lab::Child::start(
        [&, owner = ::getpid()](Line& line) {
          return send_lingering(line, socket_, datagrams, owner);
        },
        {}, {-1, 10'000});
    ASSERT_TRUE(sender) << sender.error().message;
    sender_ = std::make_unique<lab::Child>(std::move(sender).value());
    const auto sent = sender_->hear();
    ASSERT_TRUE(sent) << sent.error().message;
  }

  // By eight users: whatever share of it one of them may have, together they may fill it.
  void fill_the_ring() {
    for (std::uint32_t uid = kAttackerUid; uid < kAttackerUid + 8; ++uid) {
      Child::run([&] { send_until_kept(uid, socket_); }).wait();
    }
  }

  // Beats of an agent that keeps beating arrive eventually.
  static bool hears_an_agent(ObserverProcess& observer) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (std::uint64_t nonce = 1; std::chrono::steady_clock::now() < deadline; ++nonce) {
      [[maybe_unused]] const bool sent = send_claim(observer.socket(), own_pid(), nonce);
      const auto pid = static_cast<pid_t>(own_pid());
      for (Json event = observer.next_event(milliseconds(50)); !event.empty();
           event = observer.next_event(milliseconds(50))) {
        if (is_beat_of(event, pid)) return true;
      }
    }
    return false;
  }

  // It keeps working, and ends on SIGTERM.
  static void expect_to_turn(ObserverProcess& observer) {
    EXPECT_TRUE(hears_an_agent(observer)) << "the observer is held";
    observer.process().signal(SIGTERM);
    EXPECT_EQ(observer.process().wait(), 0) << "SIGTERM is not heard";
  }

  std::unique_ptr<lab::Child> sender_;
};

// One datagram blocked the observer's thread in tcp_close(): no stalls, and SIGTERM had no effect.
TEST_P(Descriptors, OfALingeringSocketDoNotBlockTheObserver) {
  ObserverProcess observer = observe_patiently();
  while_asleep(observer, [&] { send_lingering_sockets(1); });
  expect_to_turn(observer);
}

TEST_P(Descriptors, OfManyLingeringSocketsDoNotBlockTheObserver) {
  ObserverProcess observer = observe_patiently();
  while_asleep(observer, [&] { send_lingering_sockets(50); });
  expect_to_turn(observer);
}

// With ring delivery a datagram is queued when the ring is full, and the observer, which discards
// it, closed its descriptors.
TEST_P(Descriptors, DoNotBlockTheObserverWhenTheRingIsFull) {
  ObserverProcess observer = observe_patiently({"--ring-bytes", "4096"});
  while_asleep(observer, [&] {
    fill_the_ring();
    send_lingering_sockets(1);
  });
  expect_to_turn(observer);
}

// A full ring, with datagrams without descriptors, does not block the observer.
TEST_P(Descriptors, AFullRingAloneDoesNotBlockTheObserver) {
  ObserverProcess observer = observe_patiently({"--ring-bytes", "4096"});
  while_asleep(observer, [&] { fill_the_ring(); });
  expect_to_turn(observer);
}

INSTANTIATE_TEST_SUITE_P(By, Descriptors, ::testing::Values("socket", "ring"),
                         [](const auto& delivery) { return std::string(delivery.param); });

}  // namespace
}  // namespace hb::test
