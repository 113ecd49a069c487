// Loss: a notice that frames, exits or output lines were lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hb {

// Times are nanoseconds since the observer started.
struct Loss {
  std::string_view reason;    // a literal: of the metric that counts it, or of its label
  std::uint64_t count;        // since the last notice
  std::uint64_t since_ns;     // all of them were lost after this
  std::uint64_t total;        // since the start
  std::uint64_t observer_ns;  // when this notice was made
  std::optional<std::uint32_t> pid = {};  // the agent, if it concerns only one
  std::string_view what = {};             // a literal: what was lost, in words
};

}  // namespace hb
