/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reading the bytes of a datagram.
 */
#ifndef HB_FRAME_BPF_H
#define HB_FRAME_BPF_H

/*
 * A direct load needs a BTF type, which plain bytes do not have. sk_buff::cb is a byte array that
 * is long enough, so the bytes are read as if they were the cb of a socket buffer.
 */
static __always_inline const __u64 *as_words(void *bytes)
{
	struct sk_buff *skb = bpf_rdonly_cast(bytes - bpf_core_field_offset(struct sk_buff, cb),
					      bpf_core_type_id_kernel(struct sk_buff));

	return (const void *)__builtin_preserve_access_index(&skb->cb);
}

_Static_assert(sizeof(((struct sk_buff *)0)->cb) >= HB_FRAME_BYTES,
	       "a frame is read as if it were sk_buff::cb");

/*
 * bpf_skb_load_bytes() always works, but the call costs about 25 ns. Where the program can read the
 * sk_buff and its data is linear, four loads are enough. True if the bytes could be read.
 */
static __always_inline bool load_frame(struct hb_stamp *stamp, struct __sk_buff *ctx, bool direct)
{
	__u64 *to = (__u64 *)stamp->frame;

	if (direct && can_see_skb()) {
		struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);

		if (!load(true, skb, data_len)) {
			const __u64 *from = as_words(load(true, skb, data));

			to[0] = from[0];
			to[1] = from[1];
			to[2] = from[2];
			to[3] = from[3];
			return true;
		}
	}
	return bpf_skb_load_bytes(ctx, 0, stamp->frame, HB_FRAME_BYTES) == 0;
}

#endif
