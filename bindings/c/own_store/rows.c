/* Rows and their memory. */

#include "store.h"

#include <stdlib.h>
#include <string.h>

int key_order(const dw_key *one, const dw_key *other) {
    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    size_t shorter = one->id.len < other->id.len ? one->id.len : other->id.len;
    int order = shorter == 0 ? 0 : memcmp(one->id.ptr, other->id.ptr, shorter);
    if (order != 0 || one->id.len == other->id.len)
        return order;
    return one->id.len < other->id.len ? -1 : 1;
}

/* One block of memory holds the bytes of the key and of the record. */
int row_copy(dw_row *to, const dw_row *from) {
    size_t key = from->key.id.len, record = from->record.len;
    char *bytes = malloc(key + record + 1);
    if (bytes == NULL)
        return 0;
    if (key > 0)
        memcpy(bytes, from->key.id.ptr, key);
    if (record > 0)
        memcpy(bytes + key, from->record.ptr, record);
    *to = *from;
    to->key.id.ptr = bytes;
    to->record.ptr = bytes + key;
    return 1;
}

void row_free(dw_row *row) {
    free((char *)row->key.id.ptr);
}

int rows_add(rows *to, const dw_row *row) {
    /* Room is doubled at each power of two. */
    if ((to->count & (to->count - 1)) == 0) {
        dw_row *more = realloc(to->items, (to->count == 0 ? 1 : to->count * 2) * sizeof *more);
        if (more == NULL)
            return 0;
        to->items = more;
    }
    if (!row_copy(&to->items[to->count], row))
        return 0;
    to->count++;
    return 1;
}

void rows_free(rows *rows) {
    for (size_t at = 0; at < rows->count; at++)
        row_free(&rows->items[at]);
    free(rows->items);
    memset(rows, 0, sizeof *rows);
}

void changes_free(changes *changes) {
    free(changes->items);
    memset(changes, 0, sizeof *changes);
}
