// KeptDescriptors: what a keeper holds for the program that it starts. Bounded: at most kMostKept.
// One thread.
#pragma once

#include <vector>

#include "keep/descriptor_name.hpp"

namespace hb::keep {

class KeptDescriptors {
 public:
  explicit KeptDescriptors(std::vector<NamedFd> first) : kept_(std::move(first)) {}

  enum class Kept { Yes, Already, NoRoom };
  // The same open file under the same name is kept once, where the kernel can tell (kcmp(2)). What
  // is not kept is closed.
  Kept keep(const std::string& name, Fd fd);
  // All of that name. Returns how many there were.
  std::size_t forget(const std::string& name);

  // In the order in which they came.
  [[nodiscard]] const std::vector<NamedFd>& all() const { return kept_; }

 private:
  std::vector<NamedFd> kept_;
};

}  // namespace hb::keep
