/* The engine's promises, put to a store: the core of what the conformance kit asks of stores in Rust.
 *
 * To ask a store of your own: fill in its `store_calls`, and call `put_to` for each of `promises`. */

#ifndef PROMISE_H
#define PROMISE_H

#include "../store.h"

/* A store that is asked, and what it answered last. */
typedef struct subject {
    const store_calls *calls;
    void *store;
    rows found;
    rows before;
    changes told;
    changes told_before;
} subject;

typedef struct promise {
    const char *name;
    const char *text;
    /* NULL when it is kept, `not_asked`, or what was seen. */
    const char *(*check)(subject *asked);
} promise;

extern const promise promises[];
extern const size_t promise_count;

/* The store gives no way to ask it: nothing is known. */
extern const char not_asked[];

/* Asks a new store of this kind; the answer is that of `check`. */
const char *put_to(const promise *promise, const store_calls *calls);

/* For the checks: leaves one with what was seen, unless it holds. */
#define EXPECT(holds, seen) \
    do { \
        if (!(holds)) \
            return seen; \
    } while (0)

/* A few of the kinds: a store understands none of them. */
enum { LOGIN = 1, ACCOUNT = 2, SESSION = 7, KEYRING = 8, DATA = 9 };

/* As many as a check asks of numbered keys. */
enum { NUMBERS = 128 };

/* A key out of a number, not in the number's order; and one out of a text. */
dw_key key_of(uint32_t kind, unsigned number);
dw_key key_named(const char *name);
dw_id id_of(unsigned number);

/* A row without owner and end; its stamp is its batch's. */
dw_row row_of(dw_key key);

/* A batch in the making, with a stamp of its own. */
typedef struct draft {
    dw_batch batch;
    dw_check checks[4];
    dw_write writes[64];
    dw_ending endings[32];
} draft;

void begin(draft *draft);
void put_new(draft *draft, dw_row row);
void put_over(draft *draft, dw_row row, dw_stamp seen);
void take(draft *draft, dw_key key);
void raise_epoch(draft *draft, dw_key key);
void check_absent(draft *draft, dw_key key);
void check_stamp(draft *draft, dw_key key, dw_stamp seen);
void ends(draft *draft, unsigned number, int64_t until);
void ends_epoch(draft *draft, dw_key key);

/* 1 applied, 0 a conflict, -1 failed. */
int commit(subject *asked, draft *draft);
/* Makes a row, and gives its stamp; replaces one; takes one away. */
dw_stamp create(subject *asked, dw_key key);
dw_stamp replace(subject *asked, dw_key key, dw_stamp seen);
void remove_row(subject *asked, dw_key key);
/* The row under a key; NULL when there is none. It stands until the next question. */
const dw_row *look(subject *asked, dw_key key);
/* Rows, a page, the journal: into `found` and `told`. */
int read_keys(subject *asked, const dw_key *keys, size_t count);
int scan_kind(subject *asked, uint32_t kind, const dw_id *owner, const dw_key *after, size_t limit);
int follow(subject *asked, uint64_t after, size_t limit);
size_t purge(subject *asked, int64_t now, size_t limit);

int same_stamp(dw_stamp one, dw_stamp other);
/* In all that a store keeps of them, but for the key. */
int same_row(const dw_row *one, const dw_row *other);
int same_rows(const rows *one, const rows *other);

/* The checks, by what they ask about. */
const char *asks_reads_in_order(subject *asked);
const char *asks_scans(subject *asked);
const char *asks_pages(subject *asked);
const char *asks_purges(subject *asked);
const char *asks_no_upsert(subject *asked);
const char *asks_ended_stays_ended(subject *asked);
const char *asks_other_stamps(subject *asked);
const char *asks_checks(subject *asked);
const char *asks_conflicts_change_nothing(subject *asked);
const char *asks_applied_whole(subject *asked);
const char *asks_never_refused(subject *asked);
const char *asks_raises(subject *asked);
const char *asks_journal_order(subject *asked);
const char *asks_floors(subject *asked);
const char *asks_numbers(subject *asked);
const char *asks_kill(subject *asked);
const char *asks_power_cut(subject *asked);
const char *asks_snapshots(subject *asked);
const char *asks_races(subject *asked);
const char *asks_follower(subject *asked);

#endif
