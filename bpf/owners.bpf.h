/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Budgets of uids and cgroups (struct hb_owner): how many processes may send, how often, and how
 * many bytes of a crowded ring they may occupy. A limit per process could be evaded with fork(2).
 */
#ifndef HB_OWNERS_BPF_H
#define HB_OWNERS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HB_OWNERS);
	__type(key, __u32);
	__type(value, struct hb_owner);
} owners SEC(".maps");

/* Indices in `owners`. */
struct owners_of {
	__u32 uid;
	__u32 cgroup;
};

enum {
	HB_DEEPEST_CGROUP = 16,	 /* below HB_CGROUP_LEVEL; deeper ones share an entry */
	HB_RECORD_BYTES = sizeof(struct hb_stamp) + 8, /* BPF_RINGBUF_HDR_SZ */
};

/*
 * The generic cell rate algorithm (GCRA). Several CPUs may race here: the addition is atomic, but
 * CPUs that find tat_ns in the past at the same time are charged for one attempt, once per burst.
 */
static __always_inline bool gcra_allows(const __u64 *tat_ns, __u64 interval_ns, __u64 burst_ns,
					__u64 now_ns)
{
	return !interval_ns || *tat_ns <= now_ns + burst_ns;
}

static __always_inline void gcra_spend(__u64 *tat_ns, __u64 interval_ns, __u64 now_ns)
{
	if (!interval_ns)
		return;
	if (*tat_ns < now_ns)
		*tat_ns = now_ns + interval_ns;
	else
		__sync_fetch_and_add(tat_ns, interval_ns);
}

static __always_inline __u32 place_of_uid(__u32 uid)
{
	if (!uid)
		return HB_NO_OWNER;
	return uid < HB_UIDS ? uid : HB_UIDS_BEYOND;
}

/* css->cgroup of a cgroup's own css is the cgroup itself (include/linux/cgroup-defs.h). */
static __always_inline __u32 place_of_cgroup(struct task_struct *task, bool direct)
{
	struct css_set *cgroups = load(direct, task, cgroups);
	struct cgroup *cgroup = load(direct, cgroups, dfl_cgrp);
	int level = load(direct, cgroup, level);
	struct kernfs_node *node;
	__u64 id;

	if (level <= 0)
		return HB_NO_OWNER;
	for (int i = 0; i < HB_DEEPEST_CGROUP; i++) {
		struct cgroup_subsys_state *parent;

		if (level <= HB_CGROUP_LEVEL)
			break;
		parent = load(direct, cgroup, self.parent);
		cgroup = load(direct, parent, cgroup);
		level--;
	}
	node = load(direct, cgroup, kn);
	id = level > HB_CGROUP_LEVEL ? 0 : load(direct, node, id);
	return HB_FIRST_CGROUP + (id & (HB_CGROUPS - 1));
}

static __always_inline bool owner_has_entry(__u32 place)
{
	struct hb_owner *owner = bpf_map_lookup_elem(&owners, &place);

	return !owner || owner->senders < settings.owner_senders;
}

static __always_inline bool owners_have_entries(const struct owners_of *of)
{
	if (!settings.owner_senders)
		return true;
	return owner_has_entry(of->uid) && owner_has_entry(of->cgroup);
}

static __always_inline void owner_add_entries(__u32 place, int number)
{
	struct hb_owner *owner = bpf_map_lookup_elem(&owners, &place);

	if (owner)
		__sync_fetch_and_add(&owner->senders, number);
}

static __always_inline void owners_add_entries(const struct owners_of *of, int number)
{
	owner_add_entries(of->uid, number);
	owner_add_entries(of->cgroup, number);
}

/* A ring, as one datagram finds it. */
struct ring_state {
	__u64 unread_bytes;
	__u64 read_to; /* the consumer's position */
};

static __always_inline bool owner_may_send(const struct hb_owner *owner, __u64 now_ns)
{
	return !owner || gcra_allows(&owner->tat_ns, settings.owner_interval_ns,
				     settings.owner_burst_ns, now_ns);
}

/* In a ring that is crowded an owner may write only while fewer than `most_bytes` are its own. */
static __always_inline bool use_allows(const struct hb_use *use, const struct ring_state *ring,
				       __u64 crowded_bytes, __u64 most_bytes)
{
	if (ring->unread_bytes < crowded_bytes || ring->read_to >= use->last)
		return true;
	return use->unread_bytes < most_bytes;
}

static __always_inline void use_spend(struct hb_use *use, const struct ring_state *ring,
				      __u64 record_bytes)
{
	if (ring->read_to >= use->last)
		use->unread_bytes = 0;
	use->last = ring->read_to + ring->unread_bytes + record_bytes;
	__sync_fetch_and_add(&use->unread_bytes, record_bytes);
}

static __always_inline bool owner_allows(struct hb_owner *owner, const struct ring_state *ring,
					 __u64 now_ns)
{
	if (!owner)
		return true;
	return owner_may_send(owner, now_ns) &&
	       use_allows(&owner->stamps, ring, levels.crowded_bytes, levels.owner_bytes);
}

static __always_inline void owner_spend(struct hb_owner *owner, const struct ring_state *ring,
					__u64 now_ns)
{
	if (!owner)
		return;
	gcra_spend(&owner->tat_ns, settings.owner_interval_ns, now_ns);
	use_spend(&owner->stamps, ring, HB_RECORD_BYTES);
}

/* If both budgets allow the attempt, charges both and returns true. */
static __always_inline bool owners_spend(const struct owners_of *of, const struct ring_state *ring,
					 __u64 now_ns)
{
	struct hb_owner *uid = bpf_map_lookup_elem(&owners, &of->uid);
	struct hb_owner *cgroup = bpf_map_lookup_elem(&owners, &of->cgroup);

	if (!owner_allows(uid, ring, now_ns) || !owner_allows(cgroup, ring, now_ns))
		return false;
	owner_spend(uid, ring, now_ns);
	owner_spend(cgroup, ring, now_ns);
	return true;
}

#endif
