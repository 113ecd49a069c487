// FloodWorker: runs in one process of a Flooder, as its user.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "lab/bench/descriptor_senders.hpp"
#include "lab/bench/flooder.hpp"
#include "vlp/frame.hpp"

namespace hb::bench {

class FloodWorker {
 public:
  // `connection`: a datagram socket that is connected to the observer's.
  static Result<FloodWorker> make(const Flood& flood, Fd connection, std::size_t number,
                                  FloodBoard& board);

  // Sends until it is told to stop or its time is over.
  Result<> run();

 private:
  FloodWorker(const Flood& flood, Fd connection, std::size_t number, FloodBoard& board)
      : flood_(flood), connection_(std::move(connection)), number_(number), board_(board) {}

  Result<> prepare();
  Result<> send_some();
  Result<> fork_and_send(std::uint64_t frames);
  Result<> clone_and_send();
  Result<> reap(pid_t child);
  static int live_as_clone(void* worker);
  void send_frames(std::uint64_t frames);
  void send_wrong_lengths();
  Result<> send_lingering();

  [[nodiscard]] bool is_over() const;
  vlp::Bytes frame_of(std::uint32_t pid);
  vlp::Bytes own_frame();
  vlp::Bytes junk();
  void send(std::span<const std::uint8_t> bytes, int flags);
  void send_as_victim();
  void note(ssize_t sent, int code);
  [[nodiscard]] FloodBoard::Count& count() const { return board_.counts[number_]; }

  const Flood flood_;
  Fd connection_;
  const std::size_t number_;
  FloodBoard& board_;
  std::uint64_t deadline_ns_ = 0;
  std::uint64_t nonce_ = 0;
  std::uint64_t children_ = 0;
  Fd passed_;  // passed with frames of FloodKind::Descriptors
  std::optional<LingeringSockets> lingering_;
};

}  // namespace hb::bench
