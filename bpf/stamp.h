/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the kernel program and user space say to each other. This header is compiled by both; every
 * layout here is fixed-width, explicitly padded and asserted in both compilers, and no constant of
 * it is written down a second time anywhere.
 *
 * A stamp says: "the process named here was inside sendmsg(2) with these bytes". It is written
 * before the datagram is queued, so it proves an attempt, not a delivery.
 */
#ifndef HB_STAMP_H
#define HB_STAMP_H

#include <linux/types.h>

#ifdef __cplusplus
#define HB_ASSERT_LAYOUT(condition) static_assert(condition, #condition)
#define HB_OFFSET(type, member) offsetof(type, member)
#include <cstddef>
#else
#define HB_ASSERT_LAYOUT(condition) _Static_assert(condition, #condition)
#define HB_OFFSET(type, member) __builtin_offsetof(type, member)
#endif

enum {
	HB_STAMP_VERSION = 3,
	HB_FRAME_BYTES = 32, /* a heartbeat frame, exactly */
	HB_FRAME_MAGIC = 0x4156, /* its first two bytes, little-endian */
	HB_FRAME_PID_OFFSET = 4,
};

enum hb_stamp_flag {
	/* A kernel thread sent this (an io_uring worker before Linux 5.12): nobody's identity. */
	HB_STAMP_KERNEL_THREAD = 1u << 0,
	/* cred_* hold what the receiver will find in SCM_CREDENTIALS. Absent where the kernel does
	 * not let the program read them (lockdown=confidentiality before 6.2). */
	HB_STAMP_CREDENTIALS = 1u << 1,
	/* The sender named those credentials itself; a privileged sender may name anybody's. */
	HB_STAMP_CREDENTIALS_CHOSEN = 1u << 2,
	/* Descriptors were passed with the datagram, which no agent does. Known only where
	 * HB_STAMP_CREDENTIALS is set. */
	HB_STAMP_DESCRIPTORS = 1u << 3,
};

struct hb_stamp {
	__u32 version; /* HB_STAMP_VERSION */
	__u32 flags;   /* enum hb_stamp_flag */
	__u64 ktime_ns;      /* CLOCK_MONOTONIC inside sendmsg */
	__u64 generation_ns; /* start_boottime of the group leader: (tgid, generation) is one process */
	__u64 cgroup_id;     /* inode of the cgroup v2 directory; 0 where the kernel has none */
	__u64 skb;	     /* address of the socket buffer: unique while the datagram lives */
	__u32 tgid;	     /* process id as the observer sees it; 0 when it cannot see the process */
	__u32 own_tgid;	     /* process id as the sender sees itself */
	__u32 slot;	     /* index of the sender's entry in the table of senders */
	__u32 pid_ns_inode;  /* PID namespace the sender is in */
	__u32 pid_ns_level;  /* how deep that namespace is; 0 is the initial one */
	__u32 uid;	     /* real uid and gid of the sender, in the initial user namespace */
	__u32 gid;
	__u32 cred_pid; /* what SCM_CREDENTIALS will say, in the observer's namespaces */
	__u32 cred_uid;
	__u32 cred_gid;
	__u32 owner; /* whose budget the sender spends: index of an hb_owner, or HB_NO_OWNER */
	__u32 initial_tgid; /* process id in the initial PID namespace */
	__u8 frame[HB_FRAME_BYTES];
};

HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_stamp, ktime_ns) == 8);
HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_stamp, skb) == 32);
HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_stamp, tgid) == 40);
HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_stamp, cred_pid) == 68);
HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_stamp, frame) == 88);
HB_ASSERT_LAYOUT(sizeof(struct hb_stamp) == 120); /* with the ring's header: two cache lines */

/*
 * One datagram being copied to the observer (--correlate skb): which socket buffer it was. In the same
 * ring as the stamps, told apart by size: an address is reused as soon as its datagram is gone, but
 * the ring's order is that of events, so the last stamp with this address before the receipt is the
 * datagram's own.
 */
struct hb_receipt {
	__u64 skb;
	__u64 serial; /* zero-based number of the datagram among those received; lost receipts count */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_receipt) == 16);

/* A process that had tried to beat has ended: every thread of it is past its last system call. */
struct hb_exit {
	__u64 ktime_ns;	     /* CLOCK_MONOTONIC */
	__u64 generation_ns; /* as in its stamps */
	__u32 tgid;	     /* likewise */
	__u32 initial_tgid;
	__u32 wait_status; /* what wait(2) says */
	__u32 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_exit) == 32);

/* One process on this host, ever. */
struct hb_process {
	__u64 generation_ns;
	__u32 initial_tgid;
	__u32 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_process) == 16);

/*
 * Budgets. A sender spends the budget of its uid and that of its cgroup: the ancestor (cgroup v2) at
 * HB_CGROUP_LEVEL, as whoever owns a cgroup can nest any number in it. Root is bound by its cgroup
 * alone. The table has a fixed place for everybody, so nobody can push anybody out: uids beyond
 * HB_UIDS, such as the ranges of subuid(5), share one place, and cgroups whose ids are alike modulo
 * HB_CGROUPS share another. Processes of the root cgroup have no cgroup budget.
 */
enum {
	HB_UIDS = 1 << 16,
	HB_UIDS_BEYOND = HB_UIDS, /* the place that they share */
	HB_CGROUPS = 1 << 12,
	HB_FIRST_CGROUP = HB_UIDS + 1,
	HB_OWNERS = HB_FIRST_CGROUP + HB_CGROUPS,
	HB_CGROUP_LEVEL = 2, /* /system.slice/x.service, /user.slice/user-1000.slice; root is 0 */
};

/* The place of a sender that no budget binds. */
#define HB_NO_OWNER 0xffffffffu

struct hb_owner {
	__u64 tat_ns; /* theoretical arrival time of its next attempt, see struct hb_sender */
	__u64 unread_bytes; /* in the ring, written by it since it last had none there; rounded up */
	__u64 last;	    /* ring position: all of them were written below it */
	__u32 senders;	    /* entries in the table of senders */
	__u32 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_owner) == 32);

/*
 * What is remembered of a process that sends, from its first datagram to its exit, in a table that
 * user space reads without a system call. The limit is the generic cell rate algorithm (GCRA): a
 * conforming sender's theoretical arrival time is never further ahead of the clock than burst_ns.
 *
 * An attempt is a datagram that has the frame's magic and claims the process that sent it.
 */
struct hb_sender {
	__u64 generation_ns; /* written last; 0: free */
	__u32 initial_tgid;
	__u32 uid_owner;    /* places whose `senders` it counts in */
	__u32 cgroup_owner;
	__u32 refused_for;  /* enum hb_drop: why refused_ns was */
	__u64 first_ns;     /* CLOCK_MONOTONIC, like all below */
	__u64 tat_ns;       /* theoretical arrival time */
	__u64 stamped_ns;   /* of its last stamp */
	__u64 attempted_ns; /* of its last attempt, whatever became of it */
	__u64 refused_ns;   /* of the last one that was refused for want of room or by a limit */
};

HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_sender, attempted_ns) == 48);
HB_ASSERT_LAYOUT(sizeof(struct hb_sender) == 64); /* a cache line of its own */

/* How the program is to work. User space writes it before the program is loaded. */
struct hb_settings {
	__u64 beat_interval_ns; /* between the beats of one process, in the long run; 0: no limit */
	__u64 burst_ns;		/* how far ahead of that it may be */
	__u32 ring_delivery;	/* 1: the stamp carries the frame, and no datagram is queued */
	/* 1: a datagram that there was no room for in the ring is queued without a stamp, so that its
	 * sender is told when the queue is full. */
	__u32 keep_refused;

	/* Budgets of one owner. 0: there are none. */
	__u64 owner_interval_ns; /* between its attempts, in the long run */
	__u64 owner_burst_ns;
	__u32 owner_senders; /* processes */
	__u32 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_settings) == 48);

/* What the program does as unread bytes pile up in the ring. User space may change it at any time. */
struct hb_levels {
	__u64 wake_bytes;    /* from here on the observer is woken, once for each time it has read */
	__u64 crowded_bytes; /* from here on an owner may add only while ... */
	__u64 owner_bytes;   /* ... fewer than these are its own */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_levels) == 24);

/* The observer: its tgid, and its PID namespace, which pids are translated to. User space writes it in
 * the self-test, but for `received`. */
struct hb_observer {
	__u32 initial_tgid; /* 0: not calibrated yet */
	__u32 pid_ns_inode; /* 0: likewise, and every process is out of sight */
	__u32 pid_ns_level;
	__u32 receiving; /* 1 while the observer is inside recvmmsg(2) on the attested socket */
	__u64 received;	 /* datagrams it received there: the next receipt's serial */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_observer) == 24);

/* Why a datagram got no stamp and was therefore never queued. */
enum hb_drop {
	HB_DROP_WRONG_LENGTH, /* not HB_FRAME_BYTES long */
	HB_DROP_RING_FULL,    /* no room for its stamp */
	HB_DROP_UNREADABLE,   /* bytes or identity could not be read */
	HB_DROP_RATE_LIMITED, /* its sender sends more than one process may */
	HB_DROP_SHARE,	      /* its uid or cgroup has used up its share */
	HB_DROP_NO_SLOT,      /* a new sender, and no entry for it in the table of senders */
	HB_DROP_DESCRIPTORS,  /* it carries descriptors, which would be closed by whoever receives it */
	HB_DROP_REASONS,
};

/*
 * Counters of one CPU (two CPUs may share a slot: every update is atomic). At rest,
 * attempts == stamps + the sum of drops.
 */
struct hb_counters {
	__u64 attempts;
	__u64 stamps;
	__u64 drops[HB_DROP_REASONS];
	__u64 kept_unstamped; /* of drops[HB_DROP_RING_FULL]: let through to the queue */
	__u64 receipts_lost;
	__u64 exits;	  /* of senders, reported */
	__u64 exits_lost; /* of senders, and there was no room to report it */
	__u64 pad[3];	  /* whole cache lines a slot */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_counters) == 128);

enum { HB_COUNTER_SLOTS = 64 }; /* power of two */

/* What the observer looks at whenever it has read the ring: one cache line, written rarely. */
struct hb_notices {
	__u64 descriptors;    /* sum of drops[HB_DROP_DESCRIPTORS] */
	__u64 kept_unstamped; /* sum of kept_unstamped */
	__u64 woken_at;	      /* 1 + the ring's consumer position at the last wake-up */
	__u64 wakes;
	__u64 pad[4];
};

HB_ASSERT_LAYOUT(sizeof(struct hb_notices) == 64);

#endif
