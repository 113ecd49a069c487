// The kernel program comes as two objects of one source, see bpf/skb.bpf.h: with kfuncs and
// without. The running kernel's own is opened. Whatever is opened is a struct hb_program, as both
// have the same maps, programs and global variables; that is checked when this is compiled.
#pragma once

#include "stamp.h"

struct hb_program;  // the skeleton that bpftool makes

namespace hb::kernel {

// Whether the running kernel has the kfuncs (6.2): direct loads need them to see the socket buffer.
// Reads the kernel's BTF once.
[[nodiscard]] bool has_context_kfuncs();

// nullptr with errno. To be freed with hb_program__destroy().
[[nodiscard]] hb_program* open_program();

}  // namespace hb::kernel
