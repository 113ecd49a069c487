// What a measurement takes from an observer's event stream: lines until an instant, as JSON, each
// with the instant at which it had been read.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/result.hpp"
#include "bench/observer_process.hpp"

namespace hb::bench {

// Calls on_event(const nlohmann::json&, read_ns) for each line until the deadline.
template <typename OnEvent>
Status read_until(ObserverProcess& observer, std::uint64_t deadline_ns, OnEvent&& on_event) {
  for (;;) {
    const auto said = observer.next_line(deadline_ns);
    if (!said) return said.error();
    if (!said.value()) return ok();
    const auto event = nlohmann::json::parse(said.value()->text, nullptr, false);
    if (!event.is_object()) return Error{"`hb-ebpf run` said: " + said.value()->text};
    on_event(event, said.value()->read_ns);
  }
}

}  // namespace hb::bench
