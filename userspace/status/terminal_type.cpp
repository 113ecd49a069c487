#include "status/terminal_type.hpp"

#include <curses.h>
#include <term.h>  // whose macros are common words: no other file includes it
#include <unistd.h>

namespace hb::status {

bool is_terminal_type_known() {
  int why = 0;
  if (::setupterm(nullptr, STDOUT_FILENO, &why) == ERR) return false;
  ::del_curterm(cur_term);
  return true;
}

}  // namespace hb::status
