/* budget: one number of bytes for all pages between the start of a fetch and their outcome.
 *
 * A page reserves LIMIT_RESERVE_BYTES when its fetch starts and grows in such steps as bytes arrive; what
 * it holds is given back when its record is acknowledged (or it has none).  When all is spent, no fetch
 * starts and growing is refused (the transfer pauses), but the oldest page that is still being fetched
 * may always grow, up to a whole body: so something always ends.  One thread. */
#ifndef TROMMEL_PAGE_BUDGET_H
#define TROMMEL_PAGE_BUDGET_H
#include <stddef.h>
#include <stdint.h>

struct budget;
struct budget_share; /* what one page holds */

struct budget *budget_new(uint64_t total_bytes, uint64_t reserve_for_oldest);
void budget_free(struct budget *b);
/* NULL: spent.  `resume` is called (from give or shrink of another) when a refused growth may be tried again. */
struct budget_share *budget_start(struct budget *b, void (*resume)(void *arg), void *arg);
/* Would budget_start give one now? */
int budget_room(const struct budget *b);
/* Makes the share hold at least `bytes`.  0, or ERR_FULL: pause, resume will be called. */
int budget_grow(struct budget_share *s, uint64_t bytes);
/* The body is whole: the share is cut to what it really needs and is no fetch any more. */
void budget_settle(struct budget_share *s, uint64_t bytes);
void budget_end(struct budget_share **s); /* gives all back; NULL-safe, sets NULL */
struct budget_state { uint64_t total, used, shares, refused, peak; }; /* peak: most that was ever used */
struct budget_state budget_state(const struct budget *b);
#endif
