// Calls again for as long as a signal interrupts the call (EINTR). For calls that have to be done
// whatever comes; not for those that a signal is to end.
#pragma once

#include <cerrno>

namespace hb {

// `call` returns -1 and sets errno when it fails; errno is its last failure's.
template <typename Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace hb
