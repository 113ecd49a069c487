/*
 * userspace/identity: the Correlator with its StampTable, by content. Local to the
 * observer, so each rule is one step.
 */

/* StampTable: a group for each content. */
typedef Group {
	byte stamps;
	byte sender;  /* the process, or AMBIGUOUS */
	byte sent_at; /* of the first stamp */
	byte touched  /* when it was last added to */
};

Group group[NONCES + 1];

/* Frames that wait: as in the queue, and the ring's position. */
chan frames = [FRAMES] of { byte, byte, bool, byte, byte };

short unsettled; /* stamps - matched - orphaned, as the Correlator counts them */

inline release(which)
{
	group[which].stamps = 0;
	group[which].sender = NOBODY;
	group[which].sent_at = 0;
	group[which].touched = 0
}

/* StampTable::evict() chooses by slots; the model takes any group, so it may do more. */
inline evict()
{
	select(i : 0 .. NONCES);
	if
	:: group[i].stamps > 0 ->
		unsettled = unsettled - group[i].stamps;
		evicted_any = true;
		release(i)
	:: else
	fi;
	i = 0
}

/* Correlator::add_stamp() */
inline add_stamp(from, content, ktime)
{
	unsettled++;
	if
	:: EVICTING && group[content].stamps == 0 -> evict()
	:: true
	fi;
	if
	:: group[content].stamps == 0 ->
		group[content].sender = from;
		group[content].sent_at = (JUDGES -> ktime : 0)
	:: else ->
		if
		:: group[content].sender == from || is_mutant(FIRST_STAMP_WINS)
		:: group[content].sender != from && is_mutant(LAST_STAMP_WINS) -> group[content].sender = from
		:: else -> group[content].sender = AMBIGUOUS
		fi
	fi;
	group[content].touched = (now > ktime || is_mutant(AGE_FROM_LOOK) -> now : ktime);
	group[content].stamps++
}

/* StampTable::take(): one stamp; the group's attestation. */
inline take(content)
{
	sender = group[content].sender;
	sent_at = group[content].sent_at;
	unsettled--;
	group[content].stamps--;
	if
	:: is_mutant(STAMP_TAKEN_TWICE) && group[content].stamps == 0 ->
		unsettled++;
		group[content].stamps++
	:: group[content].stamps == 0 -> release(content)
	:: else
	fi
}

/*
 * Correlator::next(): sets is_ready, and sender: the process, AMBIGUOUS, or NOBODY if there is no
 * stamp. A frame without a stamp is refused at once (LossCredit) or a little later: at any time.
 */
inline next_paired()
{
	is_ready = false;
	if
	:: len(frames) > 0 ->
		frames?<from, bytes, must, queued_at, position>;
		if
		:: read_to < position && !is_mutant(JUDGE_EARLY)
		:: else ->
			if
			:: group[bytes].stamps > 0 -> take(bytes); is_ready = true
			:: group[bytes].stamps == 0 -> is_ready = true; assert_has_no_stamp()
			:: group[bytes].stamps == 0
			fi
		fi;
		position = 0
	:: else
	fi;
	if
	:: is_ready -> frames?_,_,_,_,_
	:: else
	fi
}

/* Whoever was stamped and then queued in time is never told that he was not. */
inline assert_has_no_stamp() { assert(!must || may_lack[bytes] || evicted_any) }

/* Correlator::expire(), all that is due. */
inline expire_stamps(paired_to)
{
	if
	:: paired_to >= LIFETIME ->
		for (i : 0 .. NONCES) {
			if
			:: group[i].stamps > 0 && group[i].touched <= paired_to - LIFETIME ->
				if
				:: is_mutant(ORPHAN_UNCOUNTED)
				:: else -> unsettled = unsettled - group[i].stamps
				fi;
				release(i);
				reach(ORPHAN_EXPIRED)
			:: else
			fi
		}
	:: else
	fi;
	i = 0
}
