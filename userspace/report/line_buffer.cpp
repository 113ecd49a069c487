#include "report/line_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace hb {

bool LineBuffer::append(std::string_view line) {
  char* memory = pages_.as<char>();
  const std::size_t used = end_ - begin_;
  if (line.size() > pages_.bytes() - used) return false;
  if (line.size() > pages_.bytes() - end_) {
    std::memmove(memory, memory + begin_, used);
    begin_ = 0;
    end_ = used;
  }
  line.copy(memory + end_, line.size());
  end_ += line.size();
  return true;
}

bool LineBuffer::append_rest(std::string_view rest) {
  const bool is_first = empty();
  if (!append(rest)) return false;
  within_a_line_ = within_a_line_ || is_first;
  return true;
}

std::string_view LineBuffer::front(std::size_t at_most) const {
  const std::string_view all = text();
  if (all.size() <= at_most) return all;
  const std::string_view fitting = all.substr(0, at_most);
  const std::size_t last_newline = fitting.rfind('\n');
  return last_newline == std::string_view::npos ? fitting : fitting.substr(0, last_newline + 1);
}

void LineBuffer::pop(std::size_t bytes) {
  if (bytes == 0) return;
  within_a_line_ = text()[bytes - 1] != '\n';
  begin_ += bytes;
  if (empty()) clear();
}

void LineBuffer::clear() {
  begin_ = end_ = 0;
  within_a_line_ = false;
}

std::size_t LineBuffer::lines() const {
  const std::string_view all = text();
  return static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n'));
}

}  // namespace hb
