// The oracle: a million datagrams from concurrent processes, among them duplicates, equal frames of
// different senders and forged credentials, each paired twice from the same records: by content and
// by socket buffer, which is exact. What content concludes, the buffer must confirm, every time.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <new>

#include "bpf/attested_socket.hpp"
#include "bpf/child.hpp"
#include "kernel/ring_source.hpp"
#include "procfs/queue_length.hpp"
#include "transport/unix_listener.hpp"

namespace hb::test {
namespace {

constexpr std::size_t kSenders = 8;

enum class Kind : std::uint32_t {
  Unique,        // nobody else sends these bytes
  Duplicate,     // the sender's last frame again
  Common,        // the same bytes from every sender, each under its own credentials
  Forged,        // bytes of its own under the next sender's credentials
  ForgedCommon,  // the same bytes from every sender, all under the first sender's credentials
};

struct Content {
  std::array<std::uint8_t, 8> magic{'o', 'r', 'a', 'c', 'l', 'e'};
  Kind kind = Kind::Unique;
  std::uint32_t sender = 0;  // kSenders: common to all
  std::uint64_t sequence = 0;
  std::uint64_t zero = 0;
};
static_assert(sizeof(Content) == HB_FRAME_BYTES);

Content content_at(std::uint32_t sender, std::uint64_t sequence) {
  Content content;
  content.sender = sender;
  content.sequence = sequence;
  switch (sequence % 16) {
    case 11:
      content.kind = Kind::Duplicate;
      content.sequence = sequence;
      break;
    case 12:
      content.kind = Kind::Duplicate;
      content.sequence = sequence - 1;
      break;
    case 13:
      content.kind = Kind::Common;
      content.sender = kSenders;
      break;
    case 14: content.kind = Kind::Forged; break;
    case 15:
      content.kind = Kind::ForgedCommon;
      content.sender = kSenders;
      break;
    default: break;
  }
  return content;
}

// What the senders share: who they are, and when to begin.
struct Roster {
  std::array<std::atomic<pid_t>, kSenders> pids{};
  std::atomic<bool> begin{false};
  std::atomic<std::uint64_t> sent{0};      // by ring: by all of them
  std::atomic<std::uint64_t> received{0};  // likewise, by the observer
};

class SharedRoster {
 public:
  SharedRoster()
      : memory_(::mmap(nullptr, sizeof(Roster), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0)),
        roster_(new (memory_) Roster) {}
  SharedRoster(const SharedRoster&) = delete;
  SharedRoster& operator=(const SharedRoster&) = delete;
  ~SharedRoster() { ::munmap(memory_, sizeof(Roster)); }
  Roster* operator->() { return roster_; }

 private:
  void* memory_;
  Roster* roster_;
};

class Sender {
 public:
  Sender(const std::string& path, std::uint32_t index, SharedRoster& roster)
      : index_(index), roster_(roster), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      ::_exit(1);
    }
  }

  void send(std::uint64_t count) {
    while (!roster_->begin) ::sched_yield();
    for (std::uint64_t sequence = 0; sequence < count; sequence++) {
      const Content content = content_at(index_, sequence);
      // Now and then impatient: a full queue makes an orphan, and then the frame comes again.
      const bool sent = sequence % 5 == 0 && send(content, MSG_DONTWAIT);
      if (!sent && !send(content, 0)) ::_exit(2);
    }
  }

  // Nothing tells a sender here that the observer is behind, so it looks.
  void send_by_ring(std::uint64_t count) {
    constexpr std::uint64_t kInFlight = 20'000;  // the ring holds 58,254
    while (!roster_->begin) ::sched_yield();
    for (std::uint64_t sequence = 0; sequence < count; sequence++) {
      while (roster_->sent - roster_->received > kInFlight) ::sched_yield();
      roster_->sent++;
      if (!send(content_at(index_, sequence), MSG_DONTWAIT)) ::_exit(2);
    }
  }

 private:
  bool send(Content content, int flags) {
    iovec data{&content, sizeof(content)};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (content.kind == Kind::Forged) forge(message, control, (index_ + 1) % kSenders);
    if (content.kind == Kind::ForgedCommon) forge(message, control, 0);
    return ::sendmsg(socket_.get(), &message, flags) == HB_FRAME_BYTES;
  }

  template <typename Control>
  void forge(msghdr& message, Control& control, std::size_t victim) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(ucred));
    const ucred claimed{roster_->pids[victim], ::getuid(), ::getgid()};
    std::memcpy(CMSG_DATA(header), &claimed, sizeof(claimed));
  }

  const std::uint32_t index_;
  SharedRoster& roster_;
  const Fd socket_;
};

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
      correlator->expire(~std::uint64_t{0});
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

std::uint64_t datagrams() {
  const char* asked = std::getenv("HB_ORACLE_DATAGRAMS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 1'000'000;
}

TEST(OracleTest, ContentAndBufferAgreeOnEveryDatagram) {
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
    source_ = std::make_unique<kernel::RingSource>(*program_, *listener_, kernel::Config{}, 0);
  }

  std::optional<Reception> next() { return source_->next(1); }
  [[nodiscard]] kernel::StampCounters counters() const { return source_->counters(); }

 private:
  std::unique_ptr<kernel::StampProgram> program_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<kernel::RingSource> source_;
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
