// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The attestor: a socket filter on the observer's AF_UNIX datagram socket.
 *
 * It runs inside the sender's sendmsg(2), so bpf_get_current_task() is the sender, and before the
 * datagram is queued, so a stamp is in the ring before its frame can be received. A datagram that
 * cannot be stamped is dropped here and counted (fail closed): user space never sees a frame that
 * has no stamp.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "stamp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct hb_settings settings = {};

struct hb_observer observer = {};

struct hb_counters counters[HB_COUNTER_SLOTS] = {};

struct hb_notices notices = {};

struct hb_levels levels = {};

struct hb_echo echo = {};

/* A cache line apart from all that the program touches. */
struct hb_heritage heritage __attribute__((aligned(64))) = {};
struct hb_progress progress __attribute__((aligned(64))) = {};
struct hb_progress note_progress __attribute__((aligned(64))) = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024); /* user space sets the size before it loads the program */
} stamps SEC(".maps");

enum { HB_DROP = 0, HB_KEEP = HB_FRAME_BYTES }; /* a socket filter returns the bytes to keep */

static __always_inline struct hb_counters *counters_here(void)
{
	return &counters[bpf_get_smp_processor_id() & (HB_COUNTER_SLOTS - 1)];
}

/* Atomic: the program may be preempted, and run again on the same CPU. */
#define count(member) __sync_fetch_and_add(&counters_here()->member, 1)

#include "identity.bpf.h"
#include "skb.bpf.h"
#include "receiver.bpf.h"
#include "frame.bpf.h"
#include "credentials.bpf.h"
#include "owners.bpf.h"
#include "senders.bpf.h"
#include "exit.bpf.h"
#include "fatal.bpf.h"

static __always_inline int drop(enum hb_drop reason)
{
	count(drops[reason]);
	return HB_DROP;
}

/*
 * Whoever receives or discards such a datagram closes its descriptors. If one is the last reference
 * to a file, its release may sleep for as long as the sender likes (a TCP socket with SO_LINGER).
 * If the datagram is dropped here, it is the sender that sleeps.
 */
static __always_inline int drop_descriptors(void)
{
	__sync_fetch_and_add(&notices.descriptors, 1);
	return drop(HB_DROP_DESCRIPTORS);
}

/* Whether these bytes begin like a frame and claim the sender's own pid. */
static __always_inline bool is_attempt(const struct hb_stamp *stamp)
{
	__u32 claimed = *(const __u32 *)(stamp->frame + HB_FRAME_PID_OFFSET);

	if (*(const __u16 *)stamp->frame != HB_FRAME_MAGIC)
		return false;
	return claimed == stamp->own_tgid || claimed == stamp->tgid;
}

/* Whether it is an attempt with the terminal nonce, which is legal with this status only. */
static __always_inline bool is_last_word(const struct hb_stamp *stamp)
{
	if (*(const __u64 *)(stamp->frame + HB_FRAME_NONCE_OFFSET) != ~0ULL)
		return false;
	return stamp->frame[HB_FRAME_STATUS_OFFSET] == HB_FRAME_CRITICAL && is_attempt(stamp);
}

static __always_inline int refuse_attempt(struct hb_sender *sender, const struct hb_stamp *stamp,
					  enum hb_drop reason)
{
	sender->refused_for = reason;
	sender->refused_ns = stamp->ktime_ns;
	return drop(reason);
}

static __always_inline int refuse(struct hb_sender *sender, const struct hb_stamp *stamp,
				  enum hb_drop reason)
{
	return is_attempt(stamp) ? refuse_attempt(sender, stamp, reason) : drop(reason);
}

/*
 * No room for the stamp. A filter cannot make send(2) fail, but a full queue can (EAGAIN, or the
 * sender blocks). So the datagram is queued without a stamp; the observer discards it.
 */
static __always_inline int ring_full(struct hb_sender *sender, const struct hb_stamp *stamp)
{
	refuse(sender, stamp, HB_DROP_RING_FULL);
	notices.woken_at = 0; /* the wake-up requested with this record did not happen */
	if (!settings.keep_refused)
		return HB_DROP;
	__sync_fetch_and_add(&notices.kept_unstamped, 1);
	count(kept_unstamped);
	return HB_KEEP;
}

/* A wake-up costs the sender an inter-processor interrupt: at most one per read of the ring. */
static __always_inline __u64 wake_flags(const struct ring_state *ring)
{
	if (ring->unread_bytes < levels.wake_bytes || notices.woken_at == ring->read_to + 1)
		return BPF_RB_NO_WAKEUP;
	notices.woken_at = ring->read_to + 1;
	__sync_fetch_and_add(&notices.wakes, 1);
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline struct ring_state ring_state(void)
{
	struct ring_state ring = {
		.unread_bytes = bpf_ringbuf_query(&stamps, BPF_RB_AVAIL_DATA),
	};

	if (settings.owner_interval_ns || ring.unread_bytes >= levels.wake_bytes)
		ring.read_to = bpf_ringbuf_query(&stamps, BPF_RB_CONS_POS);
	return ring;
}

/* Of a successor, see struct hb_echo. Tells it who it is. */
static __always_inline bool take_echo(const struct hb_stamp *stamp)
{
	if (!echo.secret || *(const __u64 *)(stamp->frame + HB_FRAME_TIMESTAMP_OFFSET) != echo.secret)
		return false;
	echo.initial_tgid = stamp->initial_tgid;
	echo.pid_ns_inode = stamp->pid_ns_inode;
	echo.pid_ns_level = stamp->pid_ns_level;
	__sync_fetch_and_add(&echo.seen, 1);
	return true;
}

static __always_inline bool is_self_beat(const struct hb_stamp *stamp,
					 const struct hb_observer *self)
{
	if (*(const __u64 *)stamp->frame != HB_SELF_BEAT_MAGIC)
		return false;
	if (take_echo(stamp))
		return true;
	return self->initial_tgid && stamp->initial_tgid == self->initial_tgid;
}

/*
 * Never queued, whatever the delivery: its stamp, in the ring of what is sent to this socket, shows that
 * the socket can be reached.
 */
static __always_inline int take_self_beat(struct hb_stamp *stamp, void *ring, __u64 wake_flags)
{
	stamp->flags |= HB_STAMP_SELF_BEAT;
	__sync_fetch_and_add(&notices.self_beats, 1);
	if (bpf_ringbuf_output(ring, stamp, sizeof(*stamp), wake_flags))
		__sync_fetch_and_add(&notices.self_beats_lost, 1);
	return HB_DROP;
}

/* The sender's entry, and in `owners` whose budgets it spends; NULL: there is no room for it. */
static __always_inline struct hb_sender *take_sender(struct hb_stamp *stamp, struct task_struct *task,
						     struct owners_of *owners, bool direct)
{
	struct hb_process process = {};
	struct hb_sender *sender;

	process.generation_ns = stamp->generation_ns;
	process.initial_tgid = stamp->initial_tgid;
	owners->uid = place_of_uid(stamp->uid);
	sender = find_sender(&process, &stamp->slot);
	if (sender) {
		owners->cgroup = sender->cgroup_owner;
	} else {
		owners->cgroup = place_of_cgroup(task, direct);
		sender = add_sender(&process, owners, stamp->ktime_ns, &stamp->slot);
	}
	stamp->owner = stamp->uid ? owners->uid : owners->cgroup;
	return sender;
}

/*
 * Everything is gathered before one bpf_ringbuf_output(): a record between bpf_ringbuf_reserve()
 * and bpf_ringbuf_submit() hides all later ones while its writer is preempted.
 */
static __always_inline int stamp_datagram(struct __sk_buff *ctx, struct task_struct *task,
					  bool direct)
{
	struct hb_stamp stamp = { .version = HB_STAMP_VERSION };
	struct hb_observer snapshot = observer;
	struct owners_of owners = {};
	struct hb_sender *sender;
	struct ring_state ring;

	if (receiver_is_dead(ctx, direct))
		return HB_KEEP; /* the kernel says ECONNREFUSED */
	count(attempts);
	if (ctx->len != HB_FRAME_BYTES)
		return drop(HB_DROP_WRONG_LENGTH);
	if (!load_frame(&stamp, ctx, direct))
		return drop(HB_DROP_UNREADABLE);

	/*
	 * All loads through the task come before any branch: for each load through a trusted
	 * pointer the verifier searches all BTF types of the kernel, once per path. Loading takes
	 * 0.02 s instead of 0.8 s.
	 */
	stamp_owner(&stamp, task, direct);
	stamp_process(&stamp, task, &snapshot, direct);
	stamp_credentials(&stamp, ctx, &snapshot, direct);
	if (!stamp.pid_ns_inode || !stamp.generation_ns)
		return drop(HB_DROP_UNREADABLE);
	if (stamp.flags & HB_STAMP_DESCRIPTORS)
		return drop_descriptors();
	stamp.skb = (__u64)ctx;
	stamp.ktime_ns = bpf_ktime_get_ns();
	if (is_self_beat(&stamp, &snapshot))
		return take_self_beat(&stamp, &stamps, BPF_RB_NO_WAKEUP);

	sender = take_sender(&stamp, task, &owners, direct);
	if (!sender)
		return drop(HB_DROP_NO_SLOT);
	if (is_attempt(&stamp))
		note_attempt(sender, task, stamp.ktime_ns, direct);
	if (!gcra_allows(&sender->tat_ns, settings.beat_interval_ns, settings.burst_ns,
			 stamp.ktime_ns) &&
	    !(is_last_word(&stamp) && exempt_last_word(sender, stamp.ktime_ns)))
		return refuse(sender, &stamp, HB_DROP_RATE_LIMITED);
	gcra_spend(&sender->tat_ns, settings.beat_interval_ns, stamp.ktime_ns);
	ring = ring_state();
	if (settings.owner_interval_ns && !is_known_and_quiet(sender, stamp.ktime_ns) &&
	    !owners_spend(&owners, &ring, stamp.ktime_ns))
		return refuse(sender, &stamp, HB_DROP_SHARE);
	if (bpf_ringbuf_output(&stamps, &stamp, sizeof(stamp), wake_flags(&ring)))
		return ring_full(sender, &stamp);
	sender->stamped_ns = stamp.ktime_ns;
	count(stamps);
	if (settings.ring_delivery && !(levels.queue_too && settings.keep_refused))
		return HB_DROP;
	return HB_KEEP;
}

#include "note.bpf.h"

SEC("socket")
int hb_stamp_direct(struct __sk_buff *ctx)
{
	return stamp_datagram(ctx, bpf_get_current_task_btf(), true);
}

SEC("socket")
int hb_stamp_probe_read(struct __sk_buff *ctx)
{
	return stamp_datagram(ctx, (void *)bpf_get_current_task(), false);
}

/* On the socket for notify messages. Loaded only if there is one. */
SEC("socket")
int hb_note_direct(struct __sk_buff *ctx)
{
	return stamp_note(ctx, bpf_get_current_task_btf(), true);
}

SEC("socket")
int hb_note_probe_read(struct __sk_buff *ctx)
{
	return stamp_note(ctx, (void *)bpf_get_current_task(), false);
}

/* Two programs report exits, see exit.bpf.h. */
SEC("tp/sched/sched_process_exit")
int hb_exit_perf_direct(void *ctx)
{
	return report_exit(bpf_get_current_task_btf(), true);
}

SEC("tp/sched/sched_process_exit")
int hb_exit_perf_probe_read(void *ctx)
{
	return report_exit((void *)bpf_get_current_task(), false);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(hb_exit_raw_direct, struct task_struct *task)
{
	return report_exit(task, true);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(hb_exit_raw_probe_read, struct task_struct *task)
{
	return report_exit(task, false);
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(hb_fatal_direct, int number, const void *info, struct k_sigaction *action)
{
	return signal_delivered(bpf_get_current_task_btf(), number, action, true);
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(hb_fatal_probe_read, int number, const void *info,
	     struct k_sigaction *action)
{
	return signal_delivered((void *)bpf_get_current_task(), number, action, false);
}

/* --correlate skb: records which socket buffer the observer is copying from. */
SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(hb_receipt_written, const struct sk_buff *skb, int length)
{
	struct hb_receipt receipt = { .skb = (__u64)skb };

	if (!observer.receiving || length != HB_FRAME_BYTES)
		return 0;
	if (bpf_get_current_pid_tgid() >> 32 != observer.initial_tgid)
		return 0;
	receipt.serial = observer.received++; /* one receiving thread: no race */
	if (bpf_ringbuf_output(&stamps, &receipt, sizeof(receipt), BPF_RB_NO_WAKEUP))
		count(receipts_lost);
	return 0;
}
