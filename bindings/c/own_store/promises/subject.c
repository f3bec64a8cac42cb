/* Batches by hand, and questions. */

#include "promise.h"

#include <pthread.h>
#include <string.h>

dw_id id_of(unsigned number) {
    dw_id id = {{0}};
    id.bytes[0] = (uint8_t)(number * 151 + 7);
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    return id;
}

/* Keys point to bytes, so that those must stay. */
dw_key key_of(uint32_t kind, unsigned number) {
    static dw_id ids[NUMBERS];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int is_filled = 0;
    pthread_mutex_lock(&lock);
    for (unsigned at = 0; at < NUMBERS && !is_filled; at++)
        ids[at] = id_of(at);
    is_filled = 1;
    pthread_mutex_unlock(&lock);
    dw_key key = {0};
    key.kind = kind;
    if (kind != KEYRING)
        key.id = (dw_text){(const char *)ids[number % NUMBERS].bytes, sizeof ids[0].bytes};
    return key;
}

dw_key key_named(const char *name) {
    dw_key key = {LOGIN, {name, strlen(name)}};
    return key;
}

dw_row row_of(dw_key key) {
    dw_row row = {0};
    row.key = key;
    row.exists = 1;
    row.record = (dw_text){DW_LITERAL("a \0 record")};
    return row;
}

void begin(draft *draft) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t stamps = 0;
    memset(draft, 0, sizeof *draft);
    draft->batch.durable = true;
    draft->batch.checks = draft->checks;
    draft->batch.writes = draft->writes;
    draft->batch.endings = draft->endings;
    pthread_mutex_lock(&lock);
    stamps++;
    memcpy(draft->batch.stamp.bytes, &stamps, sizeof stamps);
    pthread_mutex_unlock(&lock);
}

static dw_write *write_to(draft *draft, dw_write_kind kind, dw_row row) {
    dw_write *write = &draft->writes[draft->batch.write_count++];
    write->kind = kind;
    write->row = row;
    write->row.stamp = draft->batch.stamp;
    write->expect.key = row.key;
    return write;
}

void put_new(draft *draft, dw_row row) {
    write_to(draft, DW_WRITE_PUT, row)->expect.absent = true;
}

void put_over(draft *draft, dw_row row, dw_stamp seen) {
    write_to(draft, DW_WRITE_PUT, row)->expect.stamp = seen;
}

void take(draft *draft, dw_key key) {
    write_to(draft, DW_WRITE_DELETE, row_of(key));
}

void raise_epoch(draft *draft, dw_key key) {
    write_to(draft, DW_WRITE_RAISE, row_of(key));
}

void check_absent(draft *draft, dw_key key) {
    dw_check *check = &draft->checks[draft->batch.check_count++];
    check->key = key;
    check->absent = true;
}

void check_stamp(draft *draft, dw_key key, dw_stamp seen) {
    dw_check *check = &draft->checks[draft->batch.check_count++];
    check->key = key;
    check->stamp = seen;
}

/* Sessions and grants take turns. */
void ends(draft *draft, unsigned number, int64_t until) {
    dw_ending *ending = &draft->endings[draft->batch.ending_count++];
    ending->kind = number % 2 == 0 ? DW_ENDING_SESSION : DW_ENDING_GRANT;
    ending->subject = id_of(number);
    ending->until = until;
}

void ends_epoch(draft *draft, dw_key key) {
    dw_ending *ending = &draft->endings[draft->batch.ending_count++];
    ending->kind = key.kind == KEYRING ? DW_ENDING_EVERYTHING : DW_ENDING_ACCOUNT;
    ending->key = key;
    ending->until = 1000000;
    if (key.id.len == sizeof ending->subject.bytes)
        memcpy(ending->subject.bytes, key.id.ptr, key.id.len);
}

int commit(subject *asked, draft *draft) {
    int applied = 0;
    return asked->calls->commit(asked->store, &draft->batch, &applied) == 0 ? applied : -1;
}

dw_stamp create(subject *asked, dw_key key) {
    draft draft;
    begin(&draft);
    put_new(&draft, row_of(key));
    commit(asked, &draft);
    return draft.batch.stamp;
}

dw_stamp replace(subject *asked, dw_key key, dw_stamp seen) {
    draft draft;
    begin(&draft);
    put_over(&draft, row_of(key), seen);
    commit(asked, &draft);
    return draft.batch.stamp;
}

void remove_row(subject *asked, dw_key key) {
    draft draft;
    begin(&draft);
    take(&draft, key);
    commit(asked, &draft);
}

int read_keys(subject *asked, const dw_key *keys, size_t count) {
    rows_free(&asked->found);
    return asked->calls->read(asked->store, keys, count, &asked->found) == 0 && asked->found.count == count;
}

const dw_row *look(subject *asked, dw_key key) {
    return read_keys(asked, &key, 1) && asked->found.items[0].exists ? &asked->found.items[0] : NULL;
}

int scan_kind(subject *asked, uint32_t kind, const dw_id *owner, const dw_key *after, size_t limit) {
    dw_range range = {0};
    range.kind = kind;
    range.has_owner = owner != NULL;
    range.has_after = after != NULL;
    if (owner != NULL)
        range.owner = *owner;
    if (after != NULL)
        range.after = *after;
    rows_free(&asked->found);
    return asked->calls->scan(asked->store, &range, limit, &asked->found) == 0;
}

int follow(subject *asked, uint64_t after, size_t limit) {
    changes_free(&asked->told);
    return asked->calls->changes(asked->store, after, limit, &asked->told) == 0;
}

size_t purge(subject *asked, int64_t now, size_t limit) {
    size_t removed = 0;
    return asked->calls->purge(asked->store, now, limit, &removed) == 0 ? removed : SIZE_MAX;
}

int same_stamp(dw_stamp one, dw_stamp other) {
    return memcmp(one.bytes, other.bytes, sizeof one.bytes) == 0;
}

int same_row(const dw_row *one, const dw_row *other) {
    if (one->exists != other->exists || !one->exists)
        return one->exists == other->exists;
    return same_stamp(one->stamp, other->stamp) && one->epoch == other->epoch && one->has_owner == other->has_owner
        && memcmp(&one->owner, &other->owner, sizeof one->owner) == 0 && one->has_expires == other->has_expires
        && one->expires == other->expires && one->record.len == other->record.len
        && memcmp(one->record.ptr, other->record.ptr, one->record.len) == 0;
}

int same_rows(const rows *one, const rows *other) {
    for (size_t at = 0; at < one->count && one->count == other->count; at++)
        if (!same_row(&one->items[at], &other->items[at]))
            return 0;
    return one->count == other->count;
}
