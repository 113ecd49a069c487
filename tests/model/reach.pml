/*
 * How often each event happened in the whole search, for check.sh: a property of what never
 * happens says nothing. Counted in C, beside the states, so that it makes no new ones.
 */
c_decl {
enum { BEAT, SILENCE, UNHEARD, EXIT, AMBIGUITY, RING_FULL, QUEUE_FULL, ORPHAN_EXPIRED, EVENTS };
static unsigned long event_count[EVENTS];
__attribute__((destructor)) static void tell_reached(void)
{
	static const char *const names[EVENTS] = {
		"beat", "silence", "unheard", "exit", "ambiguity", "ring_full", "queue_full", "orphan_expired",
	};
	for (int i = 0; i < EVENTS; i++) printf("reached %s %lu\n", names[i], event_count[i]);
}
}
#define reach(event) c_code { event_count[event]++; }
