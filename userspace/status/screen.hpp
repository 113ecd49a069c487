// Screen: the terminal, by ncurses. The only place that knows it.
//
// Open once, at a time when no other thread runs: SIGWINCH is blocked from then on, and
// resizes_fd() is readable instead. The destructor puts the terminal back as it was, also when an
// exception passes. One thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "status/screen_line.hpp"
#include "status/top_view.hpp"

namespace hb::status {

class Screen {
 public:
  // On standard input and output. The Error says what is wrong with the terminal.
  static Result<std::unique_ptr<Screen>> open();

  virtual ~Screen() = default;

  virtual void draw(const std::vector<ScreenLine>& lines) = 0;

  // The next key that was pressed; does not wait. Poll standard input for them.
  virtual std::optional<Key> next_key() = 0;

  [[nodiscard]] virtual Size size() const = 0;
  // Readable when the terminal has another size; then call take_resize().
  [[nodiscard]] virtual int resizes_fd() const = 0;
  virtual void take_resize() = 0;
};

}  // namespace hb::status
