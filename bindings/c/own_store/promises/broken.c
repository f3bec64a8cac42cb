/* The tables on a disk, with one mistake at a time between them and whoever asks. */

#define _POSIX_C_SOURCE 200809L

#include "broken.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum mistake {
    ANSWERS_ONCE,
    READS_ROW_BY_ROW,
    SCANS_BACKWARDS,
    SCANS_EVERYBODYS,
    SCANS_ONE_MORE,
    SCANS_AFTER_ITSELF,
    UPSERTS,
    REVIVES,
    COMPARES_A_PREFIX,
    COMPARES_CONTENTS,
    FORGETS_CHECKS,
    STOPS_HALFWAY,
    JOURNALS_CONFLICTS,
    FORGETS_THE_LAST,
    COMPARES_EARLY,
    REFUSES_IDLE_DELETES,
    RAISE_KEEPS_STAMP,
    RAISE_MAKES_ROWS,
    SKIPS_AN_ENTRY,
    ENDS_WITH_THE_PAGE,
    FLOOR_BEFORE_RAISE,
    NUMBERS_EARLY,
    NUMBERS_AGAIN,
    PURGES_THE_LIVING,
    PURGES_ONE_MORE,
    BUFFERS_RELAXED,
    NEVER_SYNCS,
    SKIPS_BARRIERS,
    NO_MISTAKE,
};

const broken broken_stores[] = {
    [ANSWERS_ONCE] = {"a key that is asked for twice is answered once", "reads_in_order"},
    [READS_ROW_BY_ROW] = {"a read locks row by row", "one_snapshot"},
    [SCANS_BACKWARDS] = {"a scan goes from the last key to the first", "scans_in_order"},
    [SCANS_EVERYBODYS] = {"a scan by owner shows everybody's rows", "scans_in_order"},
    [SCANS_ONE_MORE] = {"a page has one row more than asked for", "scans_page_by_page"},
    [SCANS_AFTER_ITSELF] = {"a page begins with the key after which it should begin", "scans_page_by_page"},
    [UPSERTS] = {"INSERT OR REPLACE", "no_upsert"},
    [REVIVES] = {"a put onto a row that is gone makes it", "ended_stays_ended"},
    [COMPARES_A_PREFIX] = {"stamps are compared by fifteen bytes", "other_stamps"},
    [COMPARES_CONTENTS] = {"a row that says the same is taken for the same", "other_stamps"},
    [FORGETS_CHECKS] = {"checks are not looked at", "checks"},
    [STOPS_HALFWAY] = {"writes are carried out up to the first that conflicts", "conflicts_change_nothing"},
    [JOURNALS_CONFLICTS] = {"the journal is written before anything is compared", "conflicts_change_nothing"},
    [FORGETS_THE_LAST] = {"a batch is cut after 32 writes", "applied_whole"},
    [COMPARES_EARLY] = {"expectations are compared before the lock is taken", "one_winner"},
    [REFUSES_IDLE_DELETES] = {"a delete that finds no row is a conflict", "never_refused"},
    [RAISE_KEEPS_STAMP] = {"a raise leaves the stamp", "raises"},
    [RAISE_MAKES_ROWS] = {"a raise of nothing makes a row", "raises"},
    [SKIPS_AN_ENTRY] = {"a page of the journal begins one entry late", "journal_order"},
    [ENDS_WITH_THE_PAGE] = {"the journal is said to end with the page", "journal_order"},
    [FLOOR_BEFORE_RAISE] = {"a floor is the epoch before the batch", "floors"},
    [NUMBERS_EARLY] = {"entries are numbered before the commit waits for its turn", "follower"},
    [NUMBERS_AGAIN] = {"a new entry's number is one more than the entries there are", "numbers_once"},
    [PURGES_THE_LIVING] = {"a purge takes what is over a moment later", "purges"},
    [PURGES_ONE_MORE] = {"a purge takes one more than asked for", "purges"},
    [BUFFERS_RELAXED] = {"a batch that is not durable stays in the process", "survives_kill"},
    [NEVER_SYNCS] = {"nothing is ever synced", "survives_power_cut"},
    [SKIPS_BARRIERS] = {"an empty batch is answered at once", "survives_power_cut"},
};

const size_t broken_count = sizeof broken_stores / sizeof *broken_stores;

static enum mistake now = NO_MISTAKE;

const store_calls *with_mistake(size_t number) {
    now = (enum mistake)number;
    return &on_disk;
}

enum { ENTRIES = 1024 };

/* Three tables: what is shown, what the system has, what the disk has. */
typedef struct disk {
    pthread_mutex_t lock;
    void *shown;
    void *written;
    void *synced;
    /* Of NUMBERS_EARLY: the numbers that were given, by those of the tables. */
    uint64_t numbers[ENTRIES];
    uint64_t given;
} disk;

static void *disk_open(void) {
    disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL)
        return NULL;
    pthread_mutex_init(&disk->lock, NULL);
    disk->shown = tables.open();
    disk->written = tables.open();
    disk->synced = tables.open();
    return disk;
}

static void disk_close(void *given) {
    disk *disk = given;
    tables.close(disk->shown);
    tables.close(disk->written);
    tables.close(disk->synced);
    pthread_mutex_destroy(&disk->lock);
    free(disk);
}

/* Makes one table what another is. */
static void become(void **table, void *other) {
    tables.close(*table);
    *table = tables_copy(other);
}

static int disk_kill(void *given) {
    disk *disk = given;
    become(&disk->shown, disk->written);
    return 0;
}

static int disk_cut_power(void *given) {
    disk *disk = given;
    become(&disk->shown, disk->synced);
    become(&disk->written, disk->synced);
    return 0;
}

/* Lets other threads in, for so many microseconds. */
static void wait_for_others(long microseconds) {
    struct timespec moment = {0, microseconds * 1000};
    nanosleep(&moment, NULL);
}

static int has_key_before(const dw_key *keys, size_t at) {
    for (size_t before = 0; before < at; before++)
        if (key_order(&keys[before], &keys[at]) == 0)
            return 1;
    return 0;
}

static int disk_read(void *given, const dw_key *keys, size_t count, rows *found) {
    disk *disk = given;
    if (now != READS_ROW_BY_ROW && now != ANSWERS_ONCE)
        return tables.read(disk->shown, keys, count, found);
    for (size_t at = 0; at < count; at++) {
        rows one = {0};
        if (now == ANSWERS_ONCE && has_key_before(keys, at))
            continue;
        tables.read(disk->shown, &keys[at], 1, &one);
        rows_add(found, &one.items[0]);
        rows_free(&one);
        if (now == READS_ROW_BY_ROW)
            wait_for_others(50);
    }
    return 0;
}

static int disk_scan(void *given, const dw_range *range, size_t limit, rows *found) {
    disk *disk = given;
    dw_range asked = *range;
    rows all = {0};
    if (now == SCANS_EVERYBODYS)
        asked.has_owner = false;
    if (now == SCANS_ONE_MORE && limit < SIZE_MAX)
        limit++;
    if (now == SCANS_AFTER_ITSELF && range->has_after) {
        tables.read(disk->shown, &range->after, 1, found);
        limit--;
    }
    if (now != SCANS_BACKWARDS)
        return tables.scan(disk->shown, &asked, limit, found);
    tables.scan(disk->shown, &asked, SIZE_MAX, &all);
    for (size_t at = all.count; at > 0 && found->count < limit; at--)
        rows_add(found, &all.items[at - 1]);
    rows_free(&all);
    return 0;
}

/* What a put expects, changed into what is there. */
static void mistake_expectation(dw_check *expect, const dw_row *there, const dw_row *put) {
    int is_near = there->exists && memcmp(&there->stamp, &expect->stamp, sizeof there->stamp - 1) == 0;
    int says_same = there->exists && there->record.len == put->record.len
        && memcmp(there->record.ptr, put->record.ptr, put->record.len) == 0;
    if (now == COMPARES_EARLY || (now == UPSERTS && expect->absent) || (now == COMPARES_A_PREFIX && is_near)
        || (now == COMPARES_CONTENTS && says_same && !expect->absent) || (now == REVIVES && !there->exists)) {
        expect->absent = !there->exists;
        expect->stamp = there->stamp;
    }
}

/* A raise, changed into a put. */
static void mistake_raise(dw_write *write, const dw_row *there) {
    if (there->exists ? now != RAISE_KEEPS_STAMP : now != RAISE_MAKES_ROWS)
        return;
    dw_stamp stamp = there->exists ? there->stamp : write->row.stamp;
    write->kind = DW_WRITE_PUT;
    write->expect.absent = !there->exists;
    write->expect.stamp = there->stamp;
    if (there->exists)
        write->row = *there;
    write->row.epoch = there->epoch + 1;
    write->row.stamp = stamp;
}

static int is_met(const dw_check *expect, const dw_row *there) {
    if (expect->absent || !there->exists)
        return expect->absent && !there->exists;
    return memcmp(&there->stamp, &expect->stamp, sizeof there->stamp) == 0;
}

/* Carries out write by write, each as a batch of its own, after the checks. */
static void commit_by_halves(disk *disk, const dw_batch *batch, int *applied) {
    dw_batch part = *batch;
    part.write_count = part.ending_count = 0;
    tables.commit(disk->shown, &part, applied);
    part.check_count = 0;
    part.write_count = 1;
    for (size_t at = 0; at < batch->write_count && *applied; at++) {
        part.writes = &batch->writes[at];
        tables.commit(disk->shown, &part, applied);
    }
    part = *batch;
    part.check_count = part.write_count = 0;
    if (*applied)
        tables.commit(disk->shown, &part, applied);
}

static void commit_mistaken(disk *disk, dw_batch *batch, dw_write *writes, int *applied) {
    rows there = {0};
    for (size_t at = 0; at < batch->write_count; at++) {
        dw_write *write = &writes[at];
        rows one = {0};
        tables.read(disk->shown, &write->row.key, 1, &one);
        rows_add(&there, &one.items[0]);
        rows_free(&one);
    }
    *applied = 1;
    for (size_t at = 0; at < batch->write_count; at++) {
        dw_write *write = &writes[at];
        if (now == REFUSES_IDLE_DELETES && write->kind == DW_WRITE_DELETE && !there.items[at].exists)
            *applied = 0;
        if (now == COMPARES_EARLY && write->kind == DW_WRITE_PUT && !is_met(&write->expect, &there.items[at]))
            *applied = 0;
    }
    for (size_t at = 0; at < batch->write_count; at++) {
        dw_write *write = &writes[at];
        if (now == COMPARES_EARLY) {
            rows again = {0};
            wait_for_others(2000);
            tables.read(disk->shown, &write->row.key, 1, &again);
            mistake_expectation(&write->expect, &again.items[0], &write->row);
            rows_free(&again);
        } else if (write->kind == DW_WRITE_PUT) {
            mistake_expectation(&write->expect, &there.items[at], &write->row);
        } else if (write->kind == DW_WRITE_RAISE) {
            mistake_raise(write, &there.items[at]);
        }
    }
    if (*applied && now == STOPS_HALFWAY)
        commit_by_halves(disk, batch, applied);
    else if (*applied)
        tables.commit(disk->shown, batch, applied);
    rows_free(&there);
}

static int disk_commit(void *given, const dw_batch *batch, int *applied) {
    disk *disk = given;
    dw_write writes[64];
    dw_batch changed = *batch;
    uint64_t number = 0;
    if (batch->write_count > 64)
        return DW_FATAL;
    if (batch->write_count > 0)
        memcpy(writes, batch->writes, batch->write_count * sizeof *writes);
    changed.writes = writes;
    if (now == FORGETS_CHECKS)
        changed.check_count = 0;
    if (now == FORGETS_THE_LAST && changed.write_count > 32)
        changed.write_count = 32;
    if (now == JOURNALS_CONFLICTS) {
        dw_batch alone = *batch;
        alone.check_count = alone.write_count = changed.ending_count = 0;
        tables.commit(disk->shown, &alone, applied);
    }
    if (now == NUMBERS_EARLY && batch->ending_count > 0) {
        pthread_mutex_lock(&disk->lock);
        number = disk->given;
        disk->given += batch->ending_count;
        pthread_mutex_unlock(&disk->lock);
        if (number % 3 == 0)
            wait_for_others(1000);
    }
    if (now != COMPARES_EARLY)
        pthread_mutex_lock(&disk->lock);
    commit_mistaken(disk, &changed, writes, applied);
    if (now == COMPARES_EARLY)
        pthread_mutex_lock(&disk->lock);
    changes journal = {0};
    tables.changes(disk->shown, UINT64_MAX, 0, &journal);
    for (uint64_t at = 0; at < batch->ending_count && now == NUMBERS_EARLY; at++)
        disk->numbers[(journal.end - batch->ending_count + at) % ENTRIES] = ++number;
    changes_free(&journal);
    int is_barrier = batch->write_count == 0 && batch->ending_count == 0;
    if (batch->durable || now != BUFFERS_RELAXED)
        become(&disk->written, disk->shown);
    if (batch->durable && now != NEVER_SYNCS && !(is_barrier && now == SKIPS_BARRIERS))
        become(&disk->synced, disk->shown);
    pthread_mutex_unlock(&disk->lock);
    return 0;
}

static int by_number(const void *one, const void *other) {
    uint64_t first = ((const dw_change *)one)->number, second = ((const dw_change *)other)->number;
    return first < second ? -1 : first > second;
}

static int disk_changes(void *given, uint64_t after, size_t limit, changes *found) {
    disk *disk = given;
    if (now == SKIPS_AN_ENTRY && after > 0)
        after++;
    if (now != NUMBERS_AGAIN && now != NUMBERS_EARLY) {
        int failure = tables.changes(disk->shown, after, limit, found);
        if (now == ENDS_WITH_THE_PAGE)
            found->end = found->count > 0 ? found->items[found->count - 1].number : after;
        for (size_t at = 0; at < found->count && now == FLOOR_BEFORE_RAISE; at++)
            if (found->items[at].floor == 5)
                found->items[at].floor = 4;
        return failure;
    }
    pthread_mutex_lock(&disk->lock);
    int failure = tables.changes(disk->shown, 0, SIZE_MAX, found);
    size_t first = 0;
    for (size_t at = 0; at < found->count; at++)
        found->items[at].number = now == NUMBERS_AGAIN ? at + 1 : disk->numbers[at % ENTRIES];
    pthread_mutex_unlock(&disk->lock);
    if (found->count > 0)
        qsort(found->items, found->count, sizeof *found->items, by_number);
    found->end = found->count > 0 ? found->items[found->count - 1].number : 0;
    while (first < found->count && found->items[first].number <= after)
        first++;
    found->count = found->count - first < limit ? found->count - first : limit;
    memmove(found->items, found->items + first, found->count * sizeof *found->items);
    return failure;
}

static int disk_purge(void *given, int64_t when, size_t limit, size_t *removed) {
    disk *disk = given;
    if (now == PURGES_ONE_MORE && limit < SIZE_MAX)
        limit++;
    return tables.purge(disk->shown, now == PURGES_THE_LIVING ? when + 1 : when, limit, removed);
}

const store_calls on_disk = {
    .open = disk_open,
    .close = disk_close,
    .read = disk_read,
    .scan = disk_scan,
    .commit = disk_commit,
    .changes = disk_changes,
    .purge = disk_purge,
    .kill = disk_kill,
    .cut_power = disk_cut_power,
};
