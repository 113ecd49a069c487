// FakeAttemptWatch: a working model of an attempt watch: a table by slot.
#pragma once

#include <cstddef>
#include <map>
#include <string_view>

#include "observer/attempt_watch.hpp"

namespace hb {

class FakeAttemptWatch final : public AttemptWatch {
 public:
  void attempt(std::uint32_t slot, std::uint64_t generation_ns, std::uint64_t at_ns,
               Unheard reason = Unheard::RingFull) {
    table_[slot] = {generation_ns, {at_ns, reason}, table_[slot].comm, table_[slot].fatal_ns};
  }
  void end_by_fatal_signal(std::uint32_t slot, std::uint64_t generation_ns, std::uint64_t at_ns) {
    table_[slot].generation_ns = generation_ns;
    table_[slot].fatal_ns = at_ns;
  }
  void call(std::uint32_t slot, std::uint64_t generation_ns, std::string_view comm) {
    table_[slot].generation_ns = generation_ns;
    table_[slot].comm = Comm(comm);
  }

  [[nodiscard]] std::optional<LastAttempt> last_attempt(
      std::uint32_t slot, std::uint64_t generation_ns) const override {
    const auto found = table_.find(slot);
    if (found == table_.end() || found->second.generation_ns != generation_ns) return std::nullopt;
    return found->second.last;
  }
  [[nodiscard]] Comm comm(std::uint32_t slot, std::uint64_t generation_ns) const override {
    const auto found = table_.find(slot);
    if (found == table_.end() || found->second.generation_ns != generation_ns) return {};
    ++names_read_;
    return found->second.comm;
  }
  [[nodiscard]] std::optional<std::uint64_t> fatal_since_ns(
      std::uint32_t slot, std::uint64_t generation_ns) const override {
    const auto found = table_.find(slot);
    if (found == table_.end() || found->second.generation_ns != generation_ns) return std::nullopt;
    return found->second.fatal_ns;
  }
  [[nodiscard]] std::size_t names_read() const { return names_read_; }

 private:
  struct Entry {
    std::uint64_t generation_ns;
    LastAttempt last;
    Comm comm;
    std::optional<std::uint64_t> fatal_ns;
  };
  std::map<std::uint32_t, Entry> table_;
  mutable std::size_t names_read_ = 0;
};

}  // namespace hb
