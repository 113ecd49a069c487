/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The table of senders: every process from its first datagram until it exits.
 *
 * `senders` finds the entry of a process. The entries are in an array that user space maps, so that
 * it can see when a process last tried to send. Free entries are kept in a queue. An entry is never
 * evicted for another process: the number of entries per owner is limited, and when all are taken,
 * new senders are refused.
 */
#ifndef HB_SENDERS_BPF_H
#define HB_SENDERS_BPF_H

/* User space sets max_entries of the three maps before it loads the program, and fills the queue. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16 * 1024);
	__type(key, struct hb_process);
	__type(value, __u32); /* index in sender_table */
} senders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16 * 1024);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct hb_sender);
} sender_table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 16 * 1024);
	__type(value, __u32);
} free_senders SEC(".maps");

enum { HB_COMM_INTERVAL_SHIFT = 30 }; /* 2^30 ns are 1.07 s */

static __always_inline struct hb_sender *find_sender(const struct hb_process *process, __u32 *slot)
{
	__u32 *found = bpf_map_lookup_elem(&senders, process);

	if (!found)
		return NULL;
	*slot = *found;
	return bpf_map_lookup_elem(&sender_table, slot);
}

static __always_inline void put_comm(struct hb_sender *sender, __u64 first, __u64 second)
{
	__u64 *to = (__u64 *)sender->comm;

	to[0] = first;
	to[1] = second;
}

/*
 * An exec or prctl(2) may have changed the name, so it is copied again now and then: at the first
 * attempt in each 2^30 ns. An entry's second cache line is not touched in between.
 */
static __always_inline void note_attempt(struct hb_sender *sender, struct task_struct *task,
					 __u64 now_ns, bool direct)
{
	__u64 last_ns = sender->attempted_ns;
	__u64 comm[2] = {};

	if (!last_ns || last_ns >> HB_COMM_INTERVAL_SHIFT != now_ns >> HB_COMM_INTERVAL_SHIFT) {
		load_comm(comm, task, direct);
		put_comm(sender, comm[0], comm[1]);
	}
	/* Another thread may have read the clock later, and got here before. */
	if (now_ns > last_ns)
		sender->attempted_ns = now_ns;
}

/* Two threads may do this for one process at the same time: one of them finds the other's entry. */
static __always_inline struct hb_sender *add_sender(const struct hb_process *process,
						    const struct owners_of *owners, __u64 now_ns,
						    __u32 *slot)
{
	struct hb_sender *sender;

	if (!owners_have_entries(owners) || bpf_map_pop_elem(&free_senders, slot))
		return NULL;
	sender = bpf_map_lookup_elem(&sender_table, slot);
	if (!sender)
		return NULL;
	sender->initial_tgid = process->initial_tgid;
	sender->uid_owner = owners->uid;
	sender->cgroup_owner = owners->cgroup;
	sender->first_ns = now_ns;
	sender->tat_ns = 0;
	sender->stamped_ns = 0;
	sender->attempted_ns = 0;
	sender->refused_ns = 0;
	put_comm(sender, 0, 0);
	sender->fatal_ns = 0;
	sender->fatal_signal = 0;
	sender->exempted_ns = 0;
	*(volatile __u64 *)&sender->generation_ns = process->generation_ns;
	/* Cast to int: on Linux 5.10 the helper's 64-bit return value has another sign. */
	if ((int)bpf_map_update_elem(&senders, process, slot, BPF_NOEXIST)) {
		*(volatile __u64 *)&sender->generation_ns = 0;
		bpf_map_push_elem(&free_senders, slot, BPF_ANY);
		return find_sender(process, slot);
	}
	owners_add_entries(owners, 1);
	return sender;
}

/*
 * Whether an attempt above the rate may pass as the last word of a process: one that was not above
 * its rate before, and once until it has kept to its rate again. It is charged like any other, so
 * in the long run a process that sends nothing but last words gets no more than its rate. Threads
 * that race here may pass together, one on each CPU.
 */
static __always_inline bool exempt_last_word(struct hb_sender *sender, __u64 now_ns)
{
	if (sender->refused_for == HB_DROP_RATE_LIMITED && sender->refused_ns > sender->stamped_ns)
		return false;
	if (sender->exempted_ns && sender->exempted_ns >= sender->stamped_ns)
		return false;
	sender->exempted_ns = now_ns;
	return true;
}

/*
 * Removes the process; `comm` gets its name. True if it ever attempted to beat; a process that has
 * not was never accepted as an agent. Of several calls for one process, at most one returns true.
 */
static __always_inline bool forget_sender(const struct hb_process *process, char *comm)
{
	struct owners_of owners;
	struct hb_sender *sender;
	bool has_attempted;
	__u32 slot = 0;

	sender = find_sender(process, &slot);
	if (!sender || bpf_map_delete_elem(&senders, process))
		return false;
	owners.uid = sender->uid_owner;
	owners.cgroup = sender->cgroup_owner;
	has_attempted = sender->attempted_ns != 0;
	__builtin_memcpy(comm, sender->comm, HB_COMM_BYTES);
	*(volatile __u64 *)&sender->generation_ns = 0;
	owners_add_entries(&owners, -1);
	bpf_map_push_elem(&free_senders, &slot, BPF_ANY);
	return has_attempted;
}

/* The owner's budget does not apply to a process known for this long that sends no more often. */
enum {
	HB_KNOWN_AFTER_NS = 1000000000,
	HB_QUIET_INTERVAL_NS = 50000000,
};

static __always_inline bool is_known_and_quiet(const struct hb_sender *sender, __u64 now_ns)
{
	return now_ns - sender->first_ns >= HB_KNOWN_AFTER_NS &&
	       now_ns - sender->stamped_ns >= HB_QUIET_INTERVAL_NS;
}

#endif
