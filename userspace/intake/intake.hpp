// Intake: everything that a frame passes on its way to the observer: the socket, the kernel program
// on it, the source that says who sent it, and what sees senders end; and the UDP socket with what
// belongs to it, where that is wanted.
//
// Owns all of them, in the order in which they may die. One thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "intake/config.hpp"
#include "intake/poll_source.hpp"
#include "intake/ring_exits.hpp"
#include "intake/ring_source.hpp"
#include "intake/sender_attempts.hpp"
#include "intake/stamped_source.hpp"
#include "intake/udp_intake.hpp"
#include "observer/source.hpp"
#include "report/totals.hpp"
#include "transport/unix_listener.hpp"

namespace hb::intake {

class Intake {
 public:
  // The socket made, the program (if there is one; without, attestation is procfs) on it, the
  // source ready. Nobody can send yet.
  static Result<std::unique_ptr<Intake>> open(const IntakeConfig& config,
                                              std::unique_ptr<kernel::StampProgram> program,
                                              std::uint64_t start_ns);

  // From now on agents can send over UDP, if the configuration says so.
  Result<> open_udp(const IntakeConfig& config, secure::Keys keys, std::uint64_t start_ns);

  // From now on agents can send; and can no longer.
  Result<> bind(const SocketPlace& place) { return listener_->bind(place); }
  Result<> withdraw() { return listener_->withdraw(); }

  [[nodiscard]] std::vector<Source*> sources() const;
  [[nodiscard]] ExitWatch* exits() { return exits_.get(); }  // nullptr: only silence tells
  // nullptr: absence of frames is all there is to go by.
  [[nodiscard]] const AttemptWatch* attempts() const { return attempts_ ? &*attempts_ : nullptr; }

  [[nodiscard]] std::vector<PollSource> poll_sources() const;

  // The observer's own PID namespace, and the one capability that attestation needs while it runs.
  [[nodiscard]] std::optional<std::uint32_t> observer_ns_inode() const { return ns_inode_; }
  [[nodiscard]] std::optional<int> needed_capability() const;

  [[nodiscard]] std::optional<std::string> udp_address() const;

  void append_totals(Totals& totals) const;

 private:
  explicit Intake(std::unique_ptr<kernel::StampProgram> program) : program_(std::move(program)) {}

  Result<> open_socket(const IntakeConfig& config);
  Result<> attest_by_kernel(const IntakeConfig& config, std::uint64_t start_ns);
  void take_from_socket(const kernel::Config& config, std::uint64_t start_ns);
  void take_from_ring(const kernel::Config& config, std::uint64_t start_ns);
  void watch_exits();
  Result<> watch_ring();
  void attest_by_procfs(std::uint64_t start_ns);

  std::unique_ptr<kernel::StampProgram> program_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<Source> source_;
  StampedSource* stamped_ = nullptr;  // source_, when it is one
  RingSource* ring_ = nullptr;        // source_, when it is one
  std::unique_ptr<RingExits> exits_;
  std::optional<SenderAttempts> attempts_;
  std::unique_ptr<UdpIntake> udp_;  // nullptr: not wanted
  Fd ring_wake_;  // epoll: readable once each time the kernel program wakes the observer
  std::uint64_t queue_length_ = 0;
  std::optional<std::uint32_t> ns_inode_;
};

}  // namespace hb::intake
