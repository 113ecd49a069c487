// The correlator against a naive one that looks through everything, with random operations.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "tests/identity/correlator_fixture.hpp"

namespace hb {
namespace {

constexpr std::size_t kCapacity = 24;
constexpr std::uint32_t kSlots = 10;
constexpr std::uint32_t kProcesses = 20;  // so two of them have one slot, one after the other
constexpr std::uint8_t kContents = 12;

// What becomes of a frame: a process, or one of these.
constexpr std::uint32_t kWaits = 1'000;
constexpr std::uint32_t kAmbiguous = 1'001;
constexpr std::uint32_t kNoStamp = 1'002;
constexpr std::uint32_t kRingFull = 1'003;
constexpr std::uint32_t kEvicted = 1'004;

struct Key {
  std::uint8_t content;
  std::uint32_t cred_pid;
  friend bool operator==(const Key&, const Key&) = default;
};

class NaiveCorrelator {
 public:
  explicit NaiveCorrelator(const CorrelatorConfig& config) : config_(config) {}

  void add_stamp(std::uint32_t process, const Key& key, std::uint64_t now_ns) {
    const auto known = find(key);
    Group group{key, process, process % kSlots, 0, now_ns};
    if (known != groups_.end()) {
      group = *known;
      if (group.sender != process) {
        group.sender = kAmbiguous;
        group.slot = kSlots;
      }
      drop(known);
    } else if (groups_.size() == config_.stamps) {
      evict(now_ns);
    }
    group.stamps++;
    group.touched_ns = now_ns;
    changed_[group.slot] = ++changes_;
    groups_.push_back(group);
  }

  void kept_unstamped(std::uint64_t total, std::uint64_t now_ns) { kept_.grant(total, now_ns); }

  void add_frame(const Key& key, std::uint64_t position, std::uint64_t now_ns) {
    frames_.push_back({key, position, now_ns});
  }

  std::uint32_t next(std::uint64_t ring_read_to, std::uint64_t now_ns) {
    if (frames_.empty() || frames_.front().position > ring_read_to) return kWaits;
    const Frame frame = frames_.front();
    const std::uint32_t outcome = outcome_of(frame, now_ns);
    if (outcome != kWaits) frames_.pop_front();
    return outcome;
  }

  void expire(std::uint64_t paired_to_ns) {
    const std::uint64_t until_ns = paired_to_ns - config_.stamp_lifetime_ns;
    kept_.expire(until_ns);
    evictions_.expire(until_ns);
    for (auto group = groups_.begin(); group != groups_.end();) {
      group = group->touched_ns <= until_ns ? drop(group) : group + 1;
    }
  }

  [[nodiscard]] std::uint64_t waiting() const {
    std::uint64_t stamps = 0;
    for (const Group& group : groups_) stamps += group.stamps;
    return stamps;
  }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Group {
    Key key;
    std::uint32_t sender;
    std::uint32_t slot;
    std::uint32_t stamps;
    std::uint64_t touched_ns;
  };
  struct Frame {
    Key key;
    std::uint64_t position;
    std::uint64_t received_ns;
  };
  using Groups = std::vector<Group>;  // in the order in which they were last added to

  Groups::iterator find(const Key& key) {
    return std::find_if(groups_.begin(), groups_.end(),
                        [&](const Group& group) { return group.key == key; });
  }

  Groups::iterator drop(Groups::iterator group) {
    changed_[group->slot] = ++changes_;
    return groups_.erase(group);
  }

  // Of the slots with most groups the one whose count changed last.
  void evict(std::uint64_t now_ns) {
    std::map<std::uint32_t, std::size_t> counts;
    for (const Group& group : groups_) counts[group.slot]++;
    const auto most = std::max_element(counts.begin(), counts.end(), [&](auto& a, auto& b) {
      return std::pair(a.second, changed_[a.first]) < std::pair(b.second, changed_[b.first]);
    });
    const auto oldest = std::find_if(groups_.begin(), groups_.end(),
                                     [&](const Group& group) { return group.slot == most->first; });
    evicted_ += oldest->stamps;
    evictions_.grant(evicted_, now_ns);
    drop(oldest);
  }

  std::uint32_t outcome_of(const Frame& frame, std::uint64_t now_ns) {
    const auto group = find(frame.key);
    if (group != groups_.end()) {
      const std::uint32_t sender = group->sender;
      if (--group->stamps == 0) drop(group);
      return sender;
    }
    if (kept_.spend()) return kRingFull;
    if (evictions_.spend()) return kEvicted;
    return now_ns < frame.received_ns + config_.stamp_wait_ns ? kWaits : kNoStamp;
  }

  const CorrelatorConfig config_;
  Groups groups_;
  std::deque<Frame> frames_;
  std::array<std::uint64_t, kSlots + 1> changed_{};
  std::uint64_t changes_ = 0;
  std::uint64_t evicted_ = 0;
  LossCredit kept_;
  LossCredit evictions_;
};

std::uint32_t outcome_of(const std::optional<Correlator::Paired>& paired) {
  if (!paired) return kWaits;
  if (paired->missing == Correlator::MissingStamp::RingFull) return kRingFull;
  if (paired->missing == Correlator::MissingStamp::Evicted) return kEvicted;
  if (const auto* process = std::get_if<Identity>(&paired->sender)) return process->tgid;
  return std::get<Unattested>(paired->sender) == Unattested::AmbiguousStamp ? kAmbiguous : kNoStamp;
}

class ModelTest : public CorrelatorTest {
 protected:
  void begin(unsigned seed) {
    random_.seed(seed);
    use(PairingKey::ContentAndCredentials, kCapacity, kSlots);
    naive_ = std::make_unique<NaiveCorrelator>(config_);
    ring_read_ = ring_reserved_ = kept_ = 0;
    now_ns_ = 10 * config_.stamp_lifetime_ns;
    written_.clear();
  }

  void step() {
    const std::uint32_t what = below(100);
    if (what < 45)
      write_stamp();
    else if (what < 75)
      receive_frame();
    else if (what < 80)
      correlator_->kept_unstamped(++kept_, now_ns_), naive_->kept_unstamped(kept_, now_ns_);
    else if (what < 99)
      after(below(4) * config_.stamp_wait_ns / 3);
    else
      after(config_.stamp_lifetime_ns / 2);
    if (below(3) == 0) read_ring(below(8));
    judge();
    if (below(20) == 0) give_up_orphans();
  }

  std::map<std::uint32_t, std::uint64_t> outcomes_;

 private:
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  void write_stamp() {
    const std::uint32_t process = below(4) == 0 ? below(kProcesses) : 1;  // one of them floods
    const std::uint32_t cred_pid = below(10) == 0 ? below(kProcesses) : process;
    const auto content = static_cast<std::uint8_t>(below(kContents));
    hb_stamp written = stamp(process, content, cred_pid);
    written.slot = process % kSlots;
    written_.push_back(written);
    ring_reserved_++;
  }

  void receive_frame() {
    if (correlator_->room() == 0) return;
    const Key key{static_cast<std::uint8_t>(below(kContents)),
                  below(3) == 0 ? 1 : below(kProcesses)};
    received(key.content, key.cred_pid);
    naive_->add_frame(key, ring_reserved_, now_ns_);
  }

  void read_ring(std::size_t records) {
    for (; records > 0 && !written_.empty(); records--, ring_read_++) {
      const hb_stamp& read = written_.front();
      correlator_->add_stamp(read, now_ns_);
      naive_->add_stamp(read.tgid, {read.frame[0], read.cred_pid}, now_ns_);
      written_.pop_front();
      agree();
    }
  }

  void judge() {
    for (std::uint32_t outcome = 0; outcome != kWaits;) {
      outcome = naive_->next(ring_read_, now_ns_);
      ASSERT_EQ(outcome_of(next()), outcome);
      outcomes_[outcome]++;
      agree();
    }
  }

  void give_up_orphans() {
    expire();
    naive_->expire(now_ns_);
    agree();
  }

  void agree() {
    balance();
    ASSERT_EQ(correlator_->waiting(), naive_->waiting());
    ASSERT_EQ(correlator_->counters().evicted, naive_->evicted());
  }

  std::mt19937 random_;  // NOLINT(cert-msc32-c,cert-msc51-cpp): each seed is one story
  std::unique_ptr<NaiveCorrelator> naive_;
  std::deque<hb_stamp> written_;  // to the ring, and not read
  std::uint64_t kept_ = 0;
};

TEST_F(ModelTest, AgreesWithTheNaiveOne) {
  for (unsigned seed = 0; seed < 100 && !HasFailure(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    begin(seed);
    for (int i = 0; i < 2'000 && !HasFailure(); i++) step();
  }
  for (const std::uint32_t outcome : {1U, 2U, kWaits, kAmbiguous, kNoStamp, kRingFull, kEvicted}) {
    EXPECT_GT(outcomes_[outcome], 100U) << "hardly ever came about: " << outcome;
  }
}

}  // namespace
}  // namespace hb
