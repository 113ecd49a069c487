// A tracker of four agents, and helpers of its tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "observer/tracker.hpp"

namespace hb {

// An outcome as a string, for comparison.
inline std::string words(const Tracker::Outcome& outcome) {
  struct {
    std::string operator()(Tracker::Inserted i) { return i.evicted ? "replaced" : "inserted"; }
    std::string operator()(Tracker::Refreshed r) {
      if (r.new_session) return r.changed ? "new session" : "unchanged session";
      return r.changed ? "changed" : "refreshed";
    }
    std::string operator()(Tracker::Restarted /*o*/) { return "restarted"; }
    std::string operator()(Tracker::OutOfOrder /*o*/) { return "out of order"; }
    std::string operator()(Tracker::OriginConflict c) {
      return std::string("origin conflict with ") + name(c.slot_origin);
    }
    std::string operator()(Tracker::NamespaceConflict c) {
      return "namespace conflict with " + std::to_string(c.slot_ns_inode);
    }
    std::string operator()(Tracker::TakenOver t) {
      return std::string("taken over from ") + name(t.from);
    }
    std::string operator()(Tracker::Full f) {
      switch (f.bound) {
        case Tracker::Full::Bound::Capacity: return "full";
        case Tracker::Full::Bound::Owner: return "owner full";
        case Tracker::Full::Bound::Network: return "network full";
      }
      return "?";
    }
  } in_words;
  return std::visit(in_words, outcome);
}

class TrackerTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kThreshold = 100;
  static constexpr std::uint64_t kTerminal = vlp::kTerminalNonce;
  static constexpr auto kNetwork = BeatOrigin::NetworkUnverified;
  static constexpr auto kKernel = BeatOrigin::KernelAttested;

  explicit TrackerTest(Eviction eviction = Eviction::Strict)
      : tracker_(4, kThreshold, /*seed=*/1, eviction) {}

  // Process 7 in namespace 1, started at 50, unless the test says otherwise.
  std::string beat(std::uint64_t nonce, TrackedBeat b = {}) {
    if (b.pid == 0) b.pid = 7;
    b.ns_inode = ns_;
    b.generation_ns = generation_;
    b.nonce = nonce;
    return words(tracker_.record(b, now_));
  }
  std::string beat_of(std::uint32_t pid, std::uint64_t nonce = 1) {
    return beat(nonce, {.pid = pid});
  }
  std::string beat_from(BeatOrigin origin, std::uint64_t nonce) {
    return beat(nonce, {.origin = origin});
  }
  std::string beat_with(vlp::Status status, std::uint64_t nonce) {
    return beat(nonce, {.status = status});
  }
  std::string last_word() { return beat_with(vlp::Status::Critical, kTerminal); }

  bool die(std::uint32_t pid = 7) { return tracker_.record_exit(pid, generation_).has_value(); }

  // The agents that stall now, in order.
  std::vector<std::uint32_t> stalled() {
    std::vector<std::uint32_t> pids;
    while (const auto stall = tracker_.expire(now_)) pids.push_back(stall->pid);
    return pids;
  }
  std::uint64_t last_nonce_of_the_stalled() {
    now_ += kThreshold;
    return tracker_.expire(now_)->last_nonce;
  }

  using Pids = std::vector<std::uint32_t>;

  std::uint64_t now_ = 1000;
  std::uint32_t ns_ = 1;
  std::uint64_t generation_ = 50;
  Tracker tracker_;
};

}  // namespace hb
