/* userspace/intake/ring_source.cpp: the stamp is the frame, and its sender's. */

byte horizon = 1;
byte mark_ns = 1;
byte mark;
byte read_to; /* RingReader::read_to() */

/* look_ahead() reads the position twice; what comes in between may as well come before. */
inline look_ahead()
{
	if
	:: read_to >= mark || is_mutant(HORIZON_IGNORES_BUSY) ->
		horizon = mark_ns;
		mark_ns = now;
		mark = reserved;
		if
		:: read_to >= mark || is_mutant(HORIZON_IGNORES_BUSY) -> horizon = now
		:: else
		fi
	:: else
	fi
}

inline take_record()
{
	ahead!ring[i].who,ring[i].bytes,false,ring[i].reserved_at,ring[i].who,ring[i].at;
	clear_record();
	uncounted--;
	read_to++
}

/* discard_refused() */
inline discard_refused()
{
	do
	:: kept > 0 && len(queue) > 0 -> queue?_,_,_,_
	:: else -> break
	od
}

/* Feeds::read(): calls next() until AHEAD receptions are there, or there are no more. */
inline read_source()
{
	atomic { look_ahead() }
	atomic {
		i = read_to % RING;
		if
		:: read_to < reserved && (!ring[i].busy || is_mutant(READ_BUSY)) -> take_record(); i = 0
		:: else -> i = 0; goto empty_ring
		fi;
		if
		:: len(ahead) < AHEAD -> goto next
		:: else -> handle_all(); goto look
		fi
	}
empty_ring:
	atomic {
		look_ahead();
		released = read_to;
		discard_refused();
		if
		:: len(ahead) > 0 -> handle_all(); goto look
		:: else
		fi
	}
}
