/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Access to the whole sk_buff; the context of a socket filter, struct __sk_buff, shows only part of
 * it. By direct loads, which work under lockdown=confidentiality too.
 */
#ifndef HB_SKB_BPF_H
#define HB_SKB_BPF_H

/*
 * kfuncs since Linux 6.2, kernel/bpf/helpers.c. Two objects are made of this source, and user space
 * opens the one for its kernel. A weak declaration in a single one would serve every kernel too, but
 * where vmlinux has no such function libbpf looks for it in the BTF of each module, which takes
 * CAP_SYS_ADMIN.
 */
#ifdef HB_WITHOUT_KFUNCS
static __always_inline bool can_see_skb(void)
{
	return false;
}

/*
 * Never executed; for the code behind can_see_skb() to compile. Macros, since libbpf 1.5 declares one
 * of the functions.
 */
#define bpf_cast_to_kern_ctx(ctx) ((void *)(ctx))
#define bpf_rdonly_cast(from, type) ((void *)(from))
#else
extern void *bpf_cast_to_kern_ctx(void *) __ksym;
extern void *bpf_rdonly_cast(const void *, __u32) __ksym; /* as libbpf 1.5 declares it */

static __always_inline bool can_see_skb(void)
{
	return true;
}
#endif

#endif
