/* userspace/observer: Observer::look(), which may be preempted between any two atomic blocks. */

/* Feeds::horizon_ns() */
inline take_horizon()
{
	read_up_to = (is_mutant(JUDGE_UP_TO_NOW) || now < horizon -> now : horizon)
}

/* due_exit(): the exit's last beat may have the same time. */
inline due_exit()
{
	take_horizon();
	if
	:: len(exits) > 0 ->
		exits?<i>;
		if
		:: i + (is_mutant(EXIT_OF_SAME_INSTANT) -> 0 : 1) <= read_up_to -> exits?_; record_exit()
		:: else
		fi;
		i = 0
	:: else
	fi
}

inline record_exit()
{
	if
	:: list != NONE -> assert_all_read(TICKS + 1); list = DEAD; reach(EXIT)
	:: else
	fi
}

/* due_silence(), with Tracker::expire(). */
inline due_silence()
{
	if
	:: is_overdue && is_silent -> assert_silent(); list = STALLED; checked_at = 0; reach(SILENCE)
	:: else ->
		list = RECHECK;
		checked_at = (is_mutant(UNHEARD_FOREVER) -> TICKS : read_up_to);
		reach(UNHEARD)
	fi
}

/* Whoever is still not called silent has tried lately. */
inline assert_found()
{
	assert(list != LIVE && list != RECHECK || len(exits) > 0 ||
	       read_up_to < latest + THRESHOLD + RECHECK_AFTER);
	read_up_to = 0
}

active proctype observer()
{
#if JUDGES
look:	atomic {
		assert_counted();
		now = clock;
		due_exit();
		if
		:: is_due
		:: else -> assert_found(); goto next
		fi
	}
	atomic { due_silence(); assert_found() }
next:	read_source();
	atomic {
		due_exit();
		if
		:: is_due
		:: else -> assert_found(); goto look
		fi
	}
	atomic { due_silence(); assert_found() }
	goto look
#else
look:	atomic { assert_counted(); now = clock }
next:	read_source();
	goto look
#endif
}
