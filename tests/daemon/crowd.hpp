// Crowd: as many live processes as anybody can make, each with a frame to send: made by
// clone(CLONE_VM), so that each is a process to the kernel and hardly more than a stack.
//
// Owns a process whose children they are: they end with it, or are killed (PR_SET_PDEATHSIG). Needs
// root, to become its users. One thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "lab/bench/shared.hpp"
#include "lab/child.hpp"

namespace hb::test {

class Crowd {
 public:
  // All of them live, each as one of the users in turn, and none has sent, when it returns.
  static Result<Crowd> gather(const std::string& socket, std::size_t processes,
                              const std::vector<std::uint32_t>& uids);

  // Lets all of them send one beat, from the same instant on, and stay alive. Waiting for room, if
  // there is none. The Error: not all of them could.
  Result<> send();

  // All of them end by themselves.
  Result<> leave();

  Crowd(Crowd&&) noexcept = default;
  Crowd& operator=(Crowd&&) = delete;
  ~Crowd();

  struct Board {
    std::atomic<std::uint32_t> born;
    std::atomic<std::uint32_t> sent;
    std::atomic<std::uint32_t> failed;
    std::atomic<std::uint32_t> may_send;  // futexes
    std::atomic<std::uint32_t> may_leave;
  };

 private:
  Crowd(bench::Shared<Board> board, std::size_t processes, lab::Child parent)
      : board_(std::move(board)),
        processes_(processes),
        parent_(std::make_unique<lab::Child>(std::move(parent))) {}

  bench::Shared<Board> board_;
  std::size_t processes_;
  std::unique_ptr<lab::Child> parent_;  // nothing: they have left
};

}  // namespace hb::test
