#!/usr/bin/env bash
# Generates vmlinux/vmlinux.h: only the kernel types that bpf/ reads, from BTF.
#
#   scripts/vmlinux.sh                     from the running kernel
#   scripts/vmlinux.sh BTF-FILE RELEASE    from another one (raw BTF, or a vmlinux with .BTF)
#
# First both objects are compiled with all kernel types; their CO-RE relocations show which members are
# read, and bpftool keeps only these. Padding is left out: offsets are relocated at load time, so
# those of this header are never used.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
btf=${1:-/sys/kernel/btf/vmlinux}
release=${2:-$(uname -r)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# All kernel types conflict with the user space headers, which are empty in this one compilation.
mkdir -p "$work/include/linux"
touch "$work/include/linux/bpf.h" "$work/include/linux/types.h" "$work/include/stdbool.h"
bpftool btf dump file "$btf" format c > "$work/include/vmlinux.h"
for define in HB_WITH_KFUNCS HB_WITHOUT_KFUNCS; do
    clang -g -O2 -target bpf -mcpu=v3 -D"$define" -DBPF_NO_KFUNC_PROTOTYPES -I"$work/include" \
        -c "$top/bpf/hb.bpf.c" -o "$work/$define.o"
done

bpftool gen min_core_btf "$btf" "$work/needed.btf" "$work/HB_WITH_KFUNCS.o" "$work/HB_WITHOUT_KFUNCS.o"
{
    echo "/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */"
    echo "/* Made by scripts/vmlinux.sh from the BTF of Linux $release; not to be edited. */"
    bpftool btf dump file "$work/needed.btf" format c |
        sed -E -e '/^\t+(long|int|short|char)( int)?: ?[0-9]+;$/d' \
            -e '/^(struct __sk_buff|enum bpf_func_id) \{$/,/^\};$/d' # user space API: linux/bpf.h has them
} > "$work/vmlinux.h"
mv "$work/vmlinux.h" "$top/vmlinux/vmlinux.h"
