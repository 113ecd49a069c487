/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Access to the whole sk_buff; the context of a socket filter, struct __sk_buff, shows only part of
 * it. By direct loads, which work under lockdown=confidentiality too.
 */
#ifndef HB_SKB_BPF_H
#define HB_SKB_BPF_H

/* kfuncs since Linux 6.2, kernel/bpf/helpers.c; weak, so that older kernels load the program. */
extern void *bpf_cast_to_kern_ctx(void *) __ksym __weak;
extern void *bpf_rdonly_cast(const void *, __u32) __ksym __weak; /* as libbpf 1.5 declares it */

static __always_inline bool can_see_skb(void)
{
	return bpf_ksym_exists(bpf_cast_to_kern_ctx) && bpf_ksym_exists(bpf_rdonly_cast);
}

#endif
