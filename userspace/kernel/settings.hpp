// The settings that the kernel program is loaded with, for a configuration.
#pragma once

#include "kernel/stamp_program.hpp"
#include "stamp.h"

namespace hb::kernel {

[[nodiscard]] hb_settings settings_of(const Config& config, Delivery delivery, ReadMethod method);

}  // namespace hb::kernel
