// Column: an observer that attests by one mechanism, with a socket of its own.
//
// begin() starts an attempt: queued datagrams are discarded, and a new Observer is created, which
// has no state. Nothing is received before conclude() or take(), so the scenario decides when the
// column reads.
//
// Owns socket, source and observer; borrows the kernel program exclusively. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "intake/stamped_source.hpp"
#include "lab/compare/conclusion.hpp"
#include "observer/clock.hpp"
#include "observer/observer.hpp"
#include "transport/unix_listener.hpp"

namespace hb::compare {

class Column {
 public:
  // `path`: of its socket. The Error says what this mechanism lacks here.
  static Result<std::unique_ptr<Column>> open(Mechanism mechanism, const std::string& path,
                                              kernel::StampProgram& program);

  void begin();

  // The verdict on the first frame; Unknown after a timeout.
  Conclusion conclude();

  // The next event, if there is one now.
  std::optional<Event> take() { return observer_->poll(); }

  [[nodiscard]] int fd() const { return listener_->fd(); }

  // Ring delivery: no datagram is queued on its socket.
  [[nodiscard]] bool reads_ring() const;

 private:
  Column(Mechanism mechanism, kernel::StampProgram& program)
      : mechanism_(mechanism), program_(program) {}

  Result<> open_socket(const std::string& path);
  Result<std::uint32_t> prepare();
  std::unique_ptr<Source> make_source() const;
  std::unique_ptr<Source> make_stamped_source(std::uint64_t now_ns) const;

  const Mechanism mechanism_;
  kernel::StampProgram& program_;
  const MonotonicClock clock_;
  std::unique_ptr<UnixListener> listener_;
  std::uint64_t queue_length_ = 0;
  std::uint32_t ns_inode_ = 0;  // the observer's; 0: not known
  std::unique_ptr<Source> source_;
  std::unique_ptr<Observer> observer_;
};

}  // namespace hb::compare
