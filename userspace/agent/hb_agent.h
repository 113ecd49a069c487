/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libhb-agent: tells hb-ebpf that this process is alive. C ABI, no dependency but libc.
 *
 *   hb_agent *agent = hb_agent_open(NULL);
 *   while (work())
 *           hb_agent_beat(agent, HB_AGENT_OK, 0);
 *
 * Beat where the work is done: a beat from a thread of its own goes on while the work hangs.
 * Whoever needs such a thread, as the work takes long, calls hb_agent_start_ticker(), which
 * beats only as long as hb_agent_progress() is called.
 *
 * Any thread may call any function at any time, but for open, close, and start and stop of the
 * ticker. No beat blocks, allocates or takes a lock; it costs one system call, and once a second
 * one more, which finds out whether the socket was replaced. An observer that is away, or does
 * not keep up, costs the beats that it misses, which are counted, and nothing else.
 *
 * A child of fork(2) is an agent of its own, with its own process id and beats from 1 on; its
 * ticker is to be started anew. A child of vfork(2) must not beat, nor one that shares this
 * memory (CLONE_VM): it would claim to be its parent, and is refused. The descriptor closes at
 * execve(2). A child that is not to be trusted closes hb_agent_fd(): what it connects or shuts
 * down is so for its parent.
 *
 * A handler may leave a beat by siglongjmp(3): the next beats are sent after a tenth of a
 * second. It must not fork in the middle of one and let the child go on with it.
 */
#ifndef HB_AGENT_H
#define HB_AGENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HB_AGENT_DEFAULT_SOCKET "/run/hb-ebpf/hb.sock"

typedef struct hb_agent hb_agent;

enum hb_agent_status {
	HB_AGENT_OK = 0,
	HB_AGENT_DEGRADED = 1,
	HB_AGENT_CRITICAL = 2,
};

/*
 * Of this process, since it opened or was forked. Calls of beat and last_word are the sum of the
 * first six.
 */
struct hb_agent_counts {
	uint64_t queued;
	uint64_t covered;	/* another thread was just sending, and sent the newest beat for all */
	uint64_t queue_full;	/* not sent, as the observer does not keep up */
	uint64_t no_observer;	/* not sent, as there is none */
	uint64_t not_permitted; /* not sent, as the socket's mode or a security module does not let it */
	uint64_t failed;	/* not sent, for another reason */
	uint64_t connects;	/* to an observer */
};

/*
 * `path` is the observer's socket; NULL: $HB_SOCKET (not in a set-user-ID program), else
 * HB_AGENT_DEFAULT_SOCKET. The observer need not run yet. NULL, and errno: ENAMETOOLONG, ENOENT
 * (an empty path), EINVAL (not an absolute one), or those of mmap(2) and socket(2).
 */
hb_agent *hb_agent_open(const char *path);

/* Ends the ticker. No other thread may use the agent any more. Sends nothing. NULL does nothing. */
void hb_agent_close(hb_agent *agent);

/*
 * A beat. `payload` is reported unchanged. 0: it was queued, or left to a thread that is just
 * sending. Else a negated errno: -EAGAIN (queue_full), -ENOENT and -ECONNREFUSED (no_observer),
 * -EACCES and -EPERM (not_permitted), -EINVAL (no such status; not counted). Async-signal-safe.
 */
int hb_agent_beat(hb_agent *agent, enum hb_agent_status status, uint32_t payload);

/*
 * The last beat of this process, with HB_AGENT_CRITICAL: it ends, and knows it. Errors as
 * hb_agent_beat(). Async-signal-safe, also in a handler that interrupted a beat.
 */
int hb_agent_last_word(hb_agent *agent, uint32_t payload);

/*
 * From now on a crash of this process (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) sends a last
 * word, whose payload is the signal's number, and then takes its course. Leaves signals that
 * have a handler. One agent of the process. 0, or -EBUSY: another one has it.
 */
int hb_agent_last_word_at_crash(hb_agent *agent);

/*
 * A thread that beats every `interval_ms` (from 1 on), with what hb_agent_set_status() has set:
 * at once, and then whenever hb_agent_progress() was called since the last time. 0, or a negated
 * errno: -EINVAL, -EALREADY, or those of pthread_create(3).
 */
int hb_agent_start_ticker(hb_agent *agent, uint32_t interval_ms);
void hb_agent_stop_ticker(hb_agent *agent);

/* The work goes on. Costs an atomic addition. Async-signal-safe. */
void hb_agent_progress(hb_agent *agent);
void hb_agent_set_status(hb_agent *agent, enum hb_agent_status status, uint32_t payload);

void hb_agent_get_counts(const hb_agent *agent, struct hb_agent_counts *counts);

/*
 * The socket, for programs that close all descriptors but some. If it is closed nevertheless, a
 * beat opens another one; but if its number then is that of another socket, beats are sent
 * there.
 */
int hb_agent_fd(const hb_agent *agent);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
