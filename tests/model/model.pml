/* The pairing and silence protocol; README.md. */
#include "mutants.pml"
#include "reach.pml"
#include "world.pml"

/* What was read and not handled yet (Feeds): a frame with its ghosts, and who the source names. */
chan ahead = [AHEAD] of { byte, byte, bool, byte, byte, byte };

/* Of the observer's steps. */
byte i, from, bytes, queued_at, position, received_at, sender, sent_at;
byte count, room, now, read_up_to;
bool must, is_ready;
bool evicted_any; /* ghost */

inline forget_frame()
{
	from = 0; bytes = 0; must = false; queued_at = 0; sender = NOBODY; sent_at = 0
}

#include "correlator.pml"
#include "tracker.pml"
#if RING_DELIVERY
#include "ring_source.pml"
#else
#include "socket_source.pml"
#endif
#include "observer.pml"

init {
	atomic {
		for (i : 1 .. THREADS) { run agent() }
		i = 0;
		if
		:: FORGERIES > 0 -> run forger()
		:: else
		fi
	}
}
