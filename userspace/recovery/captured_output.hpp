// CapturedOutput: the beginning of what a command writes; the rest is read and thrown away, so that
// the command never waits for us.
//
// Owns its end of the pipe, closed at the end of the stream. Never blocks. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/fd.hpp"

namespace hb {

class CapturedOutput {
 public:
  CapturedOutput(Fd pipe, std::size_t limit_bytes)
      : pipe_(std::move(pipe)), limit_bytes_(limit_bytes) {}

  // Reads what is there, but only so much at a time: whoever writes without end does not stop us.
  void drain();

  // Set unless the stream has ended: somebody may still write.
  Fd take_pipe() { return std::move(pipe_); }

  [[nodiscard]] const Fd& pipe() const { return pipe_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::uint64_t discarded_bytes() const { return discarded_bytes_; }

 private:
  void keep(const char* data, std::size_t length);

  Fd pipe_;
  const std::size_t limit_bytes_;
  std::string text_;
  std::uint64_t discarded_bytes_ = 0;
};

}  // namespace hb
