// Glob: a pattern of a policy file. * stands for any characters, / included; ? for one; everything
// else for itself.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace hb {

class Glob {
 public:
  explicit Glob(std::string pattern) : pattern_(std::move(pattern)) {}

  [[nodiscard]] const std::string& text() const { return pattern_; }
  [[nodiscard]] bool matches(std::string_view text) const;
  // Whether there is a text that both match.
  [[nodiscard]] bool overlaps(const Glob& other) const;

  friend bool operator==(const Glob&, const Glob&) = default;

 private:
  std::string pattern_;
};

}  // namespace hb
