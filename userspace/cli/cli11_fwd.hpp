// CLI11's App by name alone. <CLI/CLI.hpp> takes seconds to compile, and who passes an App on, or
// has only the parsed options, needs nothing of it.
#pragma once

namespace CLI {
class App;
}
