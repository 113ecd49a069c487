/* userspace/intake/stamped_source.cpp: the queue and the ring, read as one. */

/* class Horizon */
byte received_to = 1; /* horizon_ns_ */
byte received_mark = 1;
byte since_mark;

byte horizon = 1;
byte mark = 1;
byte before_mark; /* frames that were received before the mark, and not returned yet */

byte read_to; /* RingReader::read_to() */
bool emptied;

chan batch = [BATCH] of { byte, byte, bool, byte };

/* advance_horizon() */
inline advance_horizon()
{
	if
	:: before_mark == 0 || is_mutant(HORIZON_IGNORES_WAITING) ->
		horizon = mark;
		mark = received_to;
		before_mark = len(frames);
		if
		:: before_mark == 0 -> horizon = mark
		:: else
		fi
	:: else
	fi
}

inline advance_and_expire()
{
	advance_horizon();
	if
	:: is_mutant(EXPIRE_UP_TO_NOW) -> expire_stamps(now)
	:: else -> expire_stamps(horizon)
	fi
}

/* next_ready(): a reception goes to what was read ahead. */
inline next_ready()
{
	next_paired();
	if
	:: is_ready ->
		before_mark = (before_mark > 0 -> before_mark - 1 : 0);
		ahead!from,bytes,must,queued_at,sender,sent_at
	:: else
	fi;
	forget_frame()
}

/* recvmmsg(2) takes one datagram after the other: senders run in between. */
inline take_datagram()
{
	queue?from,bytes,must,queued_at;
	batch!from,bytes,must,queued_at;
	forget_frame()
}

/* accept_batch(); after the batch, and not before, the position is taken. */
inline accept_batch()
{
	if
	:: !is_mutant(POSITION_BEFORE_RECEIVE) -> position = reserved
	:: else
	fi;
	since_mark = since_mark + len(batch); /* Horizon::took() */
	if
	:: since_mark > QUEUE ->
		received_to = received_mark;
		received_mark = now;
		since_mark = 0
	:: else
	fi;
	do
	:: len(batch) > 0 ->
		batch?from,bytes,must,queued_at;
		frames!from,bytes,must,queued_at,position
	:: else -> break
	od;
	position = 0;
	forget_frame()
}

/* has_emptied(), Horizon::empty_at() */
inline has_emptied()
{
	received_to = now;
	received_mark = now;
	since_mark = 0;
	emptied = len(batch) > 0
}

/* read_ring(): at most RECORDS, not past a busy one. In one step, as no sender could tell. */
inline read_ring()
{
	count = 0;
	do
	:: count < RECORDS && read_to < reserved && (!ring[read_to % RING].busy || is_mutant(READ_BUSY)) ->
		i = read_to % RING;
		from = ring[i].who;
		bytes = ring[i].bytes;
		sent_at = ring[i].at;
		clear_record();
		i = 0;
		uncounted--;
		read_to++;
		count++;
		add_stamp(from, bytes, sent_at);
		forget_frame()
	:: else -> break
	od;
	released = read_to;
	count = 0
}

/* Feeds::read(): calls next() until AHEAD receptions are there, or there are no more. */
inline read_source()
{
	atomic {
		next_ready();
		if
		:: is_ready && len(ahead) < AHEAD -> goto next
		:: is_ready && len(ahead) == AHEAD -> handle_all(); goto look
		:: else
		fi;
		advance_and_expire();
		if
		:: emptied -> emptied = false; goto read_stamps
		:: else
		fi;
		room = (BATCH < FRAMES - len(frames) -> BATCH : FRAMES - len(frames));
		if
		:: is_mutant(POSITION_BEFORE_RECEIVE) -> position = reserved
		:: else
		fi;
		if
		:: room > 0 && len(queue) > 0 -> take_datagram()
		:: room > 0 && len(queue) == 0 -> has_emptied(); goto read_stamps
		:: else -> goto read_stamps
		fi
	}
	do
	:: atomic { len(batch) < room && len(queue) > 0 -> take_datagram() }
	:: atomic { len(batch) == room ->
			accept_batch();
			if
			:: is_mutant(FULL_BATCH_EMPTIES) -> has_emptied()
			:: else
			fi;
			break
		}
	:: atomic { len(batch) < room && len(queue) == 0 -> has_emptied(); goto accept }
	od;
	goto read_stamps;
accept:	atomic { accept_batch() }
read_stamps:
	atomic {
		room = 0;
		position = 0;
		read_ring();
		next_ready();
		if
		:: is_ready && len(ahead) < AHEAD -> goto next
		:: is_ready && len(ahead) == AHEAD -> handle_all(); goto look
		:: else
		fi;
		advance_and_expire();
		if
		:: len(ahead) > 0 -> handle_all(); goto look
		:: else
		fi
	}
}
