// KnownCgroups: which service each cgroup is in which agents live, as far as it was asked for.
//
// Bounded: at most `capacity` cgroups, of them at most a quarter for agents of one uid other than
// 0. For a new one the oldest is forgotten in which nobody lives, else the oldest of the uid that
// has most; of the newcomer's uid, if its share is full. One thread; allocates for new cgroups.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "observer/service_facts.hpp"

namespace hb {

class KnownCgroups {
 public:
  using Uid = std::optional<std::uint32_t>;

  explicit KnownCgroups(std::size_t capacity) : capacity_(capacity) {}

  // An agent has begun to beat. True: the cgroup is new, and somebody has to ask for it.
  [[nodiscard]] bool began(std::uint64_t id, const Uid& uid);
  // An agent has ended.
  void ended(std::uint64_t id);
  // nullopt: nobody knows it. Then it is asked for again when the next agent begins. False: nobody
  // waits for the answer.
  bool answer(std::uint64_t id, const std::optional<ServiceFacts>& facts);

  [[nodiscard]] bool is_pending(std::uint64_t id) const;
  // nullptr: not known.
  [[nodiscard]] const ServiceFacts* facts(std::uint64_t id) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Uid uid;  // of the first agent
    std::uint64_t order = 0;
    std::size_t agents = 0;
    std::optional<ServiceFacts> facts;  // nullopt: asked for
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;

  [[nodiscard]] bool make_room(const Uid& uid);
  [[nodiscard]] std::size_t count_of(const Uid& uid) const;
  [[nodiscard]] Uid uid_with_most() const;
  template <typename MayGo>
  bool forget_oldest(MayGo may_go);

  const std::size_t capacity_;
  Entries entries_;
  std::uint64_t orders_ = 0;
};

}  // namespace hb
