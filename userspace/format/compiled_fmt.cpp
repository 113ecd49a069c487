#include "format/compiled_fmt.hpp"

#if FMT_VERSION < 110000
template void fmt::detail::vformat_to<char>(fmt::detail::buffer<char>& out, fmt::string_view format,
                                            fmt::format_args args, fmt::detail::locale_ref locale);
#endif
