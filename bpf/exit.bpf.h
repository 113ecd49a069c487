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
	__uint(max_entries, 512 * 1024); /* 9,362 exits */
} exits SEC(".maps");

/*
 * Since Linux 7.0 a raw tracepoint's program can be preempted, and until it has ended the kernel skips
 * it for all other processes that exit on this CPU (__bpf_trace_run() in kernel/trace/bpf_trace.c,
 * counted as recursion_misses): of 80 processes that were killed together up to 30 exits were not
 * reported. A perf event's program runs with preemption disabled; it is skipped only while a process
 * that changes a BPF map is preempted on this CPU (bpf_prog_active). So both are attached, the perf
 * event's first: the other one finds nothing to do, unless the first was skipped.
 */

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
	if (live || !forget_sender(&process, gone.comm))
		return 0;
	gone.ktime_ns = bpf_ktime_get_ns();
	gone.generation_ns = process.generation_ns;
	gone.initial_tgid = process.initial_tgid;
	gone.tgid = nr_for_observer(pid, &snapshot, direct);
	/* As wait_task_zombie() in kernel/exit.c has it. */
	gone.wait_status = flags & HB_SIGNAL_GROUP_EXIT ? group_exit_code : exit_code;

	/* Unlike a stamp, nothing else would wake the observer. */
	if (bpf_ringbuf_output(&exits, &gone, sizeof(gone), BPF_RB_FORCE_WAKEUP))
		count(exits_lost);
	else
		count(exits);
	return 0;
}

#endif
