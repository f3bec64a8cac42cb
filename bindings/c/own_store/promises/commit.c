/* Expectations, and what a batch does as a whole. */

#include "promise.h"

#include <string.h>

static const uint32_t kinds[] = {LOGIN, ACCOUNT, SESSION, KEYRING, DATA};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int stands(subject *asked, dw_key key, dw_stamp stamp) {
    const dw_row *row = look(asked, key);
    return row != NULL && same_stamp(row->stamp, stamp);
}

const char *asks_no_upsert(subject *asked) {
    for (size_t at = 0; at < KINDS; at++) {
        draft draft;
        dw_key key = key_of(kinds[at], 1);
        dw_stamp there = create(asked, key);
        begin(&draft);
        put_new(&draft, row_of(key));
        EXPECT(commit(asked, &draft) == 0, "a put that expects nothing was not refused where a row is");
        EXPECT(stands(asked, key, there), "a refused put has changed the row");
    }
    return NULL;
}

const char *asks_ended_stays_ended(subject *asked) {
    for (size_t at = 0; at < KINDS; at++) {
        draft draft;
        dw_key key = key_of(kinds[at], 1);
        dw_stamp there = create(asked, key);
        remove_row(asked, key);
        begin(&draft);
        put_over(&draft, row_of(key), there);
        EXPECT(commit(asked, &draft) == 0, "a put that expects a row was not refused where there is none");
        EXPECT(look(asked, key) == NULL, "what was ended is back");
    }
    return NULL;
}

const char *asks_other_stamps(subject *asked) {
    draft draft;
    dw_key key = key_of(SESSION, 1);
    dw_stamp first = create(asked, key), now = replace(asked, key, first), near = now;
    EXPECT(stands(asked, key, now), "a put onto the row that it expects was not applied");
    begin(&draft);
    put_over(&draft, row_of(key), first);
    EXPECT(commit(asked, &draft) == 0, "a put onto another row than it expects was not refused");
    near.bytes[15] ^= 1;
    begin(&draft);
    put_over(&draft, row_of(key), near);
    EXPECT(commit(asked, &draft) == 0, "a stamp that differs in one bit is taken for the same");
    remove_row(asked, key);
    now = create(asked, key);
    begin(&draft);
    put_over(&draft, row_of(key), first);
    EXPECT(commit(asked, &draft) == 0, "a row that was made anew is taken for the one that it was");
    EXPECT(stands(asked, key, now), "a refused put has changed the row");
    return NULL;
}

const char *asks_checks(subject *asked) {
    draft draft;
    dw_key checked = key_of(ACCOUNT, 1), absent = key_of(ACCOUNT, 2), beside = key_of(SESSION, 1);
    dw_stamp seen = create(asked, checked);
    begin(&draft);
    check_stamp(&draft, checked, seen);
    check_absent(&draft, absent);
    put_new(&draft, row_of(beside));
    EXPECT(commit(asked, &draft) == 1, "checks that are met are refused");
    begin(&draft);
    check_absent(&draft, checked);
    EXPECT(commit(asked, &draft) == 0, "a check that expects nothing was not refused where a row is");
    replace(asked, checked, seen);
    begin(&draft);
    check_stamp(&draft, checked, seen);
    put_new(&draft, row_of(absent));
    EXPECT(commit(asked, &draft) == 0, "a check was not refused where another row is than it expects");
    EXPECT(look(asked, absent) == NULL, "a batch whose check failed has written");
    remove_row(asked, checked);
    begin(&draft);
    check_stamp(&draft, checked, seen);
    take(&draft, beside);
    EXPECT(commit(asked, &draft) == 0, "a check was not refused where the row is gone");
    EXPECT(look(asked, beside) != NULL, "a batch whose check failed has deleted");
    return NULL;
}

/* What fails stands last among the writes, then first, then in a check. */
const char *asks_conflicts_change_nothing(subject *asked) {
    dw_key keys[] = {key_of(SESSION, 1), key_of(SESSION, 2), key_of(ACCOUNT, 3), key_of(SESSION, 4), key_of(SESSION, 5)};
    dw_stamp seen = create(asked, keys[0]), old = create(asked, keys[3]);
    create(asked, keys[1]);
    create(asked, keys[2]);
    replace(asked, keys[3], old);
    EXPECT(read_keys(asked, keys, 5), "five keys do not get five answers");
    rows_free(&asked->before);
    asked->before = asked->found;
    memset(&asked->found, 0, sizeof asked->found);
    for (int place = 0; place < 3; place++) {
        draft draft;
        begin(&draft);
        if (place == 1)
            put_over(&draft, row_of(keys[3]), old);
        put_over(&draft, row_of(keys[0]), seen);
        take(&draft, keys[1]);
        raise_epoch(&draft, keys[2]);
        put_new(&draft, row_of(keys[4]));
        ends(&draft, 9, 1000000);
        if (place == 0)
            put_over(&draft, row_of(keys[3]), old);
        if (place == 2)
            check_stamp(&draft, keys[3], old);
        if (commit(asked, &draft) == 1)
            return NULL; /* That it must conflict, others ask. */
        EXPECT(read_keys(asked, keys, 5), "five keys do not get five answers");
        EXPECT(same_rows(&asked->found, &asked->before), "a conflict has changed rows");
        EXPECT(follow(asked, 0, SIZE_MAX) && asked->told.count == 0, "a conflict was told to the journal");
    }
    return NULL;
}

const char *asks_applied_whole(subject *asked) {
    enum { PUTS = 50, ENDINGS = 20 };
    draft draft;
    dw_key overwritten = key_of(SESSION, 1), deleted = key_of(SESSION, 2), raised = key_of(ACCOUNT, 3);
    dw_stamp seen = create(asked, overwritten);
    create(asked, deleted);
    create(asked, raised);
    begin(&draft);
    EXPECT(commit(asked, &draft) == 1, "an empty batch was refused");
    begin(&draft);
    for (unsigned number = 0; number < PUTS; number++)
        put_new(&draft, row_of(key_of(SESSION, 10 + number)));
    put_over(&draft, row_of(overwritten), seen);
    take(&draft, deleted);
    raise_epoch(&draft, raised);
    for (unsigned number = 0; number < ENDINGS; number++)
        ends(&draft, number, 1000000);
    EXPECT(commit(asked, &draft) == 1, "a batch whose expectations are met was refused");
    for (unsigned number = 0; number < PUTS; number++)
        EXPECT(stands(asked, key_of(SESSION, 10 + number), draft.batch.stamp), "a put of a long batch was not done");
    EXPECT(stands(asked, overwritten, draft.batch.stamp), "a put over a row was not done with its batch");
    EXPECT(look(asked, deleted) == NULL, "a delete was not done with its batch");
    EXPECT(look(asked, raised) != NULL && asked->found.items[0].epoch == 1, "a raise was not done with its batch");
    EXPECT(follow(asked, 0, SIZE_MAX) && asked->told.count == ENDINGS, "an ending was not done with its batch");
    return NULL;
}

const char *asks_never_refused(subject *asked) {
    dw_key deleted = key_of(SESSION, 1), raised = key_of(ACCOUNT, 1), absent = key_of(SESSION, 2);
    create(asked, raised);
    for (int round = 0; round < 3; round++) {
        draft draft;
        dw_stamp seen = create(asked, deleted);
        replace(asked, deleted, seen);
        begin(&draft);
        take(&draft, deleted);
        take(&draft, absent);
        raise_epoch(&draft, raised);
        raise_epoch(&draft, key_of(ACCOUNT, 2));
        ends(&draft, 1, 1000000);
        for (int again = 0; again < 2; again++)
            EXPECT(commit(asked, &draft) == 1, "a batch that only takes away was refused");
        EXPECT(look(asked, deleted) == NULL, "a deleted row is there");
    }
    return NULL;
}

const char *asks_raises(subject *asked) {
    draft draft;
    dw_row row = row_of(key_of(ACCOUNT, 1));
    row.epoch = 41;
    row.has_owner = row.has_expires = 1;
    row.owner = id_of(9);
    row.expires = 1234;
    begin(&draft);
    put_new(&draft, row);
    EXPECT(commit(asked, &draft) == 1, "a row that was not there is not made");
    for (int round = 0; round < 3; round++) {
        begin(&draft);
        raise_epoch(&draft, row.key);
        EXPECT(commit(asked, &draft) == 1, "a raise was refused");
        row.epoch++;
        row.stamp = draft.batch.stamp;
        const dw_row *found = look(asked, row.key);
        EXPECT(found != NULL && found->epoch == row.epoch, "a raise did not add one");
        EXPECT(same_stamp(found->stamp, row.stamp), "a raised row does not carry its batch's stamp");
        EXPECT(same_row(found, &row), "a raise changed more than epoch and stamp");
    }
    begin(&draft);
    raise_epoch(&draft, key_of(ACCOUNT, 2));
    EXPECT(commit(asked, &draft) == 1 && look(asked, key_of(ACCOUNT, 2)) == NULL, "a raise of nothing made a row");
    return NULL;
}
