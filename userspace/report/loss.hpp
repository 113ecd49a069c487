// Loss: something that the observer should have seen or said, and did not.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hb {

// Times are nanoseconds since the observer started.
struct Loss {
  std::string_view reason;                // a literal: the label of the metric that counts it
  std::uint64_t count;                    // of those that no notice has told yet
  std::uint64_t since_ns;                 // none of these was lost before
  std::uint64_t total;                    // since the start
  std::uint64_t observer_ns;              // when this was said
  std::optional<std::uint32_t> pid = {};  // whom it concerns, where it is one agent alone
};

}  // namespace hb
