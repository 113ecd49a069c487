// Loss: something that the observer should have seen or said, and did not.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hb {

// Times are nanoseconds since the observer started.
struct Loss {
  std::string_view reason;    // a literal: of the metric that counts it, or of its label
  std::uint64_t count;        // of those that no notice has told yet
  std::uint64_t since_ns;     // none of these was lost before
  std::uint64_t total;        // since the start
  std::uint64_t observer_ns;  // when this was said
  std::optional<std::uint32_t> pid = {};  // whom it concerns, where it is one agent alone
  std::string_view what = {};             // a literal: what was lost, in words
};

}  // namespace hb
