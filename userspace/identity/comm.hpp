// Comm: the name of a process, as in /proc/<pid>/comm. The process chooses it (prctl(2),
// PR_SET_NAME): any bytes but NUL, from anybody.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "stamp.h"

namespace hb {

struct Comm {
  static constexpr std::size_t kBytes = HB_COMM_BYTES;
  static constexpr std::size_t kLongest = kBytes - 1;  // the kernel cuts longer ones

  std::array<char, kBytes> bytes{};  // up to the first NUL; empty: not known

  Comm() = default;
  // Up to its first NUL, and no more than the longest.
  explicit Comm(std::string_view text) {
    text = text.substr(0, std::min(text.find('\0'), kLongest));
    std::copy(text.begin(), text.end(), bytes.begin());
  }

  [[nodiscard]] std::string_view view() const {
    const std::string_view all(bytes.data(), kBytes);
    return all.substr(0, all.find('\0'));
  }
  [[nodiscard]] bool is_known() const { return bytes.front() != '\0'; }

  friend bool operator==(const Comm& a, const Comm& b) { return a.view() == b.view(); }
};

}  // namespace hb
