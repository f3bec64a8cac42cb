/* Sessions recognised from C, for the driver in `doorward-benches`: makes some in memory, says `ready`, and then answers each
 * line, a number of milliseconds, with the microseconds that one took. */
#define _POSIX_C_SOURCE 199309L
#include <doorward.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MANY = 1000, ASKED = 32 };

static double micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void done(dw_status status, const dw_error *error) {
    if (status != DW_OK) {
        fprintf(stderr, "%s\n", error->message.ptr);
        exit(1);
    }
}

int main(void) {
    static char key[32];
    dw_config *config = NULL;
    dw_engine *engine = NULL;
    dw_error *error = NULL;
    dw_id ada;
    dw_login_result *logins[ASKED] = {NULL};
    char line[32];
    unsigned turn = 0;
    int number;

    memset(key, 1, sizeof key);
    done(dw_config_new(&config, &error), error);
    done(dw_config_store(config, DW_LITERAL("memory:"), &error), error);
    done(dw_config_master_key(config, 1, key, sizeof key, &error), error);
    done(dw_engine_open(config, &engine, &error), error);
    for (number = 0; number < MANY; number += 1) {
        dw_renewed *guest = NULL;
        done(dw_open_session(engine, "", 0, 0, NULL, 0, &guest, &error), error);
        dw_renewed_free(guest);
    }
    done(dw_register(engine, DW_LITERAL("ada"), DW_LITERAL("plum kettle orbit"), NULL, 0, &ada, &error), error);
    for (number = 0; number < ASKED; number += 1) {
        done(dw_login(engine, DW_LITERAL("ada"), DW_LITERAL("plum kettle orbit"), NULL, &logins[number], &error), error);
    }
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        double time = strtod(line, NULL) * 1e3, begun = micros(), now = begun;
        unsigned long calls = 0;
        while (now - begun < time) {
            for (number = 0; number < 64; number += 1) { /* the clock is looked at now and then */
                dw_session *session = NULL;
                const dw_text *token = &logins[turn++ % ASKED]->token;
                done(dw_authenticate(engine, token->ptr, token->len, &session, &error), error);
                dw_session_free(session);
            }
            calls += 64;
            now = micros();
        }
        printf("%.6f\n", (now - begun) / (double)calls);
        fflush(stdout);
    }
    for (number = 0; number < ASKED; number += 1) {
        dw_login_result_free(logins[number]);
    }
    dw_engine_free(engine);
    dw_config_free(config);
    return 0;
}
