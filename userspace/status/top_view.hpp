// TopView: what `hb-ebpf top` shows, line by line, and what its keys do. Knows no terminal.
//
//   hb-ebpf 0.1.0  pid 812  up 3h12m  healthy  ready                  1-2/2 by age
//   agents 2 (0 silent)  beats/s 4.0  stalls 1  loop 5ms  self-beat 120ms
//   nothing lost
//   SERVICE ...     one row each; those that are not well first; at most a third of the rows
//   PID ...         one row each, from where the user has scrolled to
//   keys, or the filter that is being typed
//
// Reasons why the observer is not well have lines of their own. If it cannot be read, that stands
// in place of the first line, and the rest stays as it was last told.
//
// One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "status/agent_list.hpp"
#include "status/beat_rates.hpp"
#include "status/document.hpp"
#include "status/screen_line.hpp"

namespace hb::status {

struct Key {
  enum class Name : std::uint8_t {
    Character,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
  };
  Name name;
  char character = '\0';  // of Name::Character: printable ASCII
};

class TopView {
 public:
  explicit TopView(Size size) : size_(size) {}
  TopView(const TopView&) = delete;  // it points into itself
  TopView& operator=(const TopView&) = delete;

  void resize(Size size);
  void take(StatusDocument document);
  // The observer could not be read, or not understood. Until the next take().
  void lose(const std::string& why);

  void press(Key key);
  [[nodiscard]] bool is_over() const { return is_over_; }
  // Documents are not to be fetched.
  [[nodiscard]] bool is_paused() const { return is_paused_; }

  // As many as the screen has rows, none wider than it.
  [[nodiscard]] std::vector<ScreenLine> lines() const;

 private:
  void type(Key key);
  void press_character(char character);
  void order_by(AgentOrder order);
  void scroll_to(std::size_t row);
  void rearrange();

  [[nodiscard]] std::vector<ScreenLine> header() const;
  [[nodiscard]] ScreenLine first_line() const;
  [[nodiscard]] std::string position() const;
  [[nodiscard]] std::vector<ScreenLine> service_table(std::size_t header_rows) const;
  // Above the rows of agents: the header, services and heading.
  [[nodiscard]] std::vector<ScreenLine> above_agents() const;
  [[nodiscard]] std::size_t agent_rows() const;
  [[nodiscard]] ScreenLine footer() const;

  Size size_;
  std::optional<StatusDocument> document_;
  std::string lost_;  // why; empty: it is there
  BeatRates rates_;

  Arrangement arrangement_;
  std::vector<RatedAgent> arranged_;  // points into document_
  std::size_t first_row_ = 0;         // of arranged_, the one at the top
  bool is_typing_ = false;            // the filter
  bool is_paused_ = false;
  bool is_over_ = false;
};

}  // namespace hb::status
