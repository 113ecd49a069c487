#include "keep/descriptor_name.hpp"

#include <algorithm>

namespace hb::keep {
namespace {

constexpr std::size_t kMaxNameBytes = 255;  // FDNAME_MAX of systemd

bool is_allowed(char c) { return c >= ' ' && c <= '~' && c != ':'; }

}  // namespace

bool is_descriptor_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), is_allowed);
}

}  // namespace hb::keep
