// Scrubber: takes secrets out of what support-bundle writes.
//
// Hidden are 64 or more hexadecimal digits in a row, which is what a key looks like (a container's
// id and a checksum look so too), the login in a URL, what follows `Authorization:` in its line,
// and whatever the caller names.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace hb::cli {

class Scrubber {
 public:
  // Less than 4 bytes are not hidden elsewhere: they would be found everywhere.
  void hide(const std::string& secret);

  [[nodiscard]] std::string scrubbed(std::string text) const;
  // Every string in it, also the names of fields.
  [[nodiscard]] nlohmann::ordered_json scrubbed_json(const nlohmann::ordered_json& json) const;

 private:
  std::vector<std::string> secrets_;
};

}  // namespace hb::cli
