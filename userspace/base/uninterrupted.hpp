// Repeats a system call that fails with EINTR. Not for calls that a signal is meant to end.
#pragma once

#include <cerrno>

namespace hb {

// `call` returns -1 and sets errno when it fails.
template <typename Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace hb
