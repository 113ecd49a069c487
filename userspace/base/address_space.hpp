// Whether a limit of address space (RLIMIT_AS) may be why something failed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace hb {

// After a failure for which a lack of memory may be the cause, also one that does not say so: what
// is lacking, and the remedy. nullopt: there is no limit, or much is left of it.
[[nodiscard]] std::optional<std::string> lack_of_address_space();

// From now on std::terminate() says it, if that is the cause, and ends the process with exit code
// 1: where there is no memory for an exception either, as while CLI11 is initialised before main().
void tell_lack_at_terminate();

// Whether so much can be allocated now.
[[nodiscard]] bool has_room_for(std::size_t bytes);
// What libseccomp takes for a filter of ours is less. Where malloc(3) fails, it gives EFAULT, or is
// ended by SIGSEGV, so ask before.
inline constexpr std::size_t kSeccompRoom_bytes = std::size_t{1} << 20;

}  // namespace hb
