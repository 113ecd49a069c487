#include "report/run_stamp.hpp"

#include <fmt/format.h>

#include "observer/tracker.hpp"

namespace hb {

RunStamp new_run() { return {fmt::format("{:016x}", random_seed())}; }

}  // namespace hb
