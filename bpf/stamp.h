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

/* The owner of a sender that no budget binds: root's processes in the root cgroup. */
#define HB_NO_OWNER 0xffffffffu

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
	__u64 serial; /* the how-manyth datagram the observer received, from 0; lost receipts count */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_receipt) == 16);

/* A process that had sent something has ended: every thread of it is past its last system call. */
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
 * What is remembered of a process that sends, from its first datagram to its exit. The limit is
 * the generic cell rate algorithm: a conforming sender's even_ns never runs further ahead of the
 * clock than burst_ns.
 */
struct hb_sender {
	__u64 even_ns; /* when it will have used up no more than its share */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_sender) == 8);

/* How the program is to work. User space writes it before the program is loaded. */
struct hb_settings {
	__u64 beat_interval_ns; /* between the beats of one process, in the long run; 0: no limit */
	__u64 burst_ns;		/* how far ahead of that it may be */
	__u32 ring_delivery;	/* 1: the stamp carries the frame, and no datagram is queued */
	__u32 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_settings) == 24);

/* Whose eyes the program looks through. User space writes it, at calibration, but for `received`. */
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
	__u64 receipts_lost;
	__u64 senders_lost; /* could not be remembered: neither limited nor watched, this time */
	__u64 exits;	    /* of senders, reported */
	__u64 exits_lost;   /* of senders, and there was no room to report it */
	__u64 pad[6];	    /* whole cache lines a slot */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_counters) == 128);

enum { HB_COUNTER_SLOTS = 64 }; /* power of two */

#endif
