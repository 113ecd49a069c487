/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reports how a process ended, from the tracepoint sched_process_exit.
 *
 * It fires for every thread, after do_exit() (kernel/exit.c) has decremented signal->live: at 0 the
 * whole process has ended. An exec ends the other threads too, but the thread that calls it stays
 * counted. The last two threads may both see 0; forget_sender() returns true to only one of them.
 */
#ifndef HB_EXIT_BPF_H
#define HB_EXIT_BPF_H

enum { HB_SIGNAL_GROUP_EXIT = 0x4 }; /* SIGNAL_GROUP_EXIT, include/linux/sched/signal.h */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024); /* 6,553 exits */
} exits SEC(".maps");

/*
 * Since Linux 7.0 a program on a tracepoint can be preempted, and until it has ended the kernel skips
 * it for all other processes that exit on this CPU (__bpf_trace_run() in kernel/trace/bpf_trace.c,
 * counted as recursion_misses). A program that woke the observer was preempted by it: of 80 processes
 * that were killed together up to 30 exits were not reported. So a timer wakes the observer, after the
 * program has ended, and the program is attached three times: if one copy is skipped, the next one
 * reports the exit.
 */
enum { HB_EXIT_WAKE_DELAY_NS = 250 * 1000 };

struct exit_wake {
	struct bpf_timer timer; /* Linux 5.15 */
	__u64 due_ns;		/* when it fires; 0 or past: it is not armed */
	__u32 is_set_up;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exit_wake);
} exit_wakes SEC(".maps");

/* Discarding a record wakes the reader too, and the reader skips the record. */
static __always_inline void wake_now(void)
{
	void *nothing = bpf_ringbuf_reserve(&exits, sizeof(__u64), 0);

	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

static int on_exit_timer(void *map, __u32 *key, struct exit_wake *wake)
{
	(void)map, (void)key;
	/* Before the wake-up, so that an exit which is reported from now on arms the timer again. */
	*(volatile __u64 *)&wake->due_ns = 0;
	wake_now();
	return 0;
}

/*
 * Call it when the record is in the ring. This can be preempted anywhere, for as long as the exiting
 * process's priority lets it be: so the timer is armed before due_ns says so, and a due_ns that is
 * written late is in the past and holds up nobody.
 */
static __always_inline void wake_soon(void)
{
	__u32 first = 0;
	struct exit_wake *wake = bpf_map_lookup_elem(&exit_wakes, &first);
	__u64 now_ns;

	if (!wake)
		return;
	if (!wake->is_set_up) {
		bpf_timer_init(&wake->timer, &exit_wakes, 1 /* CLOCK_MONOTONIC */);
		bpf_timer_set_callback(&wake->timer, on_exit_timer);
		wake->is_set_up = 1;
	}
	now_ns = bpf_ktime_get_ns();
	if (now_ns < *(volatile __u64 *)&wake->due_ns)
		return;
	if (bpf_timer_start(&wake->timer, HB_EXIT_WAKE_DELAY_NS, 0))
		wake_now();
	else
		*(volatile __u64 *)&wake->due_ns = now_ns + HB_EXIT_WAKE_DELAY_NS;
}

static __always_inline int report_exit(struct task_struct *task, bool direct)
{
	struct signal_struct *signal = load(direct, task, signal);
	struct task_struct *leader = load(direct, task, group_leader);
	struct hb_observer snapshot = observer;
	struct hb_process process = {};
	struct hb_exit gone = {};

	/* All loads before any branch; see stamp_datagram(). */
	struct pid *pid = load(direct, signal, pids[HB_PIDTYPE_TGID]);
	__u32 live = load(direct, signal, live.counter);
	__u32 flags = load(direct, signal, flags);
	__u32 group_exit_code = load(direct, signal, group_exit_code);
	__u32 exit_code = load(direct, leader, exit_code);

	process.generation_ns = load(direct, leader, start_boottime);
	process.initial_tgid = load(direct, task, tgid);
	if (live || !forget_sender(&process))
		return 0;
	gone.ktime_ns = bpf_ktime_get_ns();
	gone.generation_ns = process.generation_ns;
	gone.initial_tgid = process.initial_tgid;
	gone.tgid = nr_for_observer(pid, &snapshot, direct);
	/* As wait_task_zombie() in kernel/exit.c has it. */
	gone.wait_status = flags & HB_SIGNAL_GROUP_EXIT ? group_exit_code : exit_code;

	if (bpf_ringbuf_output(&exits, &gone, sizeof(gone),
			       direct ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP))
		count(exits_lost);
	else
		count(exits);
	/* Unlike a stamp, nothing else would wake the observer. */
	if (direct)
		wake_soon();
	return 0;
}

#endif
