/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The records that the kernel program and user space exchange. Both compile this header; every
 * layout here is fixed-width, explicitly padded and asserted in both compilers.
 *
 * A stamp records that the process named in it was inside sendmsg(2) with these bytes. It is
 * written before the datagram is queued, so it proves an attempt, not a delivery.
 */
#ifndef HB_STAMP_H
#define HB_STAMP_H

#include <linux/types.h>

#include "vlp/hb_frame.h"

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
	HB_COMM_BYTES = 16, /* TASK_COMM_LEN, include/linux/sched.h */
};

enum hb_stamp_flag {
	/* Sent by a kernel thread (an io_uring worker before Linux 5.12): no process can be named. */
	HB_STAMP_KERNEL_THREAD = 1u << 0,
	/* cred_* are what SCM_CREDENTIALS will contain. Not set where the program cannot read
	 * them (lockdown=confidentiality before 6.2). */
	HB_STAMP_CREDENTIALS = 1u << 1,
	/* The sender passed these credentials itself; a privileged sender may pass any. */
	HB_STAMP_CREDENTIALS_CHOSEN = 1u << 2,
	/* The datagram carries SCM_RIGHTS, which no agent sends but with a notify message. Known only
	 * where HB_STAMP_CREDENTIALS is set. */
	HB_STAMP_DESCRIPTORS = 1u << 3,
	/* A self-beat: sent by the observer itself, and in no counter but its own. */
	HB_STAMP_SELF_BEAT = 1u << 4,
};

/* The first eight bytes of the datagram that the observer sends to its own socket to check that
 * it can be reached: "hb-self" and a NUL, little-endian. */
#define HB_SELF_BEAT_MAGIC 0x00666c65732d6268ull

struct hb_stamp {
	__u32 version; /* HB_STAMP_VERSION */
	__u32 flags;   /* enum hb_stamp_flag */
	__u64 ktime_ns;      /* CLOCK_MONOTONIC inside sendmsg */
	__u64 generation_ns; /* start_boottime of the group leader: (tgid, generation) is one process */
	__u64 cgroup_id;     /* inode of the cgroup v2 directory; 0 where the kernel has none */
	__u64 skb;	     /* address of the socket buffer: unique until it is freed */
	__u32 tgid;	     /* process id as the observer sees it; 0 when it cannot see the process */
	__u32 own_tgid;	     /* process id as the sender sees itself */
	__u32 slot;	     /* index of the sender's entry in the table of senders */
	__u32 pid_ns_inode;  /* PID namespace the sender is in */
	__u32 pid_ns_level;  /* how deep that namespace is; 0 is the initial one */
	__u32 uid;	     /* real uid and gid of the sender, in the initial user namespace */
	__u32 gid;
	__u32 cred_pid; /* what SCM_CREDENTIALS will contain, in the observer's namespaces */
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

enum {
	HB_NOTE_BYTES = 4096,	 /* kept of a notify message; the rest is cut off */
	HB_NOTE_BUFFERS = 64, /* messages that can be stamped at the same instant */
};

/*
 * A message of systemd's notify protocol (sd_notify(3)), with its sender: `stamp.frame` is all zero.
 * In a ring of their own; each record ends where its text does.
 */
struct hb_note {
	struct hb_stamp stamp;
	__u32 sent_bytes; /* of the message */
	__u32 text_bytes; /* of `text`: all of them, or HB_NOTE_BYTES */
	__u8 text[HB_NOTE_BYTES];
};

HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_note, text) == 128);
HB_ASSERT_LAYOUT(sizeof(struct hb_note) == 128 + HB_NOTE_BYTES);

/*
 * Written when the observer receives a datagram (--correlate skb): names its socket buffer. In the
 * same ring as the stamps, and distinguished by its size. Addresses are reused, but the records are
 * in order, so the last stamp with this address before the receipt is that of the datagram.
 */
struct hb_receipt {
	__u64 skb;
	__u64 serial; /* zero-based receive sequence number; lost receipts are counted too */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_receipt) == 16);

/* A process that had attempted to beat has ended: all its threads are past their last syscall. */
struct hb_exit {
	__u64 ktime_ns;	     /* CLOCK_MONOTONIC */
	__u64 generation_ns; /* as in its stamps */
	__u32 tgid;	     /* likewise */
	__u32 initial_tgid;
	__u32 wait_status; /* what wait(2) says */
	__u32 reserved;
	char comm[HB_COMM_BYTES]; /* as in its struct hb_sender */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_exit) == 48);

/* Identifies one process for as long as the host is up. */
struct hb_process {
	__u64 generation_ns;
	__u32 initial_tgid;
	__u32 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_process) == 16);

/*
 * Budgets. A sender spends the budget of its uid and that of its cgroup: the ancestor (cgroup v2)
 * at HB_CGROUP_LEVEL, as whoever owns a cgroup can nest any number in it. Root has the budget of
 * its cgroup only. Every owner has a fixed entry, so none is ever evicted: all uids from HB_UIDS
 * on, such as the ranges of subuid(5), share one, and so do cgroups whose ids are equal modulo
 * HB_CGROUPS. Processes of the root cgroup have no cgroup budget.
 */
enum {
	HB_UIDS = 1 << 16,
	HB_UIDS_BEYOND = HB_UIDS, /* the entry that they share */
	HB_CGROUPS = 1 << 12,
	HB_FIRST_CGROUP = HB_UIDS + 1,
	HB_OWNERS = HB_FIRST_CGROUP + HB_CGROUPS,
	HB_CGROUP_LEVEL = 2, /* /system.slice/x.service, /user.slice/user-1000.slice; root is 0 */
};

/* The index of a sender without a budget. */
#define HB_NO_OWNER 0xffffffffu

struct hb_use {
	__u64 unread_bytes; /* its unread bytes in a ring; an upper bound */
	__u64 last;	    /* ring position: all of these bytes are below it */
};

struct hb_owner {
	__u64 tat_ns; /* theoretical arrival time of its next attempt, see struct hb_sender */
	struct hb_use stamps;
	struct hb_use notes;
	__u32 senders; /* entries in the table of senders */
	__u32 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_owner) == 48);

/*
 * An entry of the table of senders, which user space reads through mmap(2). The limit is the
 * generic cell rate algorithm (GCRA): a conforming sender's theoretical arrival time is never
 * further ahead of the clock than burst_ns.
 *
 * An attempt is a datagram that has the frame's magic and claims the process that sent it.
 */
struct hb_sender {
	__u64 generation_ns; /* written last; 0: free */
	__u32 initial_tgid;
	__u32 uid_owner;    /* indices of the owners whose `senders` count it */
	__u32 cgroup_owner;
	__u32 refused_for;  /* enum hb_drop: the reason of the refusal at refused_ns */
	__u64 first_ns;     /* CLOCK_MONOTONIC, like all below */
	__u64 tat_ns;       /* theoretical arrival time */
	__u64 stamped_ns;   /* of its last stamp */
	__u64 attempted_ns; /* of its last attempt, queued or not */
	__u64 refused_ns;   /* of its last attempt that was refused by a limit or a full ring */

	/* A second cache line, which few attempts touch. */
	char comm[HB_COMM_BYTES]; /* name of the process, ended by a NUL; empty: no attempt yet */
	__u64 fatal_ns; /* when a signal was delivered whose default action dumps core; 0: none */
	__u32 fatal_signal; /* its number */
	__u32 reserved;
	__u64 exempted_ns; /* of its last attempt that the rate limit let pass as its last word */
	__u64 pad[3];
};

HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_sender, attempted_ns) == 48);
HB_ASSERT_LAYOUT(HB_OFFSET(struct hb_sender, comm) == 64);
HB_ASSERT_LAYOUT(sizeof(struct hb_sender) == 128); /* cache lines of its own */

/* Settings. User space writes them before the program is loaded. */
struct hb_settings {
	__u64 beat_interval_ns; /* between the beats of one process, in the long run; 0: no limit */
	__u64 burst_ns;		/* how far ahead of that it may be */
	__u32 ring_delivery;	/* 1: the stamp carries the frame, and no datagram is queued */
	/* 1: when the ring is full, the datagram is queued without a stamp, so that its sender gets
	 * EAGAIN, or blocks, once the queue is full. */
	__u32 keep_refused;

	/* Budgets of one owner. 0: there are none. */
	__u64 owner_interval_ns; /* between its attempts, in the long run */
	__u64 owner_burst_ns;
	__u32 owner_senders; /* processes */
	__u32 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_settings) == 48);

/* Thresholds of unread bytes in the ring, and what an observer that ends leaves to do. User space may
 * change them at any time. */
struct hb_levels {
	__u64 wake_bytes;    /* from here on the observer is woken, at most once per read of the ring */
	__u64 crowded_bytes; /* from here on an owner may write only while ... */
	__u64 owner_bytes;   /* ... fewer than these are its own */
	/* 1: under ring delivery datagrams are queued as well (as far as keep_refused lets them), as
	 * perhaps nobody follows who reads the ring. */
	__u64 queue_too;
	__u64 note_crowded_bytes; /* the same two, of the ring of notify messages */
	__u64 note_owner_bytes;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_levels) == 48);

/* The observer: its tgid, and its PID namespace, which pids are translated to. User space writes it in
 * the self-test, but for `received`. */
struct hb_observer {
	__u32 initial_tgid; /* 0: not calibrated yet */
	__u32 pid_ns_inode; /* 0: likewise; no pid can be translated */
	__u32 pid_ns_level;
	__u32 receiving; /* 1 while the observer is inside recvmmsg(2) on the attested socket */
	__u64 received;	 /* datagrams it received there: the next receipt's serial */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_observer) == 24);

/* Why a datagram got no stamp and was dropped (but see keep_refused). */
enum hb_drop {
	HB_DROP_WRONG_LENGTH, /* not HB_FRAME_BYTES long */
	HB_DROP_RING_FULL,    /* no room for its stamp */
	HB_DROP_UNREADABLE,   /* bytes or identity could not be read */
	HB_DROP_RATE_LIMITED, /* its sender sends more than one process may */
	HB_DROP_SHARE,	      /* its uid or cgroup has used up its share */
	HB_DROP_NO_SLOT,      /* a new sender, and no entry for it in the table of senders */
	HB_DROP_DESCRIPTORS,  /* it carries SCM_RIGHTS; see drop_descriptors() */
	HB_DROP_NO_BUFFER,    /* a notify message, and HB_NOTE_BUFFERS others are being stamped */
	HB_DROP_REASONS,
};

/*
 * Counters of one CPU (CPUs may share a slot, so updates are atomic). When nobody is sending,
 * attempts == stamps + the sum of drops.
 */
struct hb_counters {
	__u64 attempts;
	__u64 stamps;
	__u64 drops[HB_DROP_REASONS];
	__u64 kept_unstamped; /* of drops[HB_DROP_RING_FULL]: queued nevertheless */
	__u64 receipts_lost;
	__u64 exits;	  /* of processes that had attempted to beat, reported */
	__u64 exits_lost; /* likewise, not reported: no room in the ring */
	__u64 notes;	  /* of `stamps`: those of notify messages */
	__u64 pad[1];	  /* pads the slot to whole cache lines */
};

HB_ASSERT_LAYOUT(sizeof(struct hb_counters) == 128);

enum { HB_COUNTER_SLOTS = 64 }; /* power of two */

/* Read by the observer often: one cache line, rarely written. */
struct hb_notices {
	__u64 descriptors;    /* sum of drops[HB_DROP_DESCRIPTORS] */
	__u64 kept_unstamped; /* sum of kept_unstamped */
	__u64 woken_at;	      /* 1 + the ring's consumer position at the last wake-up */
	__u64 wakes;
	__u64 self_beats;      /* seen by the program, stamped or not */
	__u64 self_beats_lost; /* of these, the ones for whose stamp the ring had no room */
	__u64 pad[2];
};

HB_ASSERT_LAYOUT(sizeof(struct hb_notices) == 64);

/*
 * A successor of the observer, which has been handed socket, program and rings, has to show that
 * they belong together, and to learn who it is: it writes a secret, and sends a self-beat that has
 * it behind the magic.
 */
struct hb_echo {
	__u64 secret; /* 0: none is expected */
	__u32 seen;   /* 1: it came; who sent it is below. Written last */
	__u32 initial_tgid;
	__u32 pid_ns_inode;
	__u32 pid_ns_level;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_echo) == 24);

/* Changes with any layout in this header, and with the meaning of any field. */
enum { HB_LAYOUT = 7 };

#define HB_HERITAGE_MAGIC 0x6567617469726568ull /* "heritage", little-endian */

/*
 * What an observer leaves to its successor about the program. Written and read by user space only;
 * here because it has to outlive the process, as the rings do that it is about.
 */
struct hb_heritage {
	__u64 magic; /* written last */
	__u32 layout;
	__u32 stamp_version;
	struct hb_settings settings;
	__u64 ring_bytes; /* as asked for */
	__u64 stamp_ring_bytes;
	__u64 exit_ring_bytes; /* 0: exits are not traced */
	__u64 senders;
	__u32 delivery_wanted;
	__u32 delivery;
	__u32 read_method;
	__u32 reads_credentials;
	__u64 note_ring_bytes; /* 0: no notify messages are taken */
	__u64 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_heritage) == 128);

/* How far the observer has handled what was in the ring of stamps, or of notify messages. */
struct hb_place {
	__u64 position; /* of the first record that it has not */
	__u64 frames;	/* before it */
	__u64 malformed;
	__u64 descriptors_told; /* of hb_notices::descriptors */
};

/*
 * For a successor, as the heritage: it goes on there, also if the observer was killed at any
 * instruction. Of two places one is written while the other is valid.
 */
struct hb_progress {
	struct hb_place places[2];
	__u32 valid;	/* index of a place */
	__u32 has_exit; /* 1: it has taken `exit` from its ring, and may not have told of it */
	struct hb_exit exit;
	__u64 reserved;
};

HB_ASSERT_LAYOUT(sizeof(struct hb_progress) == 128);

#endif
