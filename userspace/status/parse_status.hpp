// JSON to StatusDocument. The text may come from whoever has the path of the status socket: how
// deep it nests, and what it has of fields and agents, is bounded here, and how long it is by
// StatusFetch. The time that it takes grows with the length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "status/document.hpp"

namespace hb::status {

// The version that this program reads.
inline constexpr std::uint64_t kDocumentVersion = 1;

// An observer tells of at most 1024.
inline constexpr std::size_t kMaxAgents = 4096;
// In one object: finding one costs a step for each.
inline constexpr std::size_t kMaxFields = 1024;

// Unknown fields are ignored; null or no field at all is "not known". A field of another type, no
// JSON at all, another version or more agents are an Error, which says what to do.
[[nodiscard]] Result<StatusDocument> parse_status(std::string_view text);

// The same document on one line, in ASCII: names in it cannot be taken for a terminal's commands.
// `text` must be one that parse_status() accepts.
[[nodiscard]] std::string on_one_line(std::string_view text);

}  // namespace hb::status
