/* What holds while several threads are at it. */

#include "promise.h"

#include <pthread.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 150, LOOKS = 40, MOST_ROUNDS = 200000 };

/* One thread's part: what it saw, and what all share. */
typedef struct part {
    subject asked;
    const char *seen;
    struct part *other;
    dw_stamp expected;
    unsigned number;
    int is_won;
    pthread_mutex_t *lock;
    /* Under the lock. */
    int looks;
    int is_over;
} part;

static void end(part *part) {
    pthread_mutex_lock(part->lock);
    part->is_over = 1;
    pthread_mutex_unlock(part->lock);
}

static int is_over(part *part) {
    pthread_mutex_lock(part->lock);
    int is_over = part->is_over;
    pthread_mutex_unlock(part->lock);
    return is_over;
}

/* Whether it has looked often enough, or seen enough. */
static int has_looked(part *part) {
    pthread_mutex_lock(part->lock);
    int has_looked = part->looks >= LOOKS || part->is_over;
    pthread_mutex_unlock(part->lock);
    return has_looked;
}

static void free_answers(part *part) {
    rows_free(&part->asked.found);
    changes_free(&part->asked.told);
}

/* A thread asks the same store, and has answers of its own. */
static void begin_part(part *part, subject *asked, pthread_mutex_t *lock) {
    memset(part, 0, sizeof *part);
    part->asked.calls = asked->calls;
    part->asked.store = asked->store;
    part->lock = lock;
}

enum { TOGETHER = 8 };

/* Rewrites all rows in one batch, again and again, for as long as the other looks. */
static void *rewrite(void *given) {
    part *part = given;
    for (unsigned round = 0; round < MOST_ROUNDS && !has_looked(part->other); round++) {
        draft draft;
        begin(&draft);
        for (unsigned number = 0; number < TOGETHER; number++)
            put_over(&draft, row_of(key_of(SESSION, number)), part->expected);
        if (commit(&part->asked, &draft) != 1)
            part->seen = "a put onto the row that it expects was not applied";
        part->expected = draft.batch.stamp;
    }
    end(part);
    return NULL;
}

static void *watch(void *given) {
    part *part = given;
    dw_key keys[TOGETHER];
    for (unsigned number = 0; number < TOGETHER; number++)
        keys[number] = key_of(SESSION, number);
    for (int is_scan = 0; !is_over(part->other) && part->seen == NULL; is_scan = !is_scan) {
        int is_there = is_scan ? scan_kind(&part->asked, SESSION, NULL, NULL, SIZE_MAX)
                               : read_keys(&part->asked, keys, TOGETHER);
        const rows *found = &part->asked.found;
        if (!is_there || found->count != TOGETHER)
            part->seen = "rows that are always there were not found";
        for (size_t at = 1; at < found->count; at++)
            if (!same_stamp(found->items[0].stamp, found->items[at].stamp))
                part->seen = "rows that are only ever written together were seen of two batches";
        pthread_mutex_lock(part->lock);
        part->looks++;
        pthread_mutex_unlock(part->lock);
    }
    end(part);
    return NULL;
}

const char *asks_snapshots(subject *asked) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[2];
    part writer, watcher;
    draft draft;
    begin(&draft);
    for (unsigned number = 0; number < TOGETHER; number++)
        put_new(&draft, row_of(key_of(SESSION, number)));
    EXPECT(commit(asked, &draft) == 1, "rows that were not there are not made");
    begin_part(&writer, asked, &lock);
    begin_part(&watcher, asked, &lock);
    writer.expected = draft.batch.stamp;
    watcher.other = &writer;
    writer.other = &watcher;
    EXPECT(pthread_create(&threads[0], NULL, watch, &watcher) == 0, "no thread to ask with");
    if (pthread_create(&threads[1], NULL, rewrite, &writer) == 0)
        pthread_join(threads[1], NULL);
    else
        end(&writer);
    pthread_join(threads[0], NULL);
    free_answers(&watcher);
    return watcher.seen != NULL ? watcher.seen : writer.seen;
}

static void *compete(void *given) {
    part *part = given;
    draft draft;
    begin(&draft);
    put_over(&draft, row_of(key_of(SESSION, part->number)), part->expected);
    part->is_won = commit(&part->asked, &draft) == 1;
    return NULL;
}

const char *asks_races(subject *asked) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    for (unsigned round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        part parts[THREADS];
        int begun = 0, winners = 0;
        dw_stamp seen = create(asked, key_of(SESSION, round));
        for (; begun < THREADS; begun++) {
            begin_part(&parts[begun], asked, &lock);
            parts[begun].expected = seen;
            parts[begun].number = round;
            if (pthread_create(&threads[begun], NULL, compete, &parts[begun]) != 0)
                break;
        }
        for (int at = 0; at < begun; at++) {
            pthread_join(threads[at], NULL);
            winners += parts[at].is_won;
        }
        EXPECT(begun == THREADS, "no thread to ask with");
        EXPECT(winners == 1, "of several puts with one expectation not one alone was applied");
    }
    return NULL;
}

static void *end_sessions(void *given) {
    part *part = given;
    for (unsigned round = 0; round < ROUNDS; round++) {
        draft draft;
        begin(&draft);
        ends(&draft, part->number * ROUNDS + round, 1000000);
        if (commit(&part->asked, &draft) != 1)
            part->seen = "an ending was refused";
    }
    return NULL;
}

/* Reads page by page until every entry was seen, or the others have ended and no entry comes any more. */
static void *read_on(void *given) {
    part *part = given;
    uint64_t known = 0;
    for (size_t seen = 0; seen < (THREADS - 1) * ROUNDS;) {
        int is_last = is_over(part);
        if (!follow(&part->asked, known, 5))
            part->seen = "a page fails";
        if (part->seen != NULL || (is_last && part->asked.told.count == 0)) {
            part->seen = part->seen != NULL ? part->seen : "the follower was not shown every entry";
            return NULL;
        }
        for (size_t at = 0; at < part->asked.told.count; at++) {
            if (part->asked.told.items[at].number <= known)
                part->seen = "numbers do not rise";
            known = part->asked.told.items[at].number;
        }
        seen += part->asked.told.count;
    }
    return NULL;
}

const char *asks_follower(subject *asked) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[THREADS];
    part parts[THREADS];
    int begun = 0;
    const char *seen = NULL;
    for (; begun < THREADS; begun++) {
        begin_part(&parts[begun], asked, &lock);
        parts[begun].number = (unsigned)begun;
        if (pthread_create(&threads[begun], NULL, begun == 0 ? read_on : end_sessions, &parts[begun]) != 0)
            break;
    }
    for (int at = 1; at < begun; at++) {
        pthread_join(threads[at], NULL);
        seen = parts[at].seen != NULL ? parts[at].seen : seen;
    }
    EXPECT(begun > 0, "no thread to ask with");
    end(&parts[0]);
    pthread_join(threads[0], NULL);
    free_answers(&parts[0]);
    return parts[0].seen != NULL ? parts[0].seen : seen;
}
