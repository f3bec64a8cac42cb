/* What reads, scans and purges show. */

#include "promise.h"

#include <string.h>

const char *asks_reads_in_order(subject *asked) {
    draft draft;
    dw_row row = row_of(key_of(SESSION, 3));
    row.epoch = UINT64_MAX / 2;
    row.has_owner = row.has_expires = 1;
    row.owner = id_of(9);
    row.expires = INT64_MIN;
    begin(&draft);
    put_new(&draft, row);
    put_new(&draft, row_of(key_of(SESSION, 1)));
    put_new(&draft, row_of(key_of(DATA, 3)));
    put_new(&draft, row_of(key_of(KEYRING, 0)));
    EXPECT(commit(asked, &draft) == 1, "rows that were not there are not made");
    row.stamp = draft.batch.stamp;
    dw_key absent = key_of(SESSION, 2), single = key_of(KEYRING, 0);
    dw_key keys[] = {row.key, absent, key_of(SESSION, 1), row.key, single, absent};
    EXPECT(read_keys(asked, keys, 6), "six keys do not get six answers");
    const dw_row *found = asked->found.items;
    EXPECT(same_row(&found[0], &row), "a row did not come back as it was given");
    EXPECT(same_row(&found[3], &row), "a key that is asked for twice is answered otherwise the second time");
    EXPECT(!found[1].exists && !found[5].exists, "a row is there that nobody made");
    EXPECT(found[2].exists && found[2].epoch == 0 && found[4].exists, "an answer is not in its key's place");
    EXPECT(read_keys(asked, NULL, 0), "no keys are refused");
    return NULL;
}

const char *asks_scans(subject *asked) {
    static const char *const names[] = {"a", "a-b", "a.b", "a0", "a10", "a2", "a_b", "aa", "ab", "b", "z", "zz", "\xc3\xa9"};
    enum { NAMES = sizeof names / sizeof *names };
    draft draft;
    dw_id owner = id_of(1);
    begin(&draft);
    for (size_t at = 0; at < NAMES; at++)
        put_new(&draft, row_of(key_named(names[(at * 5) % NAMES])));
    for (unsigned number = 0; number < 30; number++) {
        dw_row row = row_of(key_of(SESSION, number));
        row.has_owner = number % 3 != 2;
        row.owner = number % 3 == 2 ? id_of(0) : id_of(number % 3);
        put_new(&draft, row);
    }
    EXPECT(commit(asked, &draft) == 1, "rows that were not there are not made");
    EXPECT(scan_kind(asked, LOGIN, NULL, NULL, SIZE_MAX) && asked->found.count == NAMES,
        "a scan does not show its kind alone");
    for (size_t at = 0; at < NAMES; at++) {
        dw_text id = asked->found.items[at].key.id;
        EXPECT(id.len == strlen(names[at]) && memcmp(id.ptr, names[at], id.len) == 0,
            "names are not in the order of their bytes");
    }
    EXPECT(scan_kind(asked, SESSION, NULL, NULL, SIZE_MAX) && asked->found.count == 30,
        "a scan does not show all of its kind");
    for (size_t at = 1; at < 30; at++)
        EXPECT(key_order(&asked->found.items[at - 1].key, &asked->found.items[at].key) < 0, "ids are not in their order");
    EXPECT(scan_kind(asked, SESSION, &owner, NULL, SIZE_MAX) && asked->found.count == 10, "an owner has not its rows alone");
    for (size_t at = 0; at < 10; at++)
        EXPECT(asked->found.items[at].has_owner && memcmp(&asked->found.items[at].owner, &owner, sizeof owner) == 0,
            "a scan by owner shows another's row");
    return NULL;
}

const char *asks_pages(subject *asked) {
    enum { ROWS = 23 };
    draft draft;
    begin(&draft);
    for (unsigned number = 0; number < ROWS; number++)
        put_new(&draft, row_of(key_of(SESSION, number * 2)));
    put_new(&draft, row_of(key_of(DATA, 0)));
    EXPECT(commit(asked, &draft) == 1, "rows that were not there are not made");
    EXPECT(scan_kind(asked, SESSION, NULL, NULL, SIZE_MAX) && asked->found.count == ROWS,
        "a scan does not show all of its kind");
    rows_free(&asked->before);
    asked->before = asked->found;
    memset(&asked->found, 0, sizeof asked->found);
    for (size_t limit = 1; limit <= ROWS + 1; limit += 11)
        for (size_t place = 0; place < ROWS; place++) {
            size_t left = ROWS - place - 1, expected = left < limit ? left : limit;
            EXPECT(scan_kind(asked, SESSION, NULL, &asked->before.items[place].key, limit), "a page fails");
            EXPECT(asked->found.count == expected, "a page has not as many rows as asked for");
            for (size_t at = 0; at < expected; at++)
                EXPECT(key_order(&asked->found.items[at].key, &asked->before.items[place + 1 + at].key) == 0,
                    "a page does not begin after its key");
        }
    return NULL;
}

const char *asks_purges(subject *asked) {
    enum { NOW = 1000 };
    static const int64_t over[] = {NOW, NOW - 1, 0, -5, INT64_MIN}, alive[] = {NOW + 1, INT64_MAX};
    draft draft;
    dw_row row;
    begin(&draft);
    for (unsigned number = 0; number < 7; number++) {
        row = row_of(key_of(SESSION, number));
        row.has_expires = 1;
        row.expires = number < 5 ? over[number] : alive[number - 5];
        put_new(&draft, row);
    }
    put_new(&draft, row_of(key_of(SESSION, 7)));
    ends(&draft, 1, NOW);
    ends(&draft, 2, NOW + 1);
    EXPECT(commit(asked, &draft) == 1, "rows that were not there are not made");
    EXPECT(purge(asked, INT64_MIN, SIZE_MAX) == 1, "a purge at the beginning of time takes not what ended then");
    EXPECT(purge(asked, NOW, 2) == 2, "a purge of at most two takes not two");
    EXPECT(purge(asked, NOW, SIZE_MAX) == 3, "a purge takes not what is left of rows and journal that are over");
    EXPECT(purge(asked, NOW, SIZE_MAX) == 0, "a purge says it took what was not there");
    EXPECT(scan_kind(asked, SESSION, NULL, NULL, SIZE_MAX) && asked->found.count == 3,
        "a purge took the living, or left the rest");
    EXPECT(look(asked, key_of(SESSION, 7)) != NULL, "a purge took a row that has no end");
    EXPECT(follow(asked, 0, SIZE_MAX) && asked->told.count == 1 && asked->told.items[0].until == NOW + 1,
        "a purge left not the entries whose time has not come, and those alone");
    create(asked, key_of(SESSION, 0));
    EXPECT(look(asked, key_of(SESSION, 0)) != NULL, "a row cannot be made where another was purged");
    return NULL;
}
