// EventSink: writes the observer's events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observer/event.hpp"
#include "observer/service_facts.hpp"
#include "report/loss.hpp"
#include "report/reach_change.hpp"
#include "report/totals.hpp"

namespace hb {

// That the observer goes on where another one was ended.
struct Resumed {
  std::uint64_t away_ns = 0;       // how long nobody observed
  std::size_t agents = 0;          // that are known to it
  std::size_t agents_dropped = 0;  // of which what was left is not to be believed
};

// Agents can send now.
struct Ready {
  std::string socket;
  std::uint32_t pid = 0;                           // the observer's own
  std::optional<std::uint32_t> pid_ns_inode = {};  // and its PID namespace
  std::vector<std::string> udp = {};               // where they can send over UDP too
  std::string http_address = {};                   // where metrics are served; empty: nowhere
  std::optional<Resumed> resumed = {};
};

// Order of calls: ready() once, write() for each event, loss() and reach() for each notice,
// stopped() once.
// One thread. Write errors are reported by the LineWriter.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void ready(const Ready& observer) = 0;
  virtual void write(const Event& event) = 0;
  // May be called by the LineWriter inside of another call's write (LineWriter::tell_gaps_with).
  // False: it could not be written, and has to be told again.
  virtual bool loss(const Loss& loss) = 0;
  virtual void reach(const ReachChange& change) = 0;
  virtual void stopped(const Totals& totals) = 0;

  // From now on stalls are told with their services. Borrows `services`.
  void look_up_services_in(const ServiceLookup& services) { services_ = &services; }

 protected:
  // nullptr: services are not looked up.
  [[nodiscard]] const ServiceLookup* services() const { return services_; }

 private:
  const ServiceLookup* services_ = nullptr;
};

// --events none.
class SilentSink final : public EventSink {
 public:
  void ready(const Ready&) override {}
  void write(const Event&) override {}
  bool loss(const Loss&) override { return true; }
  void reach(const ReachChange&) override {}
  void stopped(const Totals&) override {}
};

// Which beats a stream shows. Everything else is always shown.
enum class BeatsShown : std::uint8_t { All, Changes, None };

[[nodiscard]] inline bool is_shown(const Event& event, BeatsShown shown) {
  const auto* beat = std::get_if<Beat>(&event);
  if (beat == nullptr) return true;
  switch (shown) {
    case BeatsShown::All: return true;
    case BeatsShown::Changes: return beat->first_or_changed;
    case BeatsShown::None: return false;
  }
  return true;
}

}  // namespace hb
