// How often this program has called operator new so far.
#pragma once

#include <cstddef>

namespace hb::test {

std::size_t allocations();

}  // namespace hb::test
