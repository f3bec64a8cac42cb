/* The journal, and what a stop leaves of it and of the rows. */

#include "promise.h"

#include <string.h>

/* Neither `until` nor the ids go with the order. */
const char *asks_journal_order(subject *asked) {
    enum { BATCHES = 8, EACH = 3, ENTRIES = BATCHES * EACH };
    for (unsigned number = 0; number < ENTRIES; number += EACH) {
        draft draft;
        begin(&draft);
        for (unsigned entry = 0; entry < EACH; entry++)
            ends(&draft, number + entry, 1000000 + (number * 7 + entry * 5) % 23);
        EXPECT(commit(asked, &draft) == 1, "an ending was refused");
        create(asked, key_of(SESSION, number)); /* which tells nothing */
    }
    EXPECT(follow(asked, 0, SIZE_MAX) && asked->told.count == ENTRIES, "the journal has not as many entries as were told");
    changes_free(&asked->told_before);
    asked->told_before = asked->told;
    memset(&asked->told, 0, sizeof asked->told);
    uint64_t last = 0, end = asked->told_before.items[ENTRIES - 1].number;
    for (unsigned number = 0; number < ENTRIES; number++) {
        const dw_change *entry = &asked->told_before.items[number];
        dw_id subject = id_of(number);
        EXPECT(entry->number > last, "numbers do not rise from 1");
        EXPECT(memcmp(&entry->subject, &subject, sizeof subject) == 0, "entries are not in commit order");
        uint32_t kind = number % 2 == 0 ? DW_ENDING_SESSION : DW_ENDING_GRANT;
        int64_t until = 1000000 + (number / EACH * EACH * 7 + number % EACH * 5) % 23;
        EXPECT(entry->kind == kind, "an entry is of another kind than told");
        EXPECT(entry->until == until, "an entry has another end than told");
        last = entry->number;
    }
    EXPECT(asked->told_before.end == end, "the journal does not say where it ends");
    for (size_t limit = 1; limit <= 5; limit += 2)
        for (size_t place = 0; place < ENTRIES; place++) {
            size_t left = ENTRIES - place - 1, expected = left < limit ? left : limit;
            EXPECT(follow(asked, asked->told_before.items[place].number, limit), "a page fails");
            EXPECT(asked->told.count == expected, "a page has not as many entries as asked for");
            EXPECT(asked->told.end == end, "a page says that the journal ends elsewhere");
            for (size_t at = 0; at < expected; at++)
                EXPECT(asked->told.items[at].number == asked->told_before.items[place + 1 + at].number,
                    "a page skips an entry");
        }
    return NULL;
}

/* Whether the last entry has this floor. */
static int told_floor(subject *asked, uint64_t floor) {
    return follow(asked, 0, SIZE_MAX) && asked->told.count > 0 && asked->told.items[asked->told.count - 1].floor == floor;
}

const char *asks_floors(subject *asked) {
    dw_key of[] = {key_of(ACCOUNT, 1), key_of(KEYRING, 0)};
    for (int at = 0; at < 2; at++) {
        draft draft;
        dw_row row = row_of(of[at]);
        begin(&draft);
        ends_epoch(&draft, of[at]);
        EXPECT(commit(asked, &draft) == 1 && told_floor(asked, UINT64_MAX), "the floor of no row is not the highest");
        row.epoch = 4;
        begin(&draft);
        put_new(&draft, row);
        ends_epoch(&draft, of[at]);
        EXPECT(commit(asked, &draft) == 1 && told_floor(asked, 4), "a floor is not the epoch that its batch puts");
        begin(&draft);
        ends_epoch(&draft, of[at]);
        EXPECT(commit(asked, &draft) == 1 && told_floor(asked, 4), "a floor is not the epoch of the row");
        begin(&draft);
        ends_epoch(&draft, of[at]);
        raise_epoch(&draft, of[at]);
        EXPECT(commit(asked, &draft) == 1 && told_floor(asked, 5), "a floor is not the epoch after the raise of its batch");
        begin(&draft);
        take(&draft, of[at]);
        ends_epoch(&draft, of[at]);
        EXPECT(commit(asked, &draft) == 1 && told_floor(asked, UINT64_MAX), "the floor of a deleted row is not the highest");
    }
    return NULL;
}

/* A follower that read all sleeps while all of it is purged, and must miss nothing that comes after. */
const char *asks_numbers(subject *asked) {
    uint64_t known = 0;
    for (unsigned round = 0; round < 5; round++) {
        draft draft;
        begin(&draft);
        for (unsigned entry = 0; entry < 3; entry++)
            ends(&draft, round * 3 + entry, 1);
        EXPECT(commit(asked, &draft) == 1, "an ending was refused");
        EXPECT(follow(asked, known, SIZE_MAX) && asked->told.count == 3, "after a purge a follower misses entries");
        known = asked->told.items[2].number;
        EXPECT(purge(asked, 1000, SIZE_MAX) == 3, "a purge does not take the entries that are over");
        EXPECT(follow(asked, known, SIZE_MAX) && asked->told.end >= known, "after a purge the journal's end goes back");
    }
    return NULL;
}

static int commit_as(subject *asked, draft *draft, int is_durable) {
    draft->batch.durable = is_durable;
    return commit(asked, draft);
}

const char *asks_kill(subject *asked) {
    draft draft;
    EXPECT(asked->calls->kill != NULL, not_asked);
    begin(&draft);
    put_new(&draft, row_of(key_of(SESSION, 1)));
    ends(&draft, 1, 1000000);
    EXPECT(commit_as(asked, &draft, 0) == 1, "a batch whose expectations are met was refused");
    EXPECT(asked->calls->kill(asked->store) == 0, "the store does not come back");
    EXPECT(look(asked, key_of(SESSION, 1)) != NULL, "a row is gone with the process");
    EXPECT(follow(asked, 0, SIZE_MAX) && asked->told.count == 1, "an entry is gone with the process");
    return NULL;
}

const char *asks_power_cut(subject *asked) {
    draft draft;
    EXPECT(asked->calls->cut_power != NULL, not_asked);
    begin(&draft);
    put_new(&draft, row_of(key_of(SESSION, 1)));
    put_new(&draft, row_of(key_of(DATA, 1)));
    ends(&draft, 1, 1000000);
    EXPECT(commit_as(asked, &draft, 1) == 1, "a batch whose expectations are met was refused");
    EXPECT(asked->calls->cut_power(asked->store) == 0, "the store does not come back");
    EXPECT(look(asked, key_of(SESSION, 1)) != NULL && look(asked, key_of(DATA, 1)) != NULL, "a durable row is gone");
    EXPECT(follow(asked, 0, SIZE_MAX) && asked->told.count == 1, "a durable entry is gone");
    begin(&draft);
    put_new(&draft, row_of(key_of(SESSION, 2)));
    EXPECT(commit_as(asked, &draft, 0) == 1, "a batch whose expectations are met was refused");
    begin(&draft);
    EXPECT(commit_as(asked, &draft, 1) == 1, "an empty batch was refused");
    EXPECT(asked->calls->cut_power(asked->store) == 0, "the store does not come back");
    EXPECT(look(asked, key_of(SESSION, 2)) != NULL, "an empty batch did not make durable what was before it");
    return NULL;
}
