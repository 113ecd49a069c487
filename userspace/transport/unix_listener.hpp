// UnixListener: the Unix datagram socket that agents send to.
//
// Created in two steps, since the kernel program must be attached before anybody can send:
//
//   auto listener = UnixListener::open();         creates the socket, not bound yet
//   attach a filter to listener.value()->fd();
//   listener.value()->bind({path, 0660, group});  now agents can send
//
// A socket that a service manager has bound and passed (open_passed()) is used as it is: bind()
// only sees that it is at the path, and path and file stay the service manager's.
//
// Owns the descriptor, the claim on the path and the socket file; withdraw() or the destructor
// removes the file if it is still this socket's, but see leave_at_end(). One thread. receive()
// neither blocks nor allocates.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "identity/datagram.hpp"
#include "transport/path_claim.hpp"
#include "transport/socket_directory.hpp"

namespace hb {

// The path of the socket, and who may send to it.
struct SocketPlace {
  std::string path;
  mode_t mode = 0600;
  std::optional<gid_t> group;  // of the socket file; unset: the file system's default
  // The user who will have to remove the socket: a new directory is chowned to it.
  std::optional<uid_t> run_as_uid = std::nullopt;
};

class UnixListener final : public Receiver {
 public:
  static constexpr std::size_t kMaxBatch = 64;

  // SO_PASSRIGHTS, Linux 6.16 (include/uapi/asm-generic/socket.h). At 0 (Rights::Refuse) senders of
  // descriptors get EPERM. Older kernels return ENOPROTOOPT.
  static constexpr int kPassRights = 83;

  // Whether descriptors may be passed to it.
  enum class Rights : std::uint8_t { Refuse, Pass };
  static Result<std::unique_ptr<UnixListener>> open(Rights rights = Rights::Refuse);
  static Result<std::unique_ptr<UnixListener>> open_passed(Fd socket);
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener() override;

  // At most once. At no time may more processes send than `place` permits. After an Error the
  // listener cannot be used. A passed socket must be bound to this very path, and its file have the
  // mode and the group.
  Result<> bind(const SocketPlace& place);
  [[nodiscard]] bool is_passed() const { return is_passed_; }

  // What a successor needs to go on with the socket while this process is gone. After bind().
  struct Kept {
    Fd socket;
    Fd lock;          // of the path's claim; none: the socket was passed
    dev_t device{0};  // the socket's file
    ino_t inode{0};
  };
  // Duplicates.
  [[nodiscard]] Result<Kept> keep() const;
  // Goes on with a predecessor's socket, which is bound to `place`, with its program attached; the
  // Error says what is not so. Then the descriptors are closed.
  static Result<std::unique_ptr<UnixListener>> adopt(Kept kept, const SocketPlace& place);
  // Gives up a predecessor's socket, and lets its path be bound anew: removes its file, if it is
  // that still, and unlocks the claim, which others hold, too. One that was passed is not ours to
  // give up.
  static void give_up(Kept kept, const std::string& path);
  // At its end, whatever that is, neither socket file nor claim are removed: a successor goes on
  // with them. So it is from the beginning for one that was adopted.
  void leave_at_end() { is_left_ = true; }

  // Whether the path still leads to the socket; the Error says what else is there. To be called
  // after bind(), also as another user: a directory may then be closed to us (EACCES).
  [[nodiscard]] Result<> check_name() const;

  // The path does not lead here any more. First claim_name() makes it free to bind, with the same
  // rules as at the start; then `fresh`, which was opened like this one and is not bound, gets the
  // name, and its socket this one's descriptor number. Connected senders still have the former
  // socket: it is received from as well, until close_former(). After an Error nothing has changed.
  Result<> claim_name();
  Result<> rebind(UnixListener& fresh);
  [[nodiscard]] int former_fd() const { return former_.get(); }  // -1: there is none
  [[nodiscard]] std::uint64_t former_received() const { return former_received_; }
  void close_former() { former_.reset(); }

  // One recvmmsg(2) of at most kMaxBatch datagrams.
  Result<std::size_t> receive(std::span<Datagram> batch) override;

  // Takes the kernel program off a socket that was passed, unless a successor goes on with both.
  // Removes the file of one that was not, unless it was never bound, is gone, or belongs to another
  // socket by now.
  Result<> withdraw();

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  // Room for SCM_CREDENTIALS only. The kernel writes the credentials first and installs a passed
  // descriptor only if its number still fits (scm_detach_fds in net/core/scm.c), so none is ever
  // installed in this process.
  struct alignas(cmsghdr) Control {
    std::array<std::byte, CMSG_SPACE(sizeof(ucred))> bytes;
  };

  explicit UnixListener(Fd socket);

  static Result<std::unique_ptr<UnixListener>> with_options(Fd socket, Rights rights);

  [[nodiscard]] Result<> check_place() const;
  Result<> find_passed();
  void leave();
  void detach();
  Result<> claim_anew();
  Result<> make_file_at_place(const Fd& socket);
  Result<> make_file(const Fd& socket, mode_t mode);
  Result<> make_file_of_group(const Fd& socket, gid_t group);
  Result<> remember();
  Result<> put_in_place(UnixListener& fresh);
  Result<> give_to(gid_t group);
  [[nodiscard]] bool is_ours(const struct stat& file) const;
  void arm(std::span<Datagram> batch);
  Result<std::size_t> receive_from_both(std::span<Datagram> batch);
  Result<std::size_t> receive_from(const Fd& socket, std::span<Datagram> batch, std::size_t from);

  Fd socket_;
  Fd former_;
  std::uint64_t former_received_ = 0;  // datagrams
  bool former_first_ = false;          // in receive()
  SocketPlace place_;
  std::unique_ptr<SocketDirectory> directory_;
  std::optional<PathClaim> claim_;  // after directory_, which it borrows

  // The socket's file.
  struct File {
    bool exists = false;  // it is to be removed
    dev_t device = 0;
    ino_t inode = 0;
  };
  File file_;
  bool is_left_ = false;    // at the end
  bool is_passed_ = false;  // by a service manager, whose path and file are

  std::array<iovec, kMaxBatch> vectors_{};
  std::array<Control, kMaxBatch> controls_{};
  std::array<mmsghdr, kMaxBatch> headers_{};
};

// Sets the kind and the credentials of a datagram from what recvmmsg(2) reported about it.
void describe(mmsghdr& received, Datagram& datagram);

}  // namespace hb
