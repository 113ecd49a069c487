/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Reads the identity of a task.
 *
 * Every function here takes `direct`, a compile-time constant:
 *   true:  plain loads through BTF-typed pointers. They need no bpf_probe_read_kernel() and
 *	    therefore work under lockdown=confidentiality too.
 *   false: bpf_probe_read_kernel(). For kernels whose socket filters cannot get a BTF-typed
 *	    task, or whose struct pid ends in an array of one element, past which the verifier
 *	    forbids direct loads.
 * User space loads the first that the kernel accepts.
 *
 * Sources of the rules: struct pid in include/linux/pid.h, pid_nr_ns() in kernel/pid.c,
 * de_thread() in fs/exec.c.
 */
#ifndef HB_IDENTITY_BPF_H
#define HB_IDENTITY_BPF_H

enum {
	HB_PIDTYPE_TGID = 1,	 /* PIDTYPE_TGID, include/linux/pid_types.h; so since 4.19 */
	HB_DEEPEST_PID_NS = 32,	 /* MAX_PID_NS_LEVEL, include/linux/pid_namespace.h */
	HB_PF_KTHREAD = 1 << 21, /* PF_KTHREAD, include/linux/sched.h */
};

/*
 * Reads a member of a kernel structure. The barrier keeps the compiler from merging two loads
 * through different pointers into one instruction: the verifier requires one pointer type per
 * instruction.
 */
#define load(direct, from, member)                                               \
	({                                                                       \
		typeof((from)->member) value_;                                   \
		if (direct)                                                      \
			value_ = (from)->member;                                 \
		else                                                             \
			bpf_core_read(&value_, sizeof(value_), &(from)->member); \
		barrier_var(value_);                                             \
		value_;                                                          \
	})

/* Pid and PID namespace of a process at one namespace level; level 0 is the initial namespace. */
struct pid_at_level {
	__u32 nr;
	__u32 ns_inode;
};

static __always_inline struct pid_at_level read_upid(struct upid *upid, bool direct)
{
	struct pid_namespace *ns = load(direct, upid, ns);
	struct pid_at_level at = { .nr = load(direct, upid, nr), .ns_inode = load(direct, ns, ns.inum) };

	return at;
}

/*
 * The verifier allows direct loads only at constant offsets, so the level is compared with each
 * constant in turn; most processes are at level 0 or 1.
 */
static __always_inline struct pid_at_level pid_at(struct pid *pid, __u32 level, bool direct)
{
	struct pid_at_level none = {};

	if (!direct) {
		if (level > HB_DEEPEST_PID_NS)
			return none;
		return read_upid(&pid->numbers[level], direct);
	}
#pragma unroll
	for (__u32 constant = 0; constant <= HB_DEEPEST_PID_NS; constant++) {
		if (constant == level)
			return read_upid(&pid->numbers[constant], direct);
	}
	return none;
}

/* The pid in the observer's PID namespace, 0 if it has none there; like pid_nr_ns(). */
static __always_inline __u32 nr_for_observer(struct pid *pid, const struct hb_observer *observer,
					     bool direct)
{
	struct pid_at_level seen;

	if (!pid || !observer->pid_ns_inode)
		return 0;
	if (load(direct, pid, level) < observer->pid_ns_level)
		return 0;
	seen = pid_at(pid, observer->pid_ns_level, direct);
	return seen.ns_inode == observer->pid_ns_inode ? seen.nr : 0;
}

/*
 * The process, not the thread: signal->pids[PIDTYPE_TGID] is the same for all threads, also when
 * the group leader has exited or an exec is under way.
 */
static __always_inline void stamp_process(struct hb_stamp *stamp, struct task_struct *task,
					  const struct hb_observer *observer, bool direct)
{
	struct signal_struct *signal = load(direct, task, signal);
	struct pid *process = load(direct, signal, pids[HB_PIDTYPE_TGID]);
	struct task_struct *leader = load(direct, task, group_leader);
	__u32 level = load(direct, process, level);
	struct pid_at_level own;

	/* On exec, de_thread() copies the leader's start time to the thread that calls it. */
	stamp->generation_ns = load(direct, leader, start_boottime);
	if (load(direct, task, flags) & HB_PF_KTHREAD)
		stamp->flags |= HB_STAMP_KERNEL_THREAD;
	own = pid_at(process, level, direct);
	stamp->initial_tgid = load(direct, task, tgid);
	stamp->own_tgid = own.nr;
	stamp->pid_ns_inode = own.ns_inode;
	stamp->pid_ns_level = level;
	stamp->tgid = nr_for_observer(process, observer, direct);
}

/*
 * The name of the process: that of its group leader, as in /proc/<pid>/comm. The process may change
 * it meanwhile, so the two halves may be of different names.
 *
 * The verifier lets a program load any size from a byte array, if within it (see as_words()).
 */
static __always_inline void load_comm(__u64 *to, struct task_struct *task, bool direct)
{
	struct task_struct *leader = load(direct, task, group_leader);

	if (direct) {
		const __u64 *from = (const void *)__builtin_preserve_access_index(&leader->comm);

		to[0] = from[0];
		to[1] = from[1];
	} else {
		bpf_core_read(to, HB_COMM_BYTES, &leader->comm);
	}
}

static __always_inline void stamp_owner(struct hb_stamp *stamp, struct task_struct *task,
					bool direct)
{
	struct cred *cred = (void *)load(direct, task, cred);
	struct css_set *cgroups = load(direct, task, cgroups);
	struct cgroup *cgroup = load(direct, cgroups, dfl_cgrp);
	struct kernfs_node *node = load(direct, cgroup, kn);

	stamp->uid = load(direct, cred, uid.val);
	stamp->gid = load(direct, cred, gid.val);
	stamp->cgroup_id = load(direct, node, id);
}

#endif
