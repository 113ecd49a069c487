/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Notes which process may be writing its core, from the tracepoint signal_deliver.
 *
 * get_signal() (kernel/signal.c) passes it for a signal that has no handler, too, before the default
 * action. If that is a core dump, the process is lost: it writes its core, which may take minutes,
 * and exits; or it writes none and exits at once. Meanwhile it does not beat.
 */
#ifndef HB_FATAL_BPF_H
#define HB_FATAL_BPF_H

enum {
	/* Of init in its PID namespace: default actions are not taken (include/linux/sched/signal.h). */
	HB_SIGNAL_UNKILLABLE = 0x40,
};

/* SIG_KERNEL_COREDUMP_MASK, include/linux/signal.h: QUIT ILL TRAP ABRT BUS FPE SEGV XCPU XFSZ SYS,
 * numbered as in asm-generic/signal.h (x86, arm64, riscv, powerpc, s390). */
#define HB_CORE_SIGNALS                                                                       \
	(1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 11 | 1u << 24 | 1u << 25 | \
	 1u << 31)

static __always_inline bool dumps_core(int number)
{
	return number > 0 && number < 32 && (HB_CORE_SIGNALS >> number & 1);
}

/* The first one stays: it began the dump. */
static __always_inline void note_fatal(struct hb_sender *sender, int number)
{
	if (sender->fatal_ns)
		return;
	sender->fatal_signal = number;
	*(volatile __u64 *)&sender->fatal_ns = bpf_ktime_get_ns();
}

/* Most signals end here before anything is looked up. */
static __always_inline int signal_delivered(struct task_struct *task, int number,
					    struct k_sigaction *action, bool direct)
{
	struct hb_process process = {};
	struct task_struct *leader;
	struct signal_struct *signal;
	struct hb_sender *sender;
	__u32 flags;
	__u32 slot;

	if (!dumps_core(number) || load(direct, action, sa.sa_handler)) /* SIG_DFL is 0 */
		return 0;
	signal = load(direct, task, signal);
	leader = load(direct, task, group_leader);
	flags = load(direct, signal, flags);
	process.generation_ns = load(direct, leader, start_boottime);
	process.initial_tgid = load(direct, task, tgid);
	if (flags & HB_SIGNAL_UNKILLABLE)
		return 0;
	sender = find_sender(&process, &slot);
	if (sender)
		note_fatal(sender, number);
	return 0;
}

#endif
