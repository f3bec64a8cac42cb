/* Stores with one mistake each, that somebody made or easily could. */

#ifndef BROKEN_H
#define BROKEN_H

#include "../store.h"

typedef struct broken {
    const char *mistake;
    /* The promise that finds it. */
    const char *promise;
} broken;

extern const broken broken_stores[];
extern const size_t broken_count;

/* The tables on a disk of their own: what a kill and a power cut leave can be asked. */
extern const store_calls on_disk;

/* The same with the mistake of this number. One at a time. */
const store_calls *with_mistake(size_t number);

#endif
