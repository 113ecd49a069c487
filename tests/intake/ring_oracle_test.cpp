// The oracle by ring delivery: the same million datagrams, every one of which has to come, once, in
// the order of its sender and under its name.
#include <gtest/gtest.h>
#include <sched.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>

#include "intake/ring_source.hpp"
#include "tests/intake/oracle_senders.hpp"
#include "tests/support/child.hpp"
#include "transport/unix_listener.hpp"

namespace hb::test {
namespace {

// By ring delivery there is nothing to pair: the record is the frame. So all of them must come,
// once, in the order of their sender, under its name, whatever their bytes and credentials say.
class RingOracle {
 public:
  explicit RingOracle(const std::string& path) {
    auto program = kernel::StampProgram::open(
        {.ring_bytes = std::size_t{8} << 20, .delivery = kernel::Delivery::Ring});
    if (!program) throw std::runtime_error(program.error().message);
    program_ = std::move(program).value();
    auto listener = UnixListener::open();
    if (!listener) throw std::runtime_error(listener.error().message);
    listener_ = std::move(listener).value();
    if (!program_->attach(listener_->fd())) throw std::runtime_error("attach");
    if (!listener_->bind(SocketPlace{.path = path, .group = {}})) throw std::runtime_error("bind");
    source_ = std::make_unique<intake::RingSource>(*program_, *listener_, kernel::Config{}, 0);
  }

  std::optional<Reception> next() { return source_->next(1); }
  [[nodiscard]] kernel::StampCounters counters() const { return source_->counters(); }

 private:
  std::unique_ptr<kernel::StampProgram> program_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<intake::RingSource> source_;
};

TEST(OracleTest, RingDeliversEveryDatagramUnderItsSendersName) {
  const std::string path = "/tmp/hb-oracle-ring-" + std::to_string(::getpid());
  const std::uint64_t per_sender = datagrams() / kSenders;
  RingOracle oracle(path);
  SharedRoster roster;
  std::deque<Child> senders;
  for (std::uint32_t i = 0; i < kSenders; i++) {
    senders.push_back(Child::run([&] { Sender(path, i, roster).send_by_ring(per_sender); }));
    roster->pids[i] = senders.back().pid();
  }
  roster->begin = true;

  std::map<std::uint32_t, std::uint64_t> next_of;  // by the pid that the record names
  std::uint64_t frames = 0;
  std::uint64_t wrong = 0;
  while (frames < per_sender * kSenders && !::testing::Test::HasFailure()) {
    const auto reception = oracle.next();
    if (!reception) {
      ::sched_yield();
      continue;
    }
    const auto* arrival = std::get_if<Arrival>(&*reception);
    ASSERT_NE(arrival, nullptr);
    const auto& sender = std::get<Identity>(arrival->attestation);
    Content content;
    std::memcpy(&content, arrival->bytes.data(), sizeof(content));
    const std::uint64_t sequence = next_of[sender.tgid]++;
    Content expected = content_at(content.sender, sequence);
    if (content.sender < kSenders &&
        static_cast<pid_t>(sender.tgid) != roster->pids[content.sender]) {
      wrong++;
    }
    if (std::memcmp(&content, &expected, sizeof(content)) != 0 && content.sender < kSenders)
      wrong++;
    frames++;
    roster->received = frames;
  }
  for (Child& sender : senders) EXPECT_EQ(sender.wait(), 0);
  EXPECT_EQ(wrong, 0U);
  EXPECT_FALSE(oracle.next());
  EXPECT_EQ(next_of.size(), kSenders);
  for (const auto& [pid, count] : next_of) EXPECT_EQ(count, per_sender) << pid;
  const kernel::StampCounters counters = oracle.counters();
  EXPECT_EQ(counters.kernel.attempts, per_sender * kSenders);
  EXPECT_EQ(counters.kernel.stamps, counters.correlator.matched);
}

}  // namespace
}  // namespace hb::test
