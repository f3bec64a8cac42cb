/* What a host's store can do, as a table of functions: `run` drives operations with it, and `promises` puts the engine's
 * promises to it. Fill one in for your own database, and run both. */

#ifndef STORE_H
#define STORE_H

#include <doorward.h>

/* Rows that were found, as copies: nobody changes them afterwards. Freed with `rows_free`. */
typedef struct rows {
    dw_row *items;
    size_t count;
} rows;

/* A page of the journal, and the number of its last entry, in this page or beyond it. Freed with `changes_free`. */
typedef struct changes {
    dw_change *items;
    size_t count;
    uint64_t end;
} changes;

/* Each of the calls gives 0, or a `dw_store_failure`, and then nothing else. They may come from several threads. */
typedef struct store_calls {
    /* An empty store, or NULL. */
    void *(*open)(void);
    void (*close)(void *store);
    /* The rows under these keys, all of one moment; `exists` is 0 where there is none. */
    int (*read)(void *store, const dw_key *keys, size_t count, rows *found);
    /* The first `limit` rows of the range, all of one moment. */
    int (*scan)(void *store, const dw_range *range, size_t limit, rows *found);
    /* Carries the batch out, whole or not at all; `applied` is 0 when a row was not as it was expected. */
    int (*commit)(void *store, const dw_batch *batch, int *applied);
    /* The first `limit` entries of the journal after this number. */
    int (*changes)(void *store, uint64_t after, size_t limit, changes *found);
    /* Removes at most `limit` rows and entries that are over at `now`. */
    int (*purge)(void *store, int64_t now, size_t limit, size_t *removed);
    /* For the promises alone, and NULL when a store cannot show it: what is left after the process was killed, and after the
     * power was cut. */
    int (*kill)(void *store);
    int (*cut_power)(void *store);
} store_calls;

/* Drives an operation until its outcome is there. A status other than `DW_OK` is a bug of the host: see `run.c`. */
dw_status run(dw_op *op, const store_calls *calls, void *store, dw_error **error);

/* Sorted tables in memory: `tables.c`. */
extern const store_calls tables;
/* A copy of an open one, as it stands; NULL when there is no memory. */
void *tables_copy(void *store);

/* Room for rows and for their bytes. `rows_add` gives 0 when there is no memory. */
int rows_add(rows *to, const dw_row *row);
void rows_free(rows *rows);
void changes_free(changes *changes);

/* Copies a row with its bytes; `row_free` frees those of a copy. 0 when there is no memory. */
int row_copy(dw_row *to, const dw_row *from);
void row_free(dw_row *row);

/* The order of keys: less than 0, 0, or more. */
int key_order(const dw_key *one, const dw_key *other);

#endif
