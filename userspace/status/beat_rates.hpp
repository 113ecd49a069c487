// BeatRates: beats per second, of each agent and of all, from one status document to the next: an
// agent's nonce rises by one with each beat.
//
// Rates are taken over the last few documents, so that an agent that beats every other second does
// not seem to change its pace with each. Their times are when the observer wrote down what they
// tell: it may tell the same twice. A number that goes back (an agent that began anew, another run
// of the observer) begins anew here too. Remembers the agents of the last document alone.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "status/document.hpp"

namespace hb::status {

class BeatRates {
 public:
  static constexpr std::size_t kDocuments = 6;

  void take(const StatusDocument& document);

  // Not known before the second document that shows the agent.
  [[nodiscard]] std::optional<double> of(const AgentLine& agent) const;
  [[nodiscard]] std::optional<double> of_all() const;

 private:
  struct Sample {
    std::uint64_t at_ns;
    std::uint64_t count;
  };
  using Samples = std::deque<Sample>;
  using Key = std::pair<std::uint64_t, std::string>;  // pid, host

  static std::optional<Key> key_of(const AgentLine& agent);
  static void add(Samples& samples, Sample sample);
  static std::optional<double> rate(const Samples& samples);

  Text run_;
  std::map<Key, Samples> agents_;
  Samples all_;
};

}  // namespace hb::status
