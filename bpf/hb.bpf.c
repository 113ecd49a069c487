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

#ifndef bpf_ksym_exists /* libbpf before 1.3 */
#define bpf_ksym_exists(sym) (!!(sym))
#endif

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct hb_settings settings = {};

struct hb_observer observer = {};

struct hb_counters counters[HB_COUNTER_SLOTS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024); /* user space says how large before it loads */
} stamps SEC(".maps");

enum { HB_DROP = 0, HB_KEEP = HB_FRAME_BYTES }; /* a socket filter returns the bytes to keep */

static __always_inline struct hb_counters *counters_here(void)
{
	return &counters[bpf_get_smp_processor_id() & (HB_COUNTER_SLOTS - 1)];
}

/* Atomic: the program may be preempted in the middle by itself. */
#define count(member) __sync_fetch_and_add(&counters_here()->member, 1)

#include "identity.bpf.h"
#include "skb.bpf.h"
#include "frame.bpf.h"
#include "credentials.bpf.h"
#include "senders.bpf.h"
#include "exit.bpf.h"

static __always_inline int drop(enum hb_drop reason)
{
	count(drops[reason]);
	return HB_DROP;
}

/*
 * Ring delivery has no use for the datagram, and lets it go where the stamp says it all. But where
 * there was no room for the stamp, it is queued: its sender then meets a full queue, which the
 * kernel tells it (EAGAIN, or it waits), and the observer, which throws all of those away, is woken.
 */
static __always_inline int ring_full(void)
{
	count(drops[HB_DROP_RING_FULL]);
	return settings.ring_delivery ? HB_KEEP : HB_DROP;
}

/*
 * Gather everything first, then one bpf_ringbuf_output(): a record between reserve and submit
 * would hide every later one while its writer is preempted. The ring wakes nobody: the datagram
 * does, and an interrupt to the observer's CPU would be paid by the sender.
 */
static __always_inline int stamp_datagram(struct __sk_buff *ctx, struct task_struct *task,
					  bool direct)
{
	struct hb_stamp stamp = { .version = HB_STAMP_VERSION };
	struct hb_observer seer = observer;
	struct hb_process sender = {};

	count(attempts);
	if (ctx->len != HB_FRAME_BYTES)
		return drop(HB_DROP_WRONG_LENGTH);
	if (!load_frame(&stamp, ctx, direct))
		return drop(HB_DROP_UNREADABLE);

	/*
	 * What hangs on the task comes before anything that branches: for each load through a pointer
	 * it trusts, the verifier searches all types of the kernel, once per path (0.8 s, or 0.02 s).
	 */
	stamp_owner(&stamp, task, direct);
	stamp_process(&stamp, task, &seer, direct);
	stamp_credentials(&stamp, ctx, &seer, direct);
	if (!stamp.pid_ns_inode || !stamp.generation_ns)
		return drop(HB_DROP_UNREADABLE);
	stamp.skb = (__u64)ctx;
	stamp.owner = HB_NO_OWNER;
	stamp.ktime_ns = bpf_ktime_get_ns();

	sender.generation_ns = stamp.generation_ns;
	sender.initial_tgid = stamp.initial_tgid;
	if (!may_send(&sender, stamp.ktime_ns))
		return drop(HB_DROP_RATE_LIMITED);
	if (bpf_ringbuf_output(&stamps, &stamp, sizeof(stamp), BPF_RB_NO_WAKEUP))
		return ring_full();
	count(stamps);
	return settings.ring_delivery ? HB_DROP : HB_KEEP;
}

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

SEC("tp_btf/sched_process_exit")
int BPF_PROG(hb_exit_direct, struct task_struct *task)
{
	return report_exit(task, true);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(hb_exit_probe_read, struct task_struct *task)
{
	return report_exit(task, false);
}

/* --correlate skb: names the socket buffer that the observer is copying from. */
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
