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
 * Since Linux 7.0 a program on a tracepoint runs with preemption enabled, and where it has been
 * preempted __bpf_trace_run() in kernel/trace/bpf_trace.c skips it for whoever else comes by on that
 * CPU. An exit that woke the observer at once was preempted by it, and of 80 processes that were
 * killed together up to 30 were missed. So the observer is woken a little later, by a timer, and the
 * program is attached more than once: skipped in one copy, an exit is reported by the next.
 */
enum { HB_EXIT_WAKE_DELAY_NS = 250 * 1000 };

struct exit_wake {
	struct bpf_timer timer; /* Linux 5.15 */
	__u32 is_set_up;
	__u32 is_pending;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exit_wake);
} exit_wakes SEC(".maps");

/* A record that is thrown away wakes as well, and the reader passes over it. */
static __always_inline void wake_now(void)
{
	void *nothing = bpf_ringbuf_reserve(&exits, sizeof(__u64), 0);

	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

static int on_exit_timer(void *map, __u32 *key, struct exit_wake *wake)
{
	(void)map, (void)key;
	/* Before the wake-up: an exit that is reported from here on asks for another one. */
	*(volatile __u32 *)&wake->is_pending = 0;
	wake_now();
	return 0;
}

/* After the record is in the ring. */
static __always_inline void wake_soon(void)
{
	__u32 first = 0;
	struct exit_wake *wake = bpf_map_lookup_elem(&exit_wakes, &first);

	if (!wake)
		return;
	if (!wake->is_set_up) {
		bpf_timer_init(&wake->timer, &exit_wakes, 1 /* CLOCK_MONOTONIC */);
		bpf_timer_set_callback(&wake->timer, on_exit_timer);
		wake->is_set_up = 1;
	}
	if (*(volatile __u32 *)&wake->is_pending)
		return;
	*(volatile __u32 *)&wake->is_pending = 1;
	if (bpf_timer_start(&wake->timer, HB_EXIT_WAKE_DELAY_NS, 0)) {
		*(volatile __u32 *)&wake->is_pending = 0;
		wake_now();
	}
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
