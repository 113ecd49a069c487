/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stamps messages of systemd's notify protocol: datagrams of any length, which arrive in a ring of
 * their own. None is ever queued on the socket. So a descriptor that is passed with one is closed
 * inside sendmsg(2), which is what sd_notify_barrier(3) waits for.
 */
#ifndef HB_NOTE_BPF_H
#define HB_NOTE_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024); /* user space sets the sizes before it loads the program */
} notes SEC(".maps");

/*
 * A message is too long for the stack. A buffer is taken from the queue of free ones while it is
 * gathered, so a program that is preempted keeps one buffer and nothing else.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HB_NOTE_BUFFERS);
	__type(key, __u32);
	__type(value, struct hb_note);
} note_buffers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, HB_NOTE_BUFFERS);
	__type(value, __u32);
} free_notes SEC(".maps");

enum {
	HB_NOTE_UNIT_BYTES = 128, /* a message costs as much as a beat for each begun unit */
};

/* 1 to HB_NOTE_BYTES, in a way that the verifiers of all kernels understand. */
static __always_inline __u64 kept_bytes(__u32 sent_bytes)
{
	__u64 above_one = sent_bytes > HB_NOTE_BYTES ? HB_NOTE_BYTES - 1 : sent_bytes - 1;

	barrier_var(above_one);
	return (above_one & (HB_NOTE_BYTES - 1)) + 1;
}

static __always_inline bool fill_note(struct hb_note *note, struct __sk_buff *ctx,
				      const struct hb_stamp *stamp, __u32 sent_bytes, __u64 bytes)
{
	note->stamp = *stamp;
	note->sent_bytes = sent_bytes;
	note->text_bytes = bytes;
	return !bpf_skb_load_bytes(ctx, 0, note->text, bytes);
}

/* Why it is dropped; HB_DROP_REASONS: it is in the ring. */
static __always_inline enum hb_drop put_note(struct hb_note *note, struct __sk_buff *ctx,
					     const struct hb_stamp *stamp, __u32 sent_bytes)
{
	__u64 bytes = kept_bytes(sent_bytes);

	if (!note || !fill_note(note, ctx, stamp, sent_bytes, bytes))
		return HB_DROP_UNREADABLE;
	/* The reader is woken if it has read all that was there before. */
	if (bpf_ringbuf_output(&notes, note, __builtin_offsetof(struct hb_note, text) + bytes, 0))
		return HB_DROP_RING_FULL;
	return HB_DROP_REASONS;
}

static __always_inline int take_note(struct __sk_buff *ctx, struct hb_sender *sender,
				     const struct hb_stamp *stamp, __u32 sent_bytes)
{
	struct hb_note *note;
	enum hb_drop reason;
	__u32 buffer = 0;

	if (bpf_map_pop_elem(&free_notes, &buffer))
		return refuse_attempt(sender, stamp, HB_DROP_NO_BUFFER);
	note = bpf_map_lookup_elem(&note_buffers, &buffer);
	reason = put_note(note, ctx, stamp, sent_bytes);
	bpf_map_push_elem(&free_notes, &buffer, BPF_ANY);
	if (reason == HB_DROP_RING_FULL)
		return refuse_attempt(sender, stamp, HB_DROP_RING_FULL);
	if (reason == HB_DROP_UNREADABLE)
		return refuse_attempt(sender, stamp, HB_DROP_UNREADABLE);
	sender->stamped_ns = stamp->ktime_ns;
	count(stamps);
	count(notes);
	return HB_DROP;
}

/* What a message costs: as much as a beat for each begun unit of what is kept of it. */
struct note_cost {
	__u64 units;
	__u64 record_bytes;
	bool is_exempt; /* from its owners' rates */
};

static __always_inline struct note_cost cost_of(__u32 sent_bytes, const struct hb_sender *sender,
						__u64 now_ns)
{
	__u64 bytes = kept_bytes(sent_bytes);
	struct note_cost cost = {
		.units = 1 + (bytes - 1) / HB_NOTE_UNIT_BYTES,
		.record_bytes = __builtin_offsetof(struct hb_note, text) + bytes + 8,
	};

	cost.is_exempt = cost.units == 1 && is_known_and_quiet(sender, now_ns);
	return cost;
}

/* For who is exempt the ring is crowded later: its owner's share may have been used up by others. */
static __always_inline bool owner_allows_note(struct hb_owner *owner, const struct note_cost *cost,
					      const struct ring_state *ring, __u64 now_ns)
{
	__u64 crowded_bytes = levels.note_crowded_bytes;

	if (!owner)
		return true;
	if (cost->is_exempt)
		crowded_bytes += crowded_bytes / 2;
	else if (!owner_may_send(owner, now_ns))
		return false;
	return use_allows(&owner->notes, ring, crowded_bytes, levels.note_owner_bytes);
}

static __always_inline void owner_spend_note(struct hb_owner *owner, const struct note_cost *cost,
					     const struct ring_state *ring, __u64 now_ns)
{
	if (!owner)
		return;
	if (!cost->is_exempt)
		gcra_spend(&owner->tat_ns, cost->units * settings.owner_interval_ns, now_ns);
	use_spend(&owner->notes, ring, cost->record_bytes);
}

/* As owners_spend(). */
static __always_inline bool owners_spend_note(const struct owners_of *of,
					      const struct note_cost *cost, __u64 now_ns)
{
	struct hb_owner *uid = bpf_map_lookup_elem(&owners, &of->uid);
	struct hb_owner *cgroup = bpf_map_lookup_elem(&owners, &of->cgroup);
	struct ring_state ring = {
		.unread_bytes = bpf_ringbuf_query(&notes, BPF_RB_AVAIL_DATA),
		.read_to = bpf_ringbuf_query(&notes, BPF_RB_CONS_POS),
	};

	if (!owner_allows_note(uid, cost, &ring, now_ns) ||
	    !owner_allows_note(cgroup, cost, &ring, now_ns))
		return false;
	owner_spend_note(uid, cost, &ring, now_ns);
	owner_spend_note(cgroup, cost, &ring, now_ns);
	return true;
}

/* As stamp_datagram(): who sends is all that matters, since a message claims nothing. */
static __always_inline int stamp_note(struct __sk_buff *ctx, struct task_struct *task, bool direct)
{
	struct hb_stamp stamp = { .version = HB_STAMP_VERSION };
	struct hb_observer snapshot = observer;
	struct owners_of owners = {};
	struct hb_sender *sender;
	__u32 sent_bytes = ctx->len;
	struct note_cost cost;

	if (receiver_is_dead(ctx, direct))
		return HB_KEEP; /* the kernel says ECONNREFUSED */
	count(attempts);
	if (!sent_bytes)
		return drop(HB_DROP_WRONG_LENGTH);
	if (sent_bytes == HB_FRAME_BYTES && !load_frame(&stamp, ctx, direct))
		return drop(HB_DROP_UNREADABLE);
	stamp_owner(&stamp, task, direct);
	stamp_process(&stamp, task, &snapshot, direct);
	stamp_credentials(&stamp, ctx, &snapshot, direct);
	if (!stamp.pid_ns_inode || !stamp.generation_ns)
		return drop(HB_DROP_UNREADABLE);
	stamp.skb = (__u64)ctx;
	stamp.ktime_ns = bpf_ktime_get_ns();
	if (is_self_beat(&stamp, &snapshot))
		return take_self_beat(&stamp, &notes, 0);
	__builtin_memset(stamp.frame, 0, sizeof(stamp.frame));

	sender = take_sender(&stamp, task, &owners, direct);
	if (!sender)
		return drop(HB_DROP_NO_SLOT);
	note_attempt(sender, task, stamp.ktime_ns, direct);
	if (!gcra_allows(&sender->tat_ns, settings.beat_interval_ns, settings.burst_ns,
			 stamp.ktime_ns))
		return refuse_attempt(sender, &stamp, HB_DROP_RATE_LIMITED);
	cost = cost_of(sent_bytes, sender, stamp.ktime_ns);
	gcra_spend(&sender->tat_ns, cost.units * settings.beat_interval_ns, stamp.ktime_ns);
	if (settings.owner_interval_ns && !owners_spend_note(&owners, &cost, stamp.ktime_ns))
		return refuse_attempt(sender, &stamp, HB_DROP_SHARE);
	return take_note(ctx, sender, &stamp, sent_bytes);
}

#endif
