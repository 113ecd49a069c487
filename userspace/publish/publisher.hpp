// Publisher: the publisher process (publisher_process.hpp), from the observer's side.
//
// Owns the board and the process, which is ended and reaped at the latest when this goes. Never
// blocks, but in start() and in the destructor. When the process has ended before its time, or says
// what it has no business to say, fd() is readable and is_lost() says so; nobody is served any
// more, and nothing else changes. One thread.
//
// The process dies with the observer in every state, also when it is stopped: see
// PublisherDescriptors::lifeline. What it listens on stops listening even if it does not die.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "publish/board.hpp"
#include "publish/publisher_process.hpp"
#include "publish/shared_memory.hpp"
#include "recovery/forked_process.hpp"

namespace hb {

class Publisher {
 public:
  // Forks: before any other thread, and before there is a secret in memory. `http`: listens, or is
  // none. The Error: the fork failed, or the process cannot work.
  [[nodiscard]] static Result<std::unique_ptr<Publisher>> start(PublisherConfig config, Fd http);
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher();

  [[nodiscard]] Board& board() { return **board_; }
  [[nodiscard]] const std::string& http_address() const { return http_address_; }  // empty: none

  // Hands over a listening socket, which the caller is to close.
  [[nodiscard]] Result<> serve_status(const Fd& listening);
  void tell_of_cgroup();

  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] bool is_lost() const { return !control_; }
  // When fd() is readable; also reaps a process that was lost.
  void look();

  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  using SharedBoard = std::unique_ptr<SharedMemory<Board>>;

  // What this side has of what both have.
  struct Ends {
    Fd control;
    Fd lifeline;
    Fd http;
  };

  Publisher(SharedBoard board, std::string http_address, ForkedProcess process, Ends ends, Fd epoll)
      : board_(std::move(board)),
        http_address_(std::move(http_address)),
        process_(std::move(process)),
        control_(std::move(ends.control)),
        lifeline_(std::move(ends.lifeline)),
        http_(std::move(ends.http)),
        epoll_(std::move(epoll)) {}

  void end_it();

  const SharedBoard board_;
  const std::string http_address_;
  ForkedProcess process_;  // ends after all below is closed
  Fd control_;             // closed: the process is lost
  Fd lifeline_;            // closed: the kernel has killed it
  Fd http_;                // duplicates of the sockets on which it listens
  Fd status_;
  const Fd epoll_;
};

}  // namespace hb
