/* Every promise, and how it is put to a store. */

#include "promise.h"

const char not_asked[] = "NOT ASKED: the store does not show what a kill or a power cut leaves";

const promise promises[] = {
    {"reads_in_order", "a read answers each key in its place, bit for bit, also one asked for twice", asks_reads_in_order},
    {"one_snapshot", "all rows of one reply stood side by side at one moment", asks_snapshots},
    {"scans_in_order", "a scan goes through one kind, or one owner's, in the order of the keys", asks_scans},
    {"scans_page_by_page", "a page begins after its key and has as many rows as asked for, while there are", asks_pages},
    {"no_upsert", "a put that expects nothing conflicts with a row", asks_no_upsert},
    {"ended_stays_ended", "a put that expects a row conflicts with nothing", asks_ended_stays_ended},
    {"other_stamps", "a put conflicts with a row of another stamp, whatever the row says", asks_other_stamps},
    {"checks", "a check that fails makes the whole batch a conflict; one that is met does not", asks_checks},
    {"conflicts_change_nothing", "a conflict leaves every row and the journal as they were", asks_conflicts_change_nothing},
    {"applied_whole", "an applied batch is applied whole; an empty one applies", asks_applied_whole},
    {"one_winner", "of many puts with one expectation at one time, one applies", asks_races},
    {"never_refused", "a batch of deletes and raises alone, without checks, is never a conflict", asks_never_refused},
    {"raises", "a raise adds one to the epoch, gives its batch's stamp, leaves all else, and makes nothing", asks_raises},
    {"journal_order", "the journal is told in commit order, page by page, and says where it ends", asks_journal_order},
    {"floors", "the floor of an ending is the epoch as its batch leaves it; the highest where there is no row", asks_floors},
    {"follower", "who follows the journal while others commit sees every entry once", asks_follower},
    {"numbers_once", "a number of the journal is never given twice, also after a purge", asks_numbers},
    {"purges", "a purge takes what is over, as much as asked for, and leaves the living", asks_purges},
    {"survives_kill", "a batch that is not durable, once applied, survives the process", asks_kill},
    {"survives_power_cut", "a durable batch survives a power cut; an empty one makes all before it durable", asks_power_cut},
};

const size_t promise_count = sizeof promises / sizeof *promises;

const char *put_to(const promise *promise, const store_calls *calls) {
    subject asked = {0};
    asked.calls = calls;
    asked.store = calls->open();
    if (asked.store == NULL)
        return "it cannot be opened";
    const char *seen = promise->check(&asked);
    rows_free(&asked.found);
    rows_free(&asked.before);
    changes_free(&asked.told);
    changes_free(&asked.told_before);
    calls->close(asked.store);
    return seen;
}
