// Progress: what the run loop says of itself while it runs: which step it is at, in a word that is
// another one with every step.
//
// Written by the loop's thread alone, read by any thread. A step costs one relaxed store and no
// system call.
#pragma once

#include <atomic>
#include <cstdint>

namespace hb::daemon {

enum class Step : std::uint8_t {
  Starting,
  Sleeping,  // in the loop's own ppoll(2): for as long as it likes
  Receiving,
  WritingStream,
  Exporting,
  Recovering,
  Auditing,
  OtherMember,
  Reopening,
  AwaitingCommands,  // at the end: for as long as --shutdown-grace-ms says
  Ending,
};

// "receiving frames", ...: what the loop was doing.
[[nodiscard]] constexpr const char* name(Step step) {
  switch (step) {
    case Step::Starting: return "starting";
    case Step::Sleeping: return "waiting for something to do";
    case Step::Receiving: return "receiving frames";
    case Step::WritingStream: return "writing the event stream";
    case Step::Exporting: return "writing to --export-file";
    case Step::Recovering: return "recovering an agent or recording that";
    case Step::Auditing: return "speaking of the audit file";
    case Step::OtherMember: return "working on an event";
    case Step::Reopening: return "opening files again (SIGHUP)";
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

  Word steps_ = 0;  // of the loop's thread alone
  std::atomic<Word> word_{static_cast<Word>(Step::Starting)};
};

}  // namespace hb::daemon
