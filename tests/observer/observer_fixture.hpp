// An observer with two sources and a clock, and the verbs of its tests.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "observer/observer.hpp"
#include "tests/observer/fake_clock.hpp"
#include "tests/observer/fake_source.hpp"

namespace hb {

class ObserverTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kStart = 5'000'000;  // on the clock; 0 in events
  static constexpr std::uint64_t kThreshold = 100;
  static constexpr std::uint32_t kHome = 4026531836;
  static constexpr std::uint32_t kAway = 4026532177;

  ObserverTest() {
    observer_.add(a_);
    observer_.add(b_);
  }

  static Identity process(std::uint32_t pid, std::uint64_t generation = 1) {
    return {.tgid = pid, .own_tgid = pid, .pid_ns_inode = kHome, .generation_ns = generation};
  }
  static Arrival arrival(const vlp::Frame& frame, const Attestation& sender,
                         BeatOrigin origin = BeatOrigin::KernelAttested) {
    return {vlp::encode(frame), sender, origin};
  }
  static Arrival beat(std::uint32_t pid, std::uint64_t nonce) {
    return arrival({.pid = pid, .nonce = nonce}, process(pid));
  }
  static Arrival garbage() { return {FrameBytes{}, process(7), BeatOrigin::KernelAttested}; }

  std::uint64_t now() const { return clock_.now_ns(); }
  void advance(std::uint64_t ns) { clock_.advance(ns); }

  template <typename Kind>
  Kind poll_for() {
    const auto event = observer_.poll();
    EXPECT_TRUE(event && std::holds_alternative<Kind>(*event)) << words(event);
    return event && std::holds_alternative<Kind>(*event) ? std::get<Kind>(*event) : Kind{};
  }

  std::string poll() { return words(observer_.poll()); }

  // Every event until there is none.
  std::vector<std::string> poll_all() {
    std::vector<std::string> events;
    while (const auto event = observer_.poll()) events.push_back(words(event));
    return events;
  }

  static std::string words(const std::optional<Event>& event) {
    struct {
      std::string operator()(const Beat& b) { return "beat " + of(b.pid, b.nonce); }
      std::string operator()(const Stall& s) {
        if (s.cause == StallCause::Trigger) return "trigger " + of(s.pid, s.last_nonce);
        return (s.cause == StallCause::Exited ? "exit " : "stall ") + of(s.pid, s.last_nonce);
      }
      std::string operator()(const Decode& d) { return vlp::name(d.error); }
      std::string operator()(const AuthFailure& a) { return name(a.cause); }
      std::string operator()(const OriginConflict& /*e*/) { return "origin conflict"; }
      std::string operator()(const NamespaceConflict& /*e*/) { return "namespace conflict"; }
      std::string operator()(const Notice& n) {
        return "notice " + std::to_string(n.pid) + (n.ready ? " ready" : "") +
               (n.reloading ? " reloading" : "") + (n.stopping ? " stopping" : "") +
               (n.is_watched ? " " + std::to_string(n.threshold_ns / kNsPerMs) + " ms" : " off");
      }
      std::string operator()(const Io& io) { return "io " + io.error.message; }
      std::string operator()(const CtrlTruncated& /*e*/) { return "ctrl truncated"; }
      static std::string of(std::uint32_t pid, std::uint64_t nonce) {
        return std::to_string(pid) + "/" + std::to_string(nonce);
      }
    } in_words;
    return event ? std::visit(in_words, *event) : "nothing";
  }

  using Words = std::vector<std::string>;

  FakeClock clock_{kStart};
  Words log_;
  FakeSource a_{"a", kStart, log_};
  FakeSource b_{"b", kStart, log_};
  Observer observer_{clock_,
                     {.threshold_ns = kThreshold,
                      .tracker_capacity = 3,
                      .empty_pause_ns = 0,
                      .policy = {.observer_ns_inode = kHome, .allow_cross_namespace = false},
                      .seed = 1}};
};

}  // namespace hb
