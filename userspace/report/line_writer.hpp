// LineWriter: lines to a descriptor that may be a terminal, a file or a pipe with somebody slow or
// nobody at its other end.
//
// A line is one write(2), so that lines of several processes do not mix and none waits in a buffer.
// A reader that does not read holds the writer up, but never past the moment when `stop_fd` becomes
// readable or end() is called: a program that is to end must be able to.
//
// Borrows both descriptors. One thread. Expects SIGPIPE to be ignored. What cannot be written is
// counted, and the caller is told once.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace hb {

class LineWriter {
 public:
  static constexpr int kNoStop = -1;

  explicit LineWriter(int fd, int stop_fd = kNoStop);

  // `line` ends with its newline.
  void write(std::string_view line);

  // What comes now are last words: nobody is waited for any more.
  void end() { ending_ = true; }

  // Nobody can ever read on: the pipe is closed, or stuck while the program has to end.
  [[nodiscard]] bool closed() const { return closed_; }

  // What went wrong, once; then nothing until something else does.
  std::optional<Error> take_problem();

  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  bool wait_for_room() const;
  int write_all(std::string_view line);
  void fail(int code);

  const int fd_;
  const int stop_fd_;
  const bool may_block_;
  bool ending_ = false;
  bool closed_ = false;
  bool torn_ = false;  // the last line was cut short
  int reported_ = 0;   // errno of the problem that was told last
  std::uint64_t lost_ = 0;
  std::optional<Error> problem_;
};

}  // namespace hb
