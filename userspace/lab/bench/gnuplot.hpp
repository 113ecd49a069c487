// Gnuplot as a child process: commands on standard input, the picture on standard output. No shell,
// and no inherited descriptors.
#pragma once

#include <string>

#include "base/result.hpp"

namespace hb::bench {

// The Error has ENOENT if gnuplot is not installed.
[[nodiscard]] Result<> gnuplot_is_there();

// Runs it and waits for its end. The picture is written to `out_fd`.
[[nodiscard]] Result<> run_gnuplot(const std::string& script, int out_fd);

}  // namespace hb::bench
