// Intake: the sockets, the kernel program, and the sources that the observer reads; also the exits
// of senders, and UDP if configured.
//
// Owns all of them; members are in order of construction. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "intake/config.hpp"
#include "intake/notify_intake.hpp"
#include "intake/poll_source.hpp"
#include "intake/ring_exits.hpp"
#include "intake/ring_source.hpp"
#include "intake/self_beat.hpp"
#include "intake/sender_attempts.hpp"
#include "intake/stamped_source.hpp"
#include "intake/udp_intake.hpp"
#include "observer/source.hpp"
#include "report/totals.hpp"
#include "transport/unix_listener.hpp"

namespace hb::intake {

class Intake {
 public:
  // Creates the socket, attaches the program (nullptr: procfs attestation) and makes the source.
  // Nobody can send yet, except to a socket that was `passed`: see open_agent_socket().
  static Result<std::unique_ptr<Intake>> open(const IntakeConfig& config,
                                              std::unique_ptr<kernel::StampProgram> program,
                                              std::uint64_t start_ns, Fd passed = Fd());

  // Goes on with a predecessor's socket and program, after an echo has shown that the one is on the
  // other. Agents can send all the time; bind() is not to be called.
  struct GoOn {
    std::unique_ptr<UnixListener> listener;
    std::unique_ptr<UnixListener> notify;  // nullptr: there is none
  };
  static Result<std::unique_ptr<Intake>> go_on(const IntakeConfig& config,
                                               std::unique_ptr<kernel::StampProgram> program,
                                               GoOn sockets, const SocketPlaces& places,
                                               std::uint64_t start_ns);
  // What a successor needs for that. After bind(), with IntakeConfig::is_kept.
  struct Kept {
    kernel::StampProgram::Kept program;
    UnixListener::Kept socket;
    std::optional<UnixListener::Kept> notify;
  };
  [[nodiscard]] Result<Kept> keep() const;
  // A successor can go on with the socket: at the end, whatever that is, it is not removed.
  void leave_at_end();
  // This is the end, and perhaps nobody goes on: a service manager whose socket it is shall see
  // what comes.
  void end_left();

  // If UDP is configured, opens its socket: agents can send over it from now on.
  Result<> open_udp(const IntakeConfig& config, secure::Keys keys, std::uint64_t start_ns);

  // After bind() agents can send; after withdraw() new ones cannot.
  Result<> bind(const SocketPlaces& places);
  Result<> withdraw();

  // Whether agents can reach the socket, see SelfBeat. After bind().
  Result<> check_reach(std::uint64_t now_ns);
  // They cannot: a new socket with the program gets the path. The former socket is read as well,
  // for senders that are connected to it, until close_former().
  Result<> rebind();
  [[nodiscard]] bool has_former() const { return listener_->former_fd() >= 0; }
  [[nodiscard]] std::uint64_t former_received() const { return listener_->former_received(); }
  void close_former() { listener_->close_former(); }

  [[nodiscard]] std::vector<Source*> sources() const;
  [[nodiscard]] ExitWatch* exits() { return exits_.get(); }  // nullptr: exits are not traced
  // nullptr: attempts are not known.
  [[nodiscard]] const AttemptWatch* attempts() const { return attempts_ ? &*attempts_ : nullptr; }

  [[nodiscard]] std::vector<PollSource> poll_sources() const;

  // The observer's own PID namespace, and the one capability that attestation needs while it runs.
  [[nodiscard]] std::optional<std::uint32_t> observer_ns_inode() const { return ns_inode_; }
  [[nodiscard]] std::optional<int> needed_capability() const;

  // Where agents can send over UDP.
  [[nodiscard]] std::vector<std::string> udp_addresses() const;

  void append_totals(Totals& totals) const;

 private:
  explicit Intake(std::unique_ptr<kernel::StampProgram> program) : program_(std::move(program)) {}

  Result<> open_socket(const IntakeConfig& config, Fd passed);
  Result<> open_notify(const IntakeConfig& config, std::uint64_t start_ns);
  Result<> rebind_agents();

  Result<> prove_socket(const std::string& path);
  Result<> check_self(const std::string& path);
  Result<> attest_by_kernel(const IntakeConfig& config, std::uint64_t start_ns);
  void take_from_socket(const kernel::Config& config, std::uint64_t start_ns);
  void take_from_ring(const IntakeConfig& config, std::uint64_t start_ns);
  [[nodiscard]] kernel::StampCounters counters() const;
  [[nodiscard]] hb_progress* progress(const IntakeConfig& config) const;
  void watch_exits(const IntakeConfig& config);
  Result<> open_wake();
  Result<> wake_for(int fd);
  [[nodiscard]] SelfBeat::RingRead ring_read() const;
  void attest_by_procfs(std::uint64_t start_ns);

  std::unique_ptr<kernel::StampProgram> program_;
  std::unique_ptr<UnixListener> listener_;
  std::unique_ptr<Source> source_;
  StampedSource* stamped_ = nullptr;      // source_, when it is one
  RingSource* ring_ = nullptr;            // source_, when it is one
  std::unique_ptr<NotifyIntake> notify_;  // nullptr: not configured
  std::unique_ptr<RingExits> exits_;
  std::optional<SenderAttempts> attempts_;
  std::unique_ptr<UdpIntake> udp_;  // nullptr: not configured
  // Edge-triggered epoll: readable when the kernel program wakes the observer, and when something
  // comes on the former socket.
  Fd wake_;
  std::optional<SelfBeat> self_beat_;
  std::uint64_t wanted_queue_length_ = 0;
  std::uint64_t queue_length_ = 0;  // in force
  std::optional<std::uint32_t> ns_inode_;
};

}  // namespace hb::intake
