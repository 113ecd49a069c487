/* An agent in C. */
#include <hb_agent.h>
#include <stdio.h>

int main(void)
{
	hb_agent *agent = hb_agent_open(NULL);
	int error = agent ? hb_agent_beat(agent, HB_AGENT_OK, 0) : -1;

	puts(error ? "no observer" : "observed");
	hb_agent_close(agent);
	return 0;
}
