// Gnuplot as a child process: commands on its standard input, a picture on its standard output. No
// shell, and nothing of ours left open in it.
#pragma once

#include <string>

#include "base/result.hpp"

namespace hb::bench {

// The Error has ENOENT, and says how to install it, when there is none.
[[nodiscard]] Result<> gnuplot_is_there();

// Runs it to its end. What it draws goes to `out_fd`.
[[nodiscard]] Result<> run_gnuplot(const std::string& script, int out_fd);

}  // namespace hb::bench
