/* Rows in one array that is sorted by key, and the journal in another; one lock for both. A batch looks at everything and
 * takes all its memory before it changes anything, so that it is done whole or not at all. */

#include "store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct table_store {
    pthread_mutex_t lock;
    rows rows;
    size_t room;
    changes journal;
    size_t journal_room;
} table_store;

static void *table_open(void) {
    table_store *store = calloc(1, sizeof *store);
    if (store != NULL && pthread_mutex_init(&store->lock, NULL) != 0) {
        free(store);
        return NULL;
    }
    return store;
}

static void table_close(void *given) {
    table_store *store = given;
    rows_free(&store->rows);
    changes_free(&store->journal);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* Where the first row stands whose key is not less. */
static size_t place(const table_store *store, const dw_key *key) {
    size_t from = 0, to = store->rows.count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (key_order(&store->rows.items[middle].key, key) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* The row under a key, or NULL. */
static dw_row *find(const table_store *store, const dw_key *key) {
    size_t at = place(store, key);
    if (at == store->rows.count || key_order(&store->rows.items[at].key, key) != 0)
        return NULL;
    return &store->rows.items[at];
}

static int table_read(void *given, const dw_key *keys, size_t count, rows *found) {
    table_store *store = given;
    int is_room = 1;
    pthread_mutex_lock(&store->lock);
    for (size_t at = 0; at < count && is_room; at++) {
        dw_row none = {0};
        none.key = keys[at];
        const dw_row *row = find(store, &keys[at]);
        is_room = rows_add(found, row == NULL ? &none : row);
    }
    pthread_mutex_unlock(&store->lock);
    return is_room ? 0 : DW_RETRYABLE;
}

static int table_scan(void *given, const dw_range *range, size_t limit, rows *found) {
    table_store *store = given;
    int is_room = 1;
    dw_key first = {0};
    first.kind = range->kind;
    pthread_mutex_lock(&store->lock);
    for (size_t at = place(store, range->has_after ? &range->after : &first); at < store->rows.count; at++) {
        const dw_row *row = &store->rows.items[at];
        if (row->key.kind != range->kind || found->count == limit || !is_room)
            break;
        if (range->has_after && key_order(&row->key, &range->after) == 0)
            continue;
        if (range->has_owner && (!row->has_owner || memcmp(&row->owner, &range->owner, sizeof row->owner) != 0))
            continue;
        is_room = rows_add(found, row);
    }
    pthread_mutex_unlock(&store->lock);
    return is_room ? 0 : DW_RETRYABLE;
}

static int is_met(const table_store *store, const dw_check *check) {
    const dw_row *row = find(store, &check->key);
    if (check->absent)
        return row == NULL;
    return row != NULL && memcmp(&row->stamp, &check->stamp, sizeof row->stamp) == 0;
}

/* Whether each check, and the expectation of each put, is met now. */
static int holds(const table_store *store, const dw_batch *batch) {
    for (size_t at = 0; at < batch->check_count; at++)
        if (!is_met(store, &batch->checks[at]))
            return 0;
    for (size_t at = 0; at < batch->write_count; at++)
        if (batch->writes[at].kind == DW_WRITE_PUT && !is_met(store, &batch->writes[at].expect))
            return 0;
    return 1;
}

/* Takes the memory that the batch needs: room in both tables, and copies of the rows it puts, in the order of the writes. */
static int prepare(table_store *store, const dw_batch *batch, rows *puts) {
    size_t room = store->rows.count + batch->write_count;
    size_t journal_room = store->journal.count + batch->ending_count;
    if (room > store->room) {
        dw_row *more = realloc(store->rows.items, room * 2 * sizeof *more);
        if (more == NULL)
            return 0;
        store->rows.items = more;
        store->room = room * 2;
    }
    if (journal_room > store->journal_room) {
        dw_change *more = realloc(store->journal.items, journal_room * 2 * sizeof *more);
        if (more == NULL)
            return 0;
        store->journal.items = more;
        store->journal_room = journal_room * 2;
    }
    for (size_t at = 0; at < batch->write_count; at++)
        if (batch->writes[at].kind == DW_WRITE_PUT && !rows_add(puts, &batch->writes[at].row))
            return 0;
    return 1;
}

static void put(table_store *store, const dw_row *row) {
    dw_row *there = find(store, &row->key);
    if (there != NULL) {
        row_free(there);
        *there = *row;
        return;
    }
    size_t at = place(store, &row->key);
    memmove(&store->rows.items[at + 1], &store->rows.items[at], (store->rows.count - at) * sizeof *row);
    store->rows.items[at] = *row;
    store->rows.count++;
}

static void drop(table_store *store, dw_row *row) {
    size_t at = (size_t)(row - store->rows.items);
    row_free(row);
    store->rows.count--;
    memmove(row, row + 1, (store->rows.count - at) * sizeof *row);
}

/* The floor is the epoch as the batch leaves it. */
static void tell(table_store *store, const dw_ending *ending) {
    dw_change *entry = &store->journal.items[store->journal.count++];
    memset(entry, 0, sizeof *entry);
    entry->number = ++store->journal.end;
    entry->kind = (uint32_t)ending->kind;
    entry->subject = ending->subject;
    entry->until = ending->until;
    if (ending->kind == DW_ENDING_ACCOUNT || ending->kind == DW_ENDING_EVERYTHING) {
        const dw_row *row = find(store, &ending->key);
        entry->floor = row == NULL ? UINT64_MAX : row->epoch;
    }
}

static int table_commit(void *given, const dw_batch *batch, int *applied) {
    table_store *store = given;
    rows puts = {0};
    pthread_mutex_lock(&store->lock);
    *applied = holds(store, batch);
    if (*applied && !prepare(store, batch, &puts)) {
        pthread_mutex_unlock(&store->lock);
        rows_free(&puts);
        return DW_RETRYABLE;
    }
    const dw_row *next = puts.items;
    for (size_t at = 0; at < batch->write_count && *applied; at++) {
        const dw_write *write = &batch->writes[at];
        dw_row *there = find(store, &write->row.key);
        if (write->kind == DW_WRITE_PUT) {
            put(store, next++);
        } else if (there != NULL && write->kind == DW_WRITE_DELETE) {
            drop(store, there);
        } else if (there != NULL && write->kind == DW_WRITE_RAISE) {
            there->epoch++;
            there->stamp = batch->stamp;
        }
    }
    for (size_t at = 0; at < batch->ending_count && *applied; at++)
        tell(store, &batch->endings[at]);
    pthread_mutex_unlock(&store->lock);
    free(puts.items);
    return 0;
}

static int table_changes(void *given, uint64_t after, size_t limit, changes *found) {
    table_store *store = given;
    pthread_mutex_lock(&store->lock);
    size_t first = 0;
    while (first < store->journal.count && store->journal.items[first].number <= after)
        first++;
    size_t count = store->journal.count - first < limit ? store->journal.count - first : limit;
    found->items = malloc((count + 1) * sizeof *found->items);
    if (found->items != NULL) {
        if (count > 0)
            memcpy(found->items, &store->journal.items[first], count * sizeof *found->items);
        found->count = count;
        found->end = store->journal.end;
    }
    pthread_mutex_unlock(&store->lock);
    return found->items != NULL ? 0 : DW_RETRYABLE;
}

/* What stays moves up. The journal's end stays where it was. */
static int table_purge(void *given, int64_t now, size_t limit, size_t *removed) {
    table_store *store = given;
    size_t stays = 0;
    *removed = 0;
    pthread_mutex_lock(&store->lock);
    for (size_t at = 0; at < store->rows.count; at++) {
        dw_row *row = &store->rows.items[at];
        if (row->has_expires && row->expires <= now && *removed < limit) {
            row_free(row);
            ++*removed;
        } else {
            store->rows.items[stays++] = *row;
        }
    }
    store->rows.count = stays;
    stays = 0;
    for (size_t at = 0; at < store->journal.count; at++) {
        if (store->journal.items[at].until <= now && *removed < limit)
            ++*removed;
        else
            store->journal.items[stays++] = store->journal.items[at];
    }
    store->journal.count = stays;
    pthread_mutex_unlock(&store->lock);
    return 0;
}

void *tables_copy(void *given) {
    table_store *store = given;
    table_store *copy = table_open();
    if (copy == NULL)
        return NULL;
    pthread_mutex_lock(&store->lock);
    int is_room = 1;
    for (size_t at = 0; at < store->rows.count && is_room; at++)
        is_room = rows_add(&copy->rows, &store->rows.items[at]);
    copy->room = copy->rows.count;
    copy->journal.items = malloc((store->journal.count + 1) * sizeof *copy->journal.items);
    is_room = is_room && copy->journal.items != NULL;
    if (is_room && store->journal.count > 0)
        memcpy(copy->journal.items, store->journal.items, store->journal.count * sizeof *copy->journal.items);
    if (is_room)
        copy->journal.count = copy->journal_room = store->journal.count;
    copy->journal.end = store->journal.end;
    pthread_mutex_unlock(&store->lock);
    if (!is_room) {
        table_close(copy);
        return NULL;
    }
    return copy;
}

const store_calls tables = {
    .open = table_open,
    .close = table_close,
    .read = table_read,
    .scan = table_scan,
    .commit = table_commit,
    .changes = table_changes,
    .purge = table_purge,
};
