// The oracle: a million datagrams from concurrent processes, among them duplicates, equal frames of
// different senders and forged credentials, each paired twice from the same records: by content and
// by socket buffer, which is exact. Both results must agree for every frame.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <memory>

#include "kernel/stamp_program.hpp"
#include "procfs/queue_length.hpp"
#include "tests/intake/oracle_senders.hpp"
#include "tests/support/child.hpp"
#include "transport/unix_listener.hpp"

namespace hb::test {
namespace {

// One receiver, two correlators fed with the same records and frames.
class Oracle {
 public:
  explicit Oracle(const std::string& path) {
    auto program =
        kernel::StampProgram::open({.ring_bytes = std::size_t{8} << 20, .correlate_skb = true});
    if (!program) throw std::runtime_error(program.error().message);
    program_ = std::move(program).value();
    const QueueLength longer(512);
    auto listener = UnixListener::open();
    if (!listener) throw std::runtime_error(listener.error().message);
    listener_ = std::move(listener).value();
    if (!program_->attach(listener_->fd())) throw std::runtime_error("attach");
    if (!listener_->bind(SocketPlace{.path = path, .group = {}})) throw std::runtime_error("bind");

    CorrelatorConfig config{.seed = {1, 2}};
    if (!program_->reads_credentials()) config.key = PairingKey::Content;
    by_content_ = std::make_unique<Correlator>(config);
    config.key = PairingKey::SocketBuffer;
    by_buffer_ = std::make_unique<Correlator>(config);
  }

  // Calls check(content, by_content, by_buffer) for every frame that can be judged.
  template <typename Check>
  void turn(Check check) {
    const std::size_t room = std::min({batch_.size(), by_content_->room(), by_buffer_->room()});
    program_->begin_receiving();
    const auto received = listener_->receive({batch_.data(), room});
    program_->end_receiving();
    ASSERT_TRUE(received) << received.error().message;
    const std::uint64_t position = program_->ring().reserved_to();
    for (std::size_t i = 0; i < received.value(); i++, serial_++) {
      by_content_->add_frame(batch_[i], serial_, position, now());
      by_buffer_->add_frame(batch_[i], serial_, position, now());
    }
    read_ring();
    judge(check);
    if (received.value() == 0) ::sched_yield();
  }

  void read_ring() {
    program_->ring().drain([&](std::span<const std::byte> record) {
      if (const auto stamp = kernel::record_as<hb_stamp>(record)) {
        by_content_->add_stamp(*stamp, now());
        by_buffer_->add_stamp(*stamp, now());
      } else if (const auto receipt = kernel::record_as<hb_receipt>(record)) {
        by_buffer_->add_receipt(*receipt);
      } else {
        ADD_FAILURE() << "a record of " << record.size() << " bytes";
      }
    });
  }

  void expect_balance(std::uint64_t frames) {
    read_ring();
    const hb_counters kernel = program_->counters();
    EXPECT_EQ(kernel.attempts, kernel.stamps);
    EXPECT_EQ(kernel.receipts_lost, 0U);
    for (Correlator* correlator : {by_content_.get(), by_buffer_.get()}) {
      while (correlator->expire(~std::uint64_t{0})) {
      }
      EXPECT_EQ(correlator->waiting(), 0U);
      const CorrelatorCounters& counters = correlator->counters();
      EXPECT_EQ(counters.stamps, kernel.stamps);
      EXPECT_EQ(counters.matched, frames);
      EXPECT_EQ(counters.stamps, counters.matched + counters.orphaned);
    }
  }

  [[nodiscard]] bool credentials() const { return program_->reads_credentials(); }
  [[nodiscard]] std::uint64_t stamps() const { return program_->counters().stamps; }

 private:
  // No clock is needed: nothing waits for a lost stamp here, and orphans are cleared at the end.
  static std::uint64_t now() { return 1; }

  template <typename Check>
  void judge(Check check) {
    while (true) {
      const std::uint64_t read_to = program_->ring().read_to();
      if (auto paired = by_content_->next(read_to, now())) contents_.push_back(*paired);
      if (auto paired = by_buffer_->next(read_to, now())) buffers_.push_back(*paired);
      if (contents_.empty() || buffers_.empty()) return;
      ASSERT_EQ(contents_.front().bytes, buffers_.front().bytes);
      Content content;
      std::memcpy(&content, contents_.front().bytes.data(), sizeof(content));
      check(content, contents_.front().sender, buffers_.front().sender);
      contents_.pop_front();
      buffers_.pop_front();
    }
  }

  std::unique_ptr<kernel::StampProgram> program_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<Correlator> by_content_;
  std::unique_ptr<Correlator> by_buffer_;
  std::array<Datagram, UnixListener::kMaxBatch> batch_;
  std::deque<Correlator::Paired> contents_;
  std::deque<Correlator::Paired> buffers_;
  std::uint64_t serial_ = 0;
};

struct Tally {
  std::uint64_t frames = 0;
  std::uint64_t ambiguous = 0;
  std::uint64_t disagreements = 0;  // between the two pairings
  std::uint64_t wrong = 0;          // against who really sent it
};

bool may_be_ambiguous(const Content& content, bool credentials) {
  return content.kind == Kind::ForgedCommon || (!credentials && content.kind == Kind::Common);
}

// Where the program cannot see descriptors (6.1 under lockdown), no datagram is queued, so there is
// nothing to pair.
TEST(OracleTest, ContentAndBufferAgreeOnEveryDatagram) {
  const auto paired_exactly = kernel::StampProgram::open({.correlate_skb = true});
  if (!paired_exactly && paired_exactly.error().code == ENOTSUP) {
    EXPECT_EQ(kernel::StampProgram::open({}).value()->delivery(), kernel::Delivery::Ring);
    return;
  }
  const std::string path = "/tmp/hb-oracle-" + std::to_string(::getpid());
  const std::uint64_t per_sender = datagrams() / kSenders;
  Oracle oracle(path);
  SharedRoster roster;
  std::deque<Child> senders;
  for (std::uint32_t i = 0; i < kSenders; i++) {
    senders.push_back(Child::run([&] { Sender(path, i, roster).send(per_sender); }));
    roster->pids[i] = senders.back().pid();
  }
  roster->begin = true;

  Tally tally;
  while (tally.frames < per_sender * kSenders && !::testing::Test::HasFailure()) {
    oracle.turn(
        [&](const Content& content, const Attestation& by_content, const Attestation& by_buffer) {
          tally.frames++;
          const auto* exact = std::get_if<Identity>(&by_buffer);
          const auto* concluded = std::get_if<Identity>(&by_content);
          const bool known = content.sender < kSenders;
          if (exact == nullptr) {
            tally.wrong++;
          } else if (known && static_cast<pid_t>(exact->tgid) != roster->pids[content.sender]) {
            tally.wrong++;
          } else if (concluded != nullptr) {
            if (!concluded->same_process(*exact)) tally.disagreements++;
          } else if (may_be_ambiguous(content, oracle.credentials()) &&
                     std::get<Unattested>(by_content) == Unattested::AmbiguousStamp) {
            tally.ambiguous++;
          } else {
            tally.disagreements++;
          }
        });
  }
  for (Child& sender : senders) EXPECT_EQ(sender.wait(), 0);

  EXPECT_EQ(tally.wrong, 0U);
  EXPECT_EQ(tally.disagreements, 0U);
  EXPECT_GT(tally.ambiguous, 0U) << "no forgery ever collided: the test shows nothing";
  oracle.expect_balance(per_sender * kSenders);
  std::printf("%lu datagrams, %lu stamps, %lu ambiguous\n", tally.frames, oracle.stamps(),
              tally.ambiguous);
}

}  // namespace
}  // namespace hb::test
