// sendmsg(2) with one control message: descriptors, or credentials that the sender chooses.
#pragma once

#include <sys/socket.h>

#include <cstring>
#include <span>
#include <vector>

namespace hb::test {

// Sends `size` bytes with one SOL_SOCKET control message. Returns what sendmsg(2) does; sets errno.
inline ssize_t send_with_control(int fd, const void* bytes, std::size_t size, int type,
                                 std::span<const std::byte> value, int flags) {
  std::vector<std::byte> control(CMSG_SPACE(value.size()));
  iovec data{const_cast<void*>(bytes), size};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(value.size());
  std::memcpy(CMSG_DATA(header), value.data(), value.size());
  return ::sendmsg(fd, &message, flags);
}

inline ssize_t send_with_descriptors(int fd, const void* bytes, std::size_t size,
                                     std::span<const int> descriptors, int flags = MSG_DONTWAIT) {
  return send_with_control(fd, bytes, size, SCM_RIGHTS, std::as_bytes(descriptors), flags);
}

// Root may show anybody's; anybody else only its own.
inline ssize_t send_with_credentials(int fd, const void* bytes, std::size_t size,
                                     const ucred& shown, int flags = 0) {
  return send_with_control(fd, bytes, size, SCM_CREDENTIALS, std::as_bytes(std::span(&shown, 1)),
                           flags);
}

}  // namespace hb::test
