/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who sends: every process from its first datagram on, until it exits. Limits how much one of them
 * may send, and tells whose exit is of interest.
 *
 * The map forgets the longest silent when it is full. Who is forgotten starts anew with its next
 * datagram: its limit is reset, and should it die before that, its silence will tell.
 */
#ifndef HB_SENDERS_BPF_H
#define HB_SENDERS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16 * 1024); /* user space says how many before it loads */
	__type(key, struct hb_process);
	__type(value, struct hb_sender);
} senders SEC(".maps");

static __always_inline void remember(const struct hb_process *process, __u64 now_ns)
{
	struct hb_sender sender = { .even_ns = now_ns + settings.beat_interval_ns };

	if (bpf_map_update_elem(&senders, process, &sender, BPF_ANY))
		count(senders_lost);
}

/*
 * Threads of one process may race here. What is spent is added atomically; only two that find the
 * account in credit at the same instant may pay for one, once per burst.
 */
static __always_inline bool may_send(const struct hb_process *process, __u64 now_ns)
{
	struct hb_sender *sender = bpf_map_lookup_elem(&senders, process);
	__u64 even_ns;

	if (!sender) {
		remember(process, now_ns);
		return true;
	}
	if (!settings.beat_interval_ns)
		return true;
	even_ns = sender->even_ns;
	if (even_ns > now_ns + settings.burst_ns)
		return false;
	if (even_ns < now_ns)
		sender->even_ns = now_ns + settings.beat_interval_ns;
	else
		__sync_fetch_and_add(&sender->even_ns, settings.beat_interval_ns);
	return true;
}

/* Whether it was there. Of several calls for one process, one says yes. */
static __always_inline bool forget(const struct hb_process *process)
{
	return bpf_map_delete_elem(&senders, process) == 0;
}

#endif
