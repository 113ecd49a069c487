// Whether a limit of address space (RLIMIT_AS) may be why something failed.
#pragma once

#include <optional>
#include <string>

namespace hb {

// After a failure for which a lack of memory may be the cause, also one that does not say so: what
// is lacking, and the remedy. nullopt: there is no limit, or much is left of it.
[[nodiscard]] std::optional<std::string> lack_of_address_space();

}  // namespace hb
