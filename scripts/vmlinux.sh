#!/usr/bin/env bash
# Makes vmlinux/vmlinux.h anew: the kernel types that bpf/ reads, and nothing else, from real BTF.
#
#   scripts/vmlinux.sh                     from the running kernel
#   scripts/vmlinux.sh BTF-FILE RELEASE    from another one (raw BTF, or a vmlinux with .BTF)
#
# First the program is compiled against everything the kernel has; its CO-RE relocations then say
# which members it reads, and bpftool keeps just these. Gaps are left out: where a member lies is
# relocated by the running kernel at load time, so no offset of this header is ever used.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
btf=${1:-/sys/kernel/btf/vmlinux}
release=${2:-$(uname -r)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The whole kernel clashes with the user space headers; in this one compilation they are empty.
mkdir -p "$work/include/linux"
touch "$work/include/linux/bpf.h" "$work/include/linux/types.h" "$work/include/stdbool.h"
bpftool btf dump file "$btf" format c > "$work/include/vmlinux.h"
clang -g -O2 -target bpf -mcpu=v3 -I"$work/include" -c "$top/bpf/hb.bpf.c" -o "$work/full.o"

bpftool gen min_core_btf "$btf" "$work/needed.btf" "$work/full.o"
{
    echo "/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */"
    echo "/* Made by scripts/vmlinux.sh from the BTF of Linux $release; not to be edited. */"
    bpftool btf dump file "$work/needed.btf" format c |
        sed -E -e '/^\t+(long|int|short|char)( int)?: ?[0-9]+;$/d' \
            -e '/^struct __sk_buff \{$/,/^\};$/d' # user space API: linux/bpf.h has it
} > "$work/vmlinux.h"
mv "$work/vmlinux.h" "$top/vmlinux/vmlinux.h"
