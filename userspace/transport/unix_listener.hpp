// UnixListener: the Unix datagram socket that agents send to.
//
// Made in two steps, because whoever can send must find the kernel program already in place:
//
//   auto listener = UnixListener::open();         the socket, SO_PASSCRED, no descriptors; nobody
//   can
//                                                 reach it
//   attach a filter to listener.value()->fd();
//   listener.value()->bind({path, 0660, group});  now agents can send
//
// Owns the descriptor, the claim on the path and the socket file; withdraw() or the destructor
// removes the file, and only if it is still this socket's. One thread. receive() neither blocks nor
// allocates.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "identity/datagram.hpp"
#include "transport/path_claim.hpp"

namespace hb {

// Where agents send, and which of them may.
struct SocketPlace {
  std::string path;
  mode_t mode = 0600;
  std::optional<gid_t> group;  // the socket file's; without one, whatever the file system gives
  // The user who will have to remove the socket: gets the directory, if that has to be made.
  std::optional<uid_t> run_as_uid = std::nullopt;
};

class UnixListener final : public Receiver {
 public:
  static constexpr std::size_t kMaxBatch = 64;

  // SO_PASSRIGHTS: Linux 6.16 (include/uapi/asm-generic/socket.h). Off, as here, whoever sends a
  // descriptor gets EPERM; older kernels do not know it (ENOPROTOOPT) and queue such datagrams.
  static constexpr int kPassRights = 83;

  static Result<std::unique_ptr<UnixListener>> open();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener() override;

  // Once. At no instant may more processes send than `place` says. After an Error the listener is
  // of no more use.
  Result<> bind(const SocketPlace& place);

  // One recvmmsg(2) of at most kMaxBatch datagrams.
  Result<std::size_t> receive(std::span<Datagram> batch) override;

  // Removes the socket file: no agent finds it any more. Nothing to do when it was never bound, is
  // gone, or is another socket's by now.
  Result<> withdraw();

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  // Room for SCM_CREDENTIALS and for nothing after it. The kernel writes the credentials first and
  // installs a passed descriptor only where its number still fits (scm_detach_fds in
  // net/core/scm.c), so no sender can ever open a descriptor in this process.
  struct alignas(cmsghdr) Control {
    std::array<std::byte, CMSG_SPACE(sizeof(ucred))> bytes;
  };

  explicit UnixListener(Fd socket);

  Result<> make_file(const SocketPlace& place, mode_t mode);
  Result<> make_file_of_group(gid_t group, const SocketPlace& place);
  Result<> remember(const std::string& path);
  Result<> give_to(gid_t group, const SocketPlace& place);
  void arm(std::span<Datagram> batch);

  Fd socket_;
  std::optional<PathClaim> claim_;
  std::string path_;  // empty until there is a file to remove
  dev_t device_ = 0;  // of that file
  ino_t inode_ = 0;

  std::array<iovec, kMaxBatch> vectors_{};
  std::array<Control, kMaxBatch> controls_{};
  std::array<mmsghdr, kMaxBatch> headers_{};
};

// Sets the kind and the credentials of a datagram from what recvmmsg(2) reported about it.
void describe(mmsghdr& received, Datagram& datagram);

}  // namespace hb
