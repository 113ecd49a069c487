// The heart of fmt is a template in a header: without this, each file that formats or logs anything
// compiles it once more, which takes 2 s and 80 KB. Included ahead of every file of the layers that
// may format (userspace/CMakeLists.txt).
#pragma once

#include <fmt/format.h>

#if FMT_VERSION < 110000  // from then on it is in fmt's library
extern template void fmt::detail::vformat_to<char>(fmt::detail::buffer<char>& out,
                                                   fmt::string_view format, fmt::format_args args,
                                                   fmt::detail::locale_ref locale);
#endif
