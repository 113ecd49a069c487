/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether the receiving socket has been closed.
 *
 * A sender that has connected keeps the socket, and with it this filter, after its owner has closed
 * it or ended. unix_dgram_sendmsg() looks at SOCK_DEAD only after the filter, and then says
 * ECONNREFUSED; a filter that drops the datagram makes sendmsg(2) succeed instead. So datagrams for
 * a closed socket must pass.
 *
 * Sources: unix_dgram_sendmsg() and unix_release_sock() in net/unix/af_unix.c; while a filter runs,
 * skb->sk is the receiver, see sk_filter_trim_cap() in net/core/filter.c.
 */
#ifndef HB_RECEIVER_BPF_H
#define HB_RECEIVER_BPF_H

enum { HB_SOCK_DEAD = 1 << 0 }; /* SOCK_DEAD, include/net/sock.h */

static __always_inline bool is_dead(struct sock *receiver, bool direct)
{
	return load(direct, receiver, __sk_common.skc_flags) & HB_SOCK_DEAD;
}

/* False also where the program cannot see the socket. */
static __always_inline bool receiver_is_dead(struct __sk_buff *ctx, bool direct)
{
	struct sk_buff *skb;
	struct sock *receiver;

	if (!direct) {
		skb = (void *)ctx; /* see stamp_credentials() */
		receiver = load(false, skb, sk);
		return receiver && is_dead(receiver, false);
	}
	if (can_see_skb()) {
		skb = bpf_cast_to_kern_ctx(ctx);
		receiver = load(true, skb, sk);
		return receiver && is_dead(receiver, true);
	}
	/* Linux 5.16 to 6.1. */
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_skc_to_unix_sock) && ctx->sk) {
		receiver = (void *)bpf_skc_to_unix_sock(ctx->sk);
		return receiver && is_dead(receiver, true);
	}
	return false;
}

#endif
