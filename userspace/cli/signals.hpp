// Signals: the ones that ask the program to end, as a descriptor that becomes readable. No code of
// ours ever runs in a signal handler.
//
// Taken before anything is opened, kept to the end. One thread, and no thread before it.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace hb::cli {

class Signals {
 public:
  // SIGINT and SIGTERM, whatever was inherited; SIGHUP unless it was ignored (nohup). SIGPIPE is
  // ignored from here on.
  static Result<Signals> take();

  [[nodiscard]] int fd() const { return fd_.get(); }

  // The name of one that came, or nullptr.
  const char* next();

 private:
  explicit Signals(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

}  // namespace hb::cli
