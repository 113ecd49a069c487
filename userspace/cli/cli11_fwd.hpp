// Forward declaration of CLI::App, since <CLI/CLI.hpp> takes seconds to compile.
#pragma once

namespace CLI {
class App;
}
