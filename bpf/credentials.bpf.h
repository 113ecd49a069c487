/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What SCM_CREDENTIALS of this datagram will contain.
 *
 * If the sender passed credentials itself, unix_dgram_sendmsg() has attached them (UNIXCB(skb).pid
 * is set) before the filter runs. Otherwise maybe_add_creds() attaches current's tgid, uid and gid,
 * on most kernels after the filter. Source: net/unix/af_unix.c, include/net/af_unix.h.
 */
#ifndef HB_CREDENTIALS_BPF_H
#define HB_CREDENTIALS_BPF_H

static __always_inline void stamp_attached(struct hb_stamp *stamp, struct unix_skb_parms *attached,
					   const struct hb_observer *observer, bool direct)
{
	struct pid *pid = load(direct, attached, pid);

	stamp->flags |= HB_STAMP_CREDENTIALS;
	if (load(direct, attached, fp))
		stamp->flags |= HB_STAMP_DESCRIPTORS;
	if (!pid) {
		stamp->cred_pid = stamp->tgid;
		stamp->cred_uid = stamp->uid;
		stamp->cred_gid = stamp->gid;
		return;
	}
	stamp->flags |= HB_STAMP_CREDENTIALS_CHOSEN;
	stamp->cred_pid = nr_for_observer(pid, observer, direct);
	stamp->cred_uid = load(direct, attached, uid.val);
	stamp->cred_gid = load(direct, attached, gid.val);
}

static __always_inline void stamp_credentials(struct hb_stamp *stamp, struct __sk_buff *ctx,
					      const struct hb_observer *observer, bool direct)
{
	struct sk_buff *skb;

	if (!direct) {
		/* __sk_buff is the verifier's view of this sk_buff: ctx is the address of the sk_buff. */
		skb = (void *)ctx;
		stamp_attached(stamp, (void *)__builtin_preserve_access_index(&skb->cb), observer,
			       false);
		return;
	}
	if (!can_see_skb())
		return;
	skb = bpf_cast_to_kern_ctx(ctx);
	stamp_attached(stamp,
		       bpf_rdonly_cast(skb->cb, bpf_core_type_id_kernel(struct unix_skb_parms)),
		       observer, true);
}

#endif
