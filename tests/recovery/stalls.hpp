// Stalls and beats as the observer would make them.
#pragma once

#include "observer/event.hpp"
#include "recovery/recovery_means.hpp"

namespace hb::test {

inline constexpr std::uint64_t kHome = 4026531836;
inline constexpr std::uint64_t kAway = 4026532177;
inline constexpr std::uint32_t kUser = 1000;

// Of a process that the kernel attested, in the observer's namespace.
inline Stall stall_of(std::uint32_t pid, std::uint64_t generation_ns = 5,
                      std::optional<std::uint32_t> uid = kUser) {
  Stall stall{};
  stall.pid = pid;
  stall.origin = BeatOrigin::KernelAttested;
  stall.pid_ns_inode = kHome;
  stall.cause = StallCause::Silence;
  stall.claimed_pid = pid;
  stall.generation_ns = generation_ns;
  stall.uid = uid;
  return stall;
}

inline const Step kAnyStep{CommandLine::parse("true").value()};

// The first attempt upon a service of which only its name is known. Both must live as long.
inline RecoveryTarget about(const Stall& stall, const Step& step = kAnyStep) {
  static const ServiceFacts kOnlyAName{
      .name = "process", .unit = {}, .user_unit = {}, .cgroup = {}};
  return {stall, kOnlyAName, step};
}

inline Beat beat_of(std::uint32_t pid, std::uint64_t generation_ns, std::uint64_t sent_ns,
                    std::optional<std::uint32_t> uid = kUser) {
  Beat beat{};
  beat.pid = pid;
  beat.origin = BeatOrigin::KernelAttested;
  beat.pid_ns_inode = kHome;
  beat.claimed_pid = pid;
  beat.generation_ns = generation_ns;
  beat.sent_ns = sent_ns;
  beat.uid = uid;
  return beat;
}

}  // namespace hb::test
