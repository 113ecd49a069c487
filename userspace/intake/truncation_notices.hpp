// TruncationNotices: reports how many datagrams the kernel program has dropped because they carried
// descriptors. At most once a second, as senders can produce any number of them.
//
// Borrows the program. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/units.hpp"
#include "kernel/stamp_program.hpp"
#include "observer/source.hpp"

namespace hb::intake {

class TruncationNotices {
 public:
  explicit TruncationNotices(const kernel::StampProgram& program) : program_(program) {}

  // What has not been reported yet, if a second has passed.
  std::optional<AncillaryTruncated> next(std::uint64_t now_ns) {
    const std::uint64_t dropped = program_.descriptors_dropped();
    if (dropped == told_ || now_ns < next_ns_) return std::nullopt;
    next_ns_ = now_ns + kInterval_ns;
    return AncillaryTruncated{dropped - std::exchange(told_, dropped)};
  }

  // How many have been reported; and that a predecessor has reported so many.
  [[nodiscard]] std::uint64_t told() const { return told_; }
  void go_on_at(std::uint64_t told) { told_ = std::min(told, program_.descriptors_dropped()); }

 private:
  static constexpr std::uint64_t kInterval_ns = kNsPerSecond;

  const kernel::StampProgram& program_;
  std::uint64_t told_ = 0;
  std::uint64_t next_ns_ = 0;
};

}  // namespace hb::intake
