// Progress: the current step of the run loop, in an atomic word that changes with every step.
//
// Written by the loop's thread only, read by any thread. A step costs one relaxed store.
#pragma once

#include <atomic>
#include <cstdint>

namespace hb::daemon {

enum class Step : std::uint8_t {
  Starting,
  Sleeping,  // in the loop's ppoll(2), for any time
  Receiving,
  WritingStream,
  Exporting,
  Recovering,
  Auditing,
  CheckingReach,
  OtherMember,
  Reopening,
  AwaitingCommands,  // at the end, for at most --shutdown-grace-ms
  Ending,
};

// "receiving frames", ...: what the loop was doing.
[[nodiscard]] constexpr const char* name(Step step) {
  switch (step) {
    case Step::Starting: return "starting";
    case Step::Sleeping: return "waiting in ppoll(2)";
    case Step::Receiving: return "receiving frames";
    case Step::WritingStream: return "writing the event stream";
    case Step::Exporting: return "writing to --export-file";
    case Step::Recovering: return "recovering an agent or recording that";
    case Step::Auditing: return "logging problems of the audit file";
    case Step::CheckingReach: return "checking that agents can reach the socket";
    case Step::OtherMember: return "working on an event";
    case Step::Reopening: return "reading or opening files again (SIGHUP)";
    case Step::AwaitingCommands: return "waiting for recovery commands to end";
    case Step::Ending: return "ending";
  }
  return "somewhere";
}

class Progress {
 public:
  using Word = std::uint64_t;

  void begin(Step step) {
    word_.store(++steps_ << kStepBits | static_cast<Word>(step), std::memory_order_relaxed);
  }

  [[nodiscard]] Word word() const { return word_.load(std::memory_order_relaxed); }
  [[nodiscard]] static Step step_of(Word word) {
    return static_cast<Step>(word & ((Word{1} << kStepBits) - 1));
  }

 private:
  static constexpr unsigned kStepBits = 8;

  Word steps_ = 0;  // used by the loop's thread only
  std::atomic<Word> word_{static_cast<Word>(Step::Starting)};
};

}  // namespace hb::daemon
