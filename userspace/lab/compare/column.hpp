// Column: an observer that attests by one mechanism, with a socket of its own.
//
// begin() starts an attempt: what waits on the socket is thrown away and a new Observer takes over,
// which knows of no agent and no nonce. Nothing is received before conclude() or take(): when the
// column reads is up to the scenario.
//
// Owns socket, source and observer; borrows the kernel program, which it shares with nobody. One
// thread.
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
  // `path`: where its socket will be. The Error says what is missing for this mechanism here.
  static Result<std::unique_ptr<Column>> open(Mechanism mechanism, const std::string& path,
                                              kernel::StampProgram& program);

  void begin();

  // The verdict on the first frame; Unknown if there is none in time.
  Conclusion conclude();

  // Whatever there is to say now.
  std::optional<Event> take() { return observer_->poll(); }

  [[nodiscard]] int fd() const { return listener_->fd(); }

  // By ring delivery: no datagram ever waits on its socket.
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
