/*
 * userspace/observer: the Observer with its Tracker, for one agent. Its own state is touched by
 * nobody else, so what it does between two looks at the world is one step.
 */

/* The agent's slot. */
#define NONE    0
#define LIVE    1
#define RECHECK 2
#define STALLED 3
#define DEAD    4

byte list = NONE;
byte last_at, sent_last, refused_last, checked_at, high_nonce;

/* Tracker::heard_ns() */
#define heard_at \
	(sent_last >= last_at -> (is_mutant(HEARD_BEFORE_SENT) -> last_at : sent_last) : \
	 (last_at - sent_last > READ_DELAY -> last_at - READ_DELAY : sent_last))

#define is_overdue (heard_at + THRESHOLD <= read_up_to)

/* Tracker::deadline_ns() */
#define is_due \
	((list == LIVE && is_overdue) || (list == RECHECK && checked_at + RECHECK_AFTER <= read_up_to))

/* Observer::is_silent(); Due::heard_ns is the later of what was accepted and what was refused. */
#define due_heard (sent_last > refused_last -> sent_last : refused_last)
#define attempt_says_silent \
	(attempted <= due_heard || (attempted <= read_up_to && read_up_to - attempted >= THRESHOLD))
#define is_silent \
	(is_mutant(ATTEMPTS_IGNORED) || \
	 (attempted == 0 -> (is_mutant(GONE_IS_SILENT) || len(exits) == 0) : attempt_says_silent))

#define latest (tried > heard_at -> tried : heard_at)

/* --- Properties that are demanded where the observer says something --- */

/* Source::horizon_ns(): what the agent queued before that has been handled. */
inline assert_all_read(until)
{
	for (i : 0 .. TICKS) {
		assert(i >= until || unread[i] == 0)
	}
	i = 0
}

/* No agent that attempted within the threshold is called silent, unless that frame was refused. */
inline assert_silent()
{
	assert(read_up_to >= tried + THRESHOLD || tried <= refused_last || had_lost_exit);
	assert_all_read(read_up_to)
}

/*
 * No frame is accepted of a process that was not in sendmsg(2) with these bytes, as often as that.
 * And it is that process's own frame, unless one of these bytes had no stamp to speak against it.
 */
inline assert_acceptable()
{
	assert(may_accept[bytes] > 0);
	assert(from == AGENT || may_lack[bytes] || evicted_any)
}

/* Every attempt is in one counter, or in the place where it still waits. */
inline assert_counted()
{
	assert(unattested == inside); /* attempts == stamps + drops, but for who is inside the program */
	count = uncounted;            /* stamps == read + in the ring */
	for (i : 0 .. RING - 1) {
		count = count + ring[i].busy
	}
	assert(count == reserved - read_to);
#if RING_DELIVERY
	assert(unhandled == reserved - read_to + len(ahead));
#else
	count = 0; /* read == matched + orphaned + waiting */
	for (i : 0 .. NONCES) {
		count = count + group[i].stamps
	}
	assert(count == unsettled);
	assert(unhandled == len(queue) + len(frames) + len(ahead));
#endif
	i = 0;
	count = 0
}

/* --- Tracker::record() and note_refused() --- */

inline refuse() { refused_last = (sent_at > refused_last -> sent_at : refused_last) }

inline record()
{
	if
	:: list == DEAD -> refuse()
	:: list != DEAD && bytes > high_nonce ->
		last_at = now;
		sent_last = (sent_at > sent_last -> sent_at : sent_last);
		high_nonce = bytes;
		list = LIVE
	:: else -> refuse()
	fi
}



inline accept_beat()
{
	may_accept[bytes]--;
	reach(BEAT);
#if JUDGES
	record()
#endif
}

/* Observer::handle(): decode and verdict; the forger is refused for what it claims. */
inline handle()
{
	ahead?from,bytes,must,queued_at,sender,sent_at;
	if
	:: sender == AGENT && bytes != OTHER_BYTES -> assert_acceptable(); accept_beat()
	:: sender == AMBIGUOUS -> reach(AMBIGUITY)
	:: else
	fi;
	unhandled--;
	if
	:: from == AGENT -> unread[queued_at]--
	:: else
	fi;
	forget_frame()
}

inline handle_all()
{
	do
	:: len(ahead) > 0 -> handle()
	:: else -> break
	od;
	is_ready = false
}
