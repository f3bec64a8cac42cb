/* Puts the promises to the tables of this folder, and to stores that are broken on purpose.
 *
 *     promises
 *
 * A store of your own: put its `store_calls` in the place of `tables`. */

#include "broken.h"
#include "promise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many are broken. */
static int ask(const char *what, const store_calls *calls) {
    int broken = 0;
    printf("%s\n", what);
    for (size_t at = 0; at < promise_count; at++) {
        const char *seen = put_to(&promises[at], calls);
        printf("  %-26s %s\n", promises[at].name, seen != NULL ? seen : "kept");
        broken += seen != NULL && seen != not_asked;
    }
    return broken;
}

/* Whether each mistake is found by its promise, and each promise finds a mistake. */
static int find_mistakes(void) {
    int is_found[64] = {0}, missed = 0;
    printf("broken on purpose\n");
    for (size_t number = 0; number < broken_count; number++) {
        const broken *broken = &broken_stores[number];
        for (size_t at = 0; at < promise_count; at++) {
            if (strcmp(promises[at].name, broken->promise) != 0)
                continue;
            const char *seen = put_to(&promises[at], with_mistake(number));
            int is_seen = seen != NULL && seen != not_asked;
            printf("  %-58s %s: %s\n", broken->mistake, broken->promise, is_seen ? seen : "NOT FOUND");
            missed += !is_seen;
            is_found[at] = is_seen;
        }
    }
    for (size_t at = 0; at < promise_count; at++)
        if (!is_found[at]) {
            printf("  no broken store is found by %s\n", promises[at].name);
            missed++;
        }
    return missed;
}

int main(void) {
    int wrong = ask("tables in memory", &tables);
    wrong += ask("tables on a disk", with_mistake(broken_count));
    wrong += find_mistakes();
    printf("%s\n", wrong == 0 ? "all as it should be" : "NOT as it should be");
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
