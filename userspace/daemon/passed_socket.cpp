#include "daemon/passed_socket.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace hb::daemon {
namespace {

bool is_of_socket_unit(const keep::NamedFd& one) {
  return one.name == kPassedSocket || one.name.ends_with(".socket");
}

}  // namespace

Result<Fd> take_passed_socket(Result<std::vector<keep::NamedFd>>& inherited) {
  if (!inherited) return Fd();
  std::vector<keep::NamedFd>& all = inherited.value();
  const auto of_units = std::ranges::count_if(all, is_of_socket_unit);
  if (of_units == 0) return Fd();
  if (of_units > 1) return Error{"the service manager has passed more than one agents' socket"};
  const auto found = std::ranges::find_if(all, is_of_socket_unit);
  Fd socket = std::move(found->fd);
  all.erase(found);
  return socket;
}

}  // namespace hb::daemon
