// LineBuffer: bytes of whole lines that wait, in their order; bounded.
//
// Its memory is untouched until a line waits, and never grows. Throws std::bad_alloc when made.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/zeroed_pages.hpp"

namespace hb {

class LineBuffer {
 public:
  explicit LineBuffer(std::size_t bytes) : pages_(bytes) {}

  // `line` ends with its newline. False: there is no room for it.
  bool append(std::string_view line);
  // The same, for a line whose beginning has been written already.
  bool append_rest(std::string_view rest);

  // The first bytes: as many whole lines as fit into `at_most`, or the beginning of a line that is
  // longer. Valid until the next append().
  [[nodiscard]] std::string_view front(std::size_t at_most) const;
  void pop(std::size_t bytes);
  void clear();

  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] bool is_half_empty() const { return end_ - begin_ <= pages_.bytes() / 2; }
  [[nodiscard]] std::size_t lines() const;
  // The beginning of the first line is gone already.
  [[nodiscard]] bool begins_within_a_line() const { return within_a_line_; }

 private:
  [[nodiscard]] std::string_view text() const {
    return {pages_.as<char>() + begin_, end_ - begin_};
  }

  ZeroedPages pages_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool within_a_line_ = false;
};

}  // namespace hb
