/*
 * Mistakes, each a change of one rule. check.sh demands that each violates a property in the
 * configuration that stands before its colon.
 */
#define NO_MUTANT 0

#define JUDGE_EARLY              1 /* socket-pairing: Correlator::next() does not wait */
#define POSITION_BEFORE_RECEIVE  2 /* socket-order: the position is taken first */
#define FIRST_STAMP_WINS         3 /* socket-pairing: stamps that disagree: the first is believed */
#define LAST_STAMP_WINS          4 /* socket-pairing: the last one is */
#define STAMP_TAKEN_TWICE        5 /* socket-pairing: take() leaves the last stamp */
#define READ_BUSY                6 /* socket-pairing: a record is read that is being written */
#define ORPHAN_UNCOUNTED         7 /* socket-pairing: expired stamps are in no counter */
#define EXPIRE_UP_TO_NOW         8 /* socket-pairing: orphans expire while their frames are queued */
#define AGE_FROM_LOOK            9 /* socket-silence: a stamp is as old as the look that reads it */
#define ATTEMPTS_IGNORED        10 /* socket-silence: the table of senders is not asked */
#define ATTEMPT_AFTER_LIMITS    11 /* socket-silence: note_attempt() comes after the limits */
#define ATTEMPT_GOES_BACK       12 /* ring-threads: note_attempt() overwrites a later one */
#define HEARD_BEFORE_SENT       13 /* socket-silence: a beat counts from the look that reads it */
#define GONE_IS_SILENT          14 /* socket-silence: an exit that is not due yet is a silence */
#define UNHEARD_FOREVER         15 /* ring-silence: who was unheard is not checked again */
#define JUDGE_UP_TO_NOW         16 /* socket-silence: judged up to now, not the horizon */
#define EXIT_OF_SAME_INSTANT    17 /* socket-silence: an exit is due in its own instant */
#define HORIZON_IGNORES_WAITING 18 /* socket-silence: the horizon passes waiting frames */
#define FULL_BATCH_EMPTIES      19 /* socket-horizon: a full batch ends the queue */
#define HORIZON_IGNORES_BUSY    20 /* ring-silence: look_ahead() passes busy records */

#define is_mutant(which) (MUTANT == which)
