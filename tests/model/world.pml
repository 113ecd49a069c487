/*
 * What the observer and the senders share: time, the ring, the socket's queue, the table of
 * senders; and the senders, as bpf/hb.bpf.c and unix_dgram_sendmsg() (net/unix/af_unix.c) make them
 * behave.
 *
 * Sizes and MUTANT come from check.sh. Every statement outside of atomic { } may be followed by any
 * step of any other process, so everybody can be preempted there, for any time.
 */

#define NOBODY    0
#define AGENT     1 /* the process whose beats these are */
#define FORGER    2 /* sends what it likes, also the agent's bytes with the agent's credentials */
#define AMBIGUOUS 3

#define OTHER_BYTES 0 /* a datagram that is nobody's beat; 1 to NONCES are the agent's, by nonce */


/* --- Time: may pass between any two steps --- */

byte clock = 1;

active proctype time()
{
	do
	:: clock < TICKS -> clock++
	:: else -> break
	od
}

/* --- The ring (bpf_ringbuf) --- */

typedef Record {
	bool busy; /* reserved, and not written yet */
	byte who;
	byte bytes;
	byte at;          /* ktime_ns */
	byte reserved_at  /* ghost */
};

Record ring[RING];
byte reserved; /* the producer's position, in records */
byte released; /* the consumer's, as the writers see it */

/* --- The socket's queue. Ghosts: who sent it, whether it must find its stamp, and when --- */

chan queue = [QUEUE] of { byte, byte, bool, byte }; /* who, bytes, must_pair, queued_at */

/* --- struct hb_sender of the agent, and struct hb_notices --- */

byte attempted; /* attempted_ns; 0: never, or the process has ended and its entry is free */
bool kept;      /* notices.kept_unstamped is not 0 */

chan exits = [1] of { byte }; /* struct hb_exit: when the agent ended */

/* A ghost: it costs states, and is 0 where nobody judges silence. */
#define queue_time (JUDGES -> clock : 0)

/* --- Ghosts: what is true, and what the properties are about --- */

byte tried;                /* when the agent last attempted; survives its entry */
byte inside;               /* senders in the program, not counted as stamp or drop yet */
short unattested;          /* attempts - stamps - drops, as the program counts them */
short uncounted;           /* stamps - what the observer has counted as read */
byte may_accept[NONCES + 1]; /* the agent's attempts with these bytes, less beats accepted */
byte unhandled;            /* frames, of anybody, that were queued and not handled */
byte unread[TICKS + 1];    /* the agent's, by the time when they were queued */
bool may_lack[NONCES + 1]; /* one of these bytes was queued without a stamp, or too late for it */
bool had_lost_exit;

inline clear_record()
{
	ring[i].who = NOBODY;
	ring[i].bytes = 0;
	ring[i].at = 0;
	ring[i].reserved_at = 0
}

/* Ghost: from here on the frame has to be read. */
inline is_queued()
{
	unhandled++;
	if
	:: who == AGENT -> unread[queue_time]++
	:: else
	fi
}

/* --- A datagram's steps: stamp_datagram() (bpf/hb.bpf.c), then unix_dgram_sendmsg() --- */

mtype = { idle, attempting, stamping, writing, queueing };

/* The program begins, and reads the clock. */
inline enter_program()
{
	at = clock;
	no_room = false;
	inside++;
	unattested++
}

/* note_attempt() (bpf/senders.bpf.h), before any limit. Another thread may have noted more. */
inline note_attempt()
{
	may_accept[bytes]++;
	if
	:: JUDGES && at > tried -> tried = at
	:: else
	fi;
	if
	:: is_mutant(ATTEMPT_AFTER_LIMITS)
	:: else -> set_attempted()
	fi;
	step = stamping
}

inline set_attempted()
{
	if
	:: JUDGES && (at > attempted || is_mutant(ATTEMPT_GOES_BACK)) -> attempted = at
	:: else
	fi
}

/* bpf_ringbuf_output() reserves a record, and writes it in the next step; or ring_full(). */
inline stamp()
{
	if
	:: limits > 0 -> limits--; count_dropped(); forget_datagram() /* rate_limited, share */
	:: reserved - released < RING ->
		if
		:: who == AGENT && is_mutant(ATTEMPT_AFTER_LIMITS) -> set_attempted()
		:: else
		fi;
		reserve_record();
		step = writing
	:: reserved - released == RING ->
		count_dropped();
		at = 0;
		kept = true;
		step = queueing;
		reach(RING_FULL)
	fi
}

inline reserve_record()
{
	place = reserved % RING;
	ring[place].busy = true;
	ring[place].who = who;
	ring[place].bytes = bytes;
	reserved++;
#if RING_DELIVERY
	if
	:: who == AGENT -> ring[place].at = at; ring[place].reserved_at = queue_time
	:: else /* nobody asks when the forger sent */
	fi;
	is_queued()
#else
	ring[place].at = at
#endif
}

inline count_dropped() { unattested--; inside-- }

inline write_record()
{
	ring[place].busy = false;
	unattested--;
	inside--;
	uncounted++;
	place = 0;
#if RING_DELIVERY
	forget_datagram()
#else
	step = queueing
#endif
}

/* The datagram of a full ring has no stamp. A full queue: EAGAIN, or who would block is killed. */
inline queue_datagram()
{
	if
	:: len(queue) < QUEUE ->
		must = at > 0 && clock < at + LIFETIME;
		may_lack[bytes] = may_lack[bytes] || (!must && !RING_DELIVERY);
		queue!who,bytes,must,queue_time;
		must = false;
#if !RING_DELIVERY
		is_queued()
#endif
	:: else -> no_room = true; reach(QUEUE_FULL)
	fi;
	forget_datagram()
}

inline forget_datagram() { at = 0; step = idle }

/* --- Senders --- */

byte limits = LIMITED; /* so many datagrams are refused by a limit */
byte nonce;            /* of the agent's last beat */
byte threads = THREADS;
byte retries = RETRIES;

/* forget_sender() and the rest of report_exit() (bpf/exit.bpf.h). */
inline report_exit()
{
	threads--;
	if
	:: threads > 0 || !JUDGES
	:: threads == 0 && JUDGES -> attempted = 0; exits!clock
	:: threads == 0 && JUDGES && LOSE_EXITS -> attempted = 0; had_lost_exit = true
	fi
}

/* One of the agent's threads: may repeat after EAGAIN, hang anywhere, end between datagrams. */
proctype agent()
{
	byte who = AGENT, at, bytes, place;
	bool no_room, must;
	mtype step = idle;

	do
	:: atomic { step == idle && nonce < NONCES ->
			nonce++; bytes = nonce; enter_program(); step = attempting }
	:: atomic { step == idle && no_room && retries > 0 ->
			retries--; enter_program(); step = attempting }
	:: atomic { step == attempting -> note_attempt() }
	:: atomic { step == stamping -> stamp() }
	:: atomic { step == writing -> write_record() }
	:: atomic { step == queueing -> queue_datagram() }
	:: atomic { step == idle -> bytes = 0; no_room = false; report_exit(); break }
	od
}

/* Where silence is judged, the forger is only somebody who takes room. */
inline choose_bytes()
{
#if JUDGES
	bytes = OTHER_BYTES
#else
	select(bytes : FORGE_FROM .. NONCES)
#endif
}

/* Sends any bytes, FORGERIES times; what it sends is no attempt, as it claims another process. */
proctype forger()
{
	byte who = FORGER, at, bytes, place, sent;
	bool no_room, must;
	mtype step = idle;

	do
	:: atomic { step == idle && sent < FORGERIES ->
			sent++; choose_bytes(); enter_program(); stamp() }
	:: atomic { step == writing -> write_record() }
	:: atomic { step == queueing -> queue_datagram() }
	:: atomic { step == idle && sent == FORGERIES -> break }
	od
}
