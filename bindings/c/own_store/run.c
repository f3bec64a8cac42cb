/* The driver: asks an operation what it needs, brings it, and asks again.
 *
 * This one does all on the caller's thread, one thing after the other. An event loop does the same in pieces: it keeps `op`
 * and the ticket with the query that is under way, and goes on at `dw_op_poll` when the reply has come. */

#include "store.h"

static dw_status bring(dw_op *op, const dw_need *need, const store_calls *calls, void *store, dw_error **error);

dw_status run(dw_op *op, const store_calls *calls, void *store, dw_error **error) {
    for (;;) {
        dw_need *need = NULL;
        dw_status status = dw_op_poll(op, &need, error);
        if (status != DW_OK)
            return status;
        int is_done = need->kind == DW_NEED_DONE;
        if (!is_done)
            status = bring(op, need, calls, store, error);
        dw_need_free(need);
        if (is_done || status != DW_OK)
            return status;
    }
}

static dw_status bring(dw_op *op, const dw_need *need, const store_calls *calls, void *store, dw_error **error) {
    rows found = {0};
    changes journal = {0};
    size_t removed = 0;
    int applied = 0;
    int failure = 0;
    dw_status status = DW_OK;
    switch (need->kind) {
    case DW_NEED_READ:
        failure = calls->read(store, need->keys, need->key_count, &found);
        if (failure == 0)
            status = dw_op_reply_rows(op, need->ticket, found.items, found.count, error);
        break;
    case DW_NEED_SCAN:
        failure = calls->scan(store, need->range, need->limit, &found);
        if (failure == 0)
            status = dw_op_reply_page(op, need->ticket, found.items, found.count, error);
        break;
    case DW_NEED_COMMIT:
        failure = calls->commit(store, need->batch, &applied);
        if (failure == 0)
            status = dw_op_reply_commit(op, need->ticket, applied, error);
        break;
    case DW_NEED_CHANGES:
        failure = calls->changes(store, need->after, need->limit, &journal);
        if (failure == 0)
            status = dw_op_reply_changes(op, need->ticket, journal.items, journal.count, journal.end, error);
        break;
    case DW_NEED_PURGE:
        failure = calls->purge(store, need->now, need->limit, &removed);
        if (failure == 0)
            status = dw_op_reply_purged(op, need->ticket, removed, error);
        break;
    case DW_NEED_WORK: /* Any thread may do it: a password takes milliseconds. */
        status = dw_work_run(op, need->ticket, error);
        break;
    case DW_NEED_DONE:
    default: /* A later version of the library may need what we do not know. */
        failure = DW_FATAL;
        break;
    }
    if (failure != 0)
        status = dw_op_reply_failed(op, need->ticket, failure, error);
    rows_free(&found);
    changes_free(&journal);
    return status;
}
