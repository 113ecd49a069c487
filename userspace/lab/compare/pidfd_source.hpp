// PidfdSource: attestation with SCM_PIDFD, without BPF. The sender is the pid in SCM_CREDENTIALS;
// its namespace is that of the pidfd in SCM_PIDFD (Linux 6.5), by PIDFD_GET_PID_NAMESPACE (Linux
// 6.11), so a recycled pid is not confused with it. But both messages follow the pid that a
// privileged sender has chosen, and a process that has ended has no namespace.
//
// For comparison only: several system calls per frame. Borrows the socket. One thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "observer/horizon.hpp"
#include "observer/source.hpp"

namespace hb::compare {

class PidfdSource final : public Source {
 public:
  // Enables SO_PASSPIDFD, and tries PIDFD_GET_PID_NAMESPACE on this process. Returns the inode of
  // its PID namespace; the Error says what the kernel lacks.
  static Result<std::uint32_t> enable(int socket_fd);

  PidfdSource(int socket_fd, std::uint64_t start_ns, std::uint64_t queue_length)
      : socket_fd_(socket_fd), horizon_(start_ns, queue_length) {}

  std::optional<Reception> next(std::uint64_t now_ns) override;
  [[nodiscard]] std::uint64_t horizon_ns() const override { return horizon_.ns(); }
  [[nodiscard]] std::uint64_t wake_ns(std::uint64_t) const override { return kNever; }

 private:
  const int socket_fd_;
  Horizon horizon_;
};

}  // namespace hb::compare
