// FakeAttemptWatch: a working model of an attempt watch: a table by slot.
#pragma once

#include <map>

#include "observer/attempt_watch.hpp"

namespace hb {

class FakeAttemptWatch final : public AttemptWatch {
 public:
  void attempt(std::uint32_t slot, std::uint64_t generation_ns, std::uint64_t at_ns,
               Unheard reason = Unheard::RingFull) {
    table_[slot] = {generation_ns, {at_ns, reason}};
  }

  [[nodiscard]] std::optional<LastAttempt> last_attempt(
      std::uint32_t slot, std::uint64_t generation_ns) const override {
    const auto found = table_.find(slot);
    if (found == table_.end() || found->second.generation_ns != generation_ns) return std::nullopt;
    return found->second.last;
  }

 private:
  struct Entry {
    std::uint64_t generation_ns;
    LastAttempt last;
  };
  std::map<std::uint32_t, Entry> table_;
};

}  // namespace hb
