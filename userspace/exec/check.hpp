// Check: whether a program works, as it can be seen from outside. Asked again and again; never
// blocks.
//
// One thread, which reaps every child of the process and tells the check of it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "transport/udp_address.hpp"

namespace hb::exec {

class Check {
 public:
  virtual ~Check() = default;

  // "check-tcp 127.0.0.1:8080": what the operator wrote.
  [[nodiscard]] virtual std::string name() const = 0;

  virtual void begin() = 0;
  // After begin(): whether it holds; the Error says why it does not. Empty: that is not known yet.
  virtual std::optional<Result<>> answer() = 0;
  // It takes too long, or is of no interest any more.
  virtual void abandon() {}

  // While there is no answer: what becomes writable with it; -1: nothing.
  [[nodiscard]] virtual int fd() const { return -1; }
  // A child has ended, perhaps its own, and is still a zombie; and then, reaped, its wait status.
  virtual void before_reaping(pid_t /*pid*/) {}
  virtual void take_end(pid_t /*pid*/, int /*status*/) {}
};

// A connection is accepted there.
[[nodiscard]] std::unique_ptr<Check> check_tcp(const UdpAddress& address);

// The file was changed not longer ago than that, by the clock that file times have
// (CLOCK_REALTIME).
[[nodiscard]] std::unique_ptr<Check> check_file_age(std::string path,
                                                    std::chrono::milliseconds most);

// `sh -c COMMAND` ends with 0. It has no input and no output, and a process group of its own, which
// is killed with it.
[[nodiscard]] std::unique_ptr<Check> check_command(std::string command);

}  // namespace hb::exec
