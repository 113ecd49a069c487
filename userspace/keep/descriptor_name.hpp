// The names under which descriptors are kept: FDNAME, LISTEN_FDNAMES (sd_listen_fds(3)).
#pragma once

#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace hb::keep {

struct NamedFd {
  std::string name;
  Fd fd;
};

// As many as are kept for one program, and taken over by it.
inline constexpr std::size_t kMostKept = 64;

// 1 to 255 printable ASCII characters, without the colon that separates names.
[[nodiscard]] bool is_descriptor_name(std::string_view name);

}  // namespace hb::keep
