// Environment variables that are for this process alone.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace hb::keep {

// Its value, taken out of the environment; nullopt: it is not there. Before there are threads.
inline std::optional<std::string> take_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string taken = value;
  ::unsetenv(name);
  return taken;
}

}  // namespace hb::keep
