// LineBuffer: a bounded queue of whole lines.
//
// Memory is touched when used, and does not grow. The constructor throws std::bad_alloc.
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

  // As many whole first lines as fit into `at_most` bytes, or the beginning of a longer line. Valid
  // until the next append().
  [[nodiscard]] std::string_view front(std::size_t at_most) const;
  void pop(std::size_t bytes);
  void clear();

  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] bool is_half_empty() const { return end_ - begin_ <= pages_.bytes() / 2; }
  [[nodiscard]] std::size_t lines() const;
  // The beginning of the first line has been written already.
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
