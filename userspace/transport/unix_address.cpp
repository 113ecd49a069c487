#include "transport/unix_address.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace hb {

Result<sockaddr_un> unix_address(const std::string& path) {
  if (path.empty()) return Error{"the socket path is empty", EINVAL};
  if (path.find('\0') != std::string::npos) {
    return Error{"the socket path contains a zero byte", EINVAL};
  }
  if (path.front() == '@') {
    return Error{"'" + path +
                     "' would be an abstract socket, which has no mode: anybody could send. Give a "
                     "path (./" +
                     path + " for a file of that name)",
                 EINVAL};
  }
  if (path.back() == '/') {
    return Error{"'" + path + "' names a directory: append the name of the socket", EINVAL};
  }
  if (path.size() > kMaxSocketPathBytes) {
    return Error{"the path is " + std::to_string(path.size()) +
                     " bytes long and a Unix socket's has at most " +
                     std::to_string(kMaxSocketPathBytes) + ": choose a shorter one ('" + path +
                     "')",
                 ENAMETOOLONG};
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return address;
}

}  // namespace hb
