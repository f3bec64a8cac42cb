/* The story of every operation, told in C: accounts and sessions, what becomes of them, and tokens. Told to an engine on the
 * store whose URL is given, by a clock that the story moves. Prints a line for each chapter, and stops at the first sentence
 * that is not true. */
#include <doorward.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(text) (text).ptr, (text).len
#define NOTHING NULL, 0
#define MINUTE 60000
#define HOUR (60 * MINUTE)

static dw_engine *engine;
static int64_t now = 1700000000000;
static const char *chapter = "";

static void stop(int line, const char *sentence, dw_status status, dw_error *error) {
    fprintf(stderr, "%s, line %d: %s: %s: %s\n", chapter, line, sentence, dw_status_name(status),
            error ? error->message.ptr : "no error was given");
    exit(1);
}

/* The call answers so; and has an error exactly when it is not DW_OK. */
#define IS(expected, call)                                                         \
    do {                                                                           \
        dw_error *error = NULL;                                                    \
        dw_status status = (call);                                                 \
        if (status != (expected) || (status == DW_OK) != (error == NULL)) {        \
            stop(__LINE__, #call, status, error);                                  \
        }                                                                          \
        if (error && (error->status != status || error->message.len < 10)) {       \
            stop(__LINE__, "the error says another thing", status, error);         \
        }                                                                          \
        dw_error_free(error);                                                      \
    } while (0)

#define TRUE(condition)                                          \
    do {                                                         \
        if (!(condition)) stop(__LINE__, #condition, DW_OK, NULL); \
    } while (0)

/* The word that comes with a refusal. */
#define BECAUSE(word, expected, call)                                                         \
    do {                                                                                      \
        dw_error *error = NULL;                                                               \
        dw_status status = (call);                                                            \
        if (status != (expected) || !error->reason.ptr || strcmp(error->reason.ptr, (word))) { \
            stop(__LINE__, #call, status, error);                                             \
        }                                                                                     \
        dw_error_free(error);                                                                 \
    } while (0)

static void later(int64_t millis) {
    now += millis;
    IS(DW_OK, dw_engine_set_time(engine, now, &error));
}

static dw_login_result *login(const char *name, const char *password, const dw_login_options *options) {
    dw_login_result *result = NULL;
    IS(DW_OK, dw_login(engine, name, strlen(name), password, strlen(password), options, &result, &error));
    TRUE(result->token.len > 40 && !strncmp(result->token.ptr, "dws_", 4));
    return result;
}

static dw_status who(dw_text token, dw_error **error) {
    dw_session *session = NULL;
    dw_status status = dw_authenticate(engine, TEXT(token), &session, error);
    TRUE((status == DW_OK) == (session != NULL));
    dw_session_free(session);
    return status;
}

static size_t how_many(dw_id account) {
    dw_session_list *list = NULL;
    IS(DW_OK, dw_sessions(engine, account, &list, &error));
    for (size_t at = 0; at < list->count; at++) {
        TRUE(!memcmp(&list->items[at]->account, &account, sizeof account));
    }
    size_t count = list->count;
    dw_session_list_free(list);
    return count;
}

#define PLUM "plum kettle orbit"
#define SLATE "slate lantern ferry"

static dw_id accounts_and_sessions(void) {
    chapter = "accounts and sessions";
    dw_id ada, other;
    IS(DW_OK, dw_register(engine, DW_LITERAL("ada"), DW_LITERAL(PLUM), NOTHING, &ada, &error));
    IS(DW_TAKEN, dw_register(engine, DW_LITERAL("Ada"), DW_LITERAL(PLUM), NOTHING, &other, &error));
    BECAUSE("too short", DW_PASSWORD, dw_register(engine, DW_LITERAL("bob"), DW_LITERAL("plum"), NOTHING, &other, &error));
    IS(DW_NAME, dw_register(engine, DW_LITERAL("two words"), DW_LITERAL(PLUM), NOTHING, &other, &error));

    dw_login_result *none = NULL;
    IS(DW_DENIED, dw_login(engine, DW_LITERAL("ada"), DW_LITERAL("a guess"), NULL, &none, &error));
    IS(DW_DENIED, dw_login(engine, DW_LITERAL("nobody"), DW_LITERAL("a guess"), NULL, &none, &error));
    TRUE(none == NULL);

    dw_login_options options = {0};
    options.size = sizeof options;
    options.label.ptr = "Firefox";
    options.label.len = 7;
    options.lifetime = DW_LIFETIME_REMEMBERED;
    dw_login_result *first = login("Ada", PLUM, &options);
    TRUE(!memcmp(&first->session->account, &ada, sizeof ada) && !first->session->is_anonymous);
    TRUE(!strcmp(first->session->label.ptr, "Firefox") && !strcmp(first->session->amr.ptr, "pwd"));
    TRUE(first->session->created == now && first->session->absolute_ends == now + 30 * 24LL * HOUR);
    TRUE(dw_session_is_fresh(first->session, 0));
    IS(DW_OK, who(first->token, &error));
    IS(DW_TOKEN, who((dw_text){"dws_nonsense", 12}, &error));

    dw_receipt *receipt = NULL;
    IS(DW_OK, dw_logout(engine, TEXT(first->token), &receipt, &error));
    TRUE(!receipt->was_over && !memcmp(&receipt->session, &first->session->id, sizeof ada));
    dw_receipt_free(receipt);
    BECAUSE("ended", DW_GONE, who(first->token, &error));
    IS(DW_OK, dw_logout(engine, TEXT(first->token), &receipt, &error));
    TRUE(receipt->was_over);
    dw_receipt_free(receipt);
    dw_login_result_free(first);

    dw_login_result *idle = login("ada", PLUM, NULL);
    later(HOUR + 1);
    BECAUSE("idle", DW_GONE, who(idle->token, &error));
    dw_login_result_free(idle);

    for (int guess = 0; guess < 5; guess++) {
        IS(DW_DENIED, dw_login(engine, DW_LITERAL("ada"), DW_LITERAL("a guess"), NULL, &none, &error));
    }
    dw_error *error = NULL;
    TRUE(dw_login(engine, DW_LITERAL("ada"), DW_LITERAL(PLUM), NULL, &none, &error) == DW_THROTTLED);
    TRUE(error->until > now && error->until <= now + 30000);
    dw_error_free(error);
    IS(DW_OK, dw_unlock(engine, ada, &error));
    dw_login_result_free(login("ada", PLUM, NULL));
    return ada;
}

static void what_becomes_of_them(dw_id ada) {
    chapter = "what becomes of them";
    dw_login_result *phone = login("ada", PLUM, NULL), *desk = login("ada", PLUM, NULL);
    dw_renewed *renewed = NULL;
    IS(DW_OK, dw_rotate_session(engine, TEXT(desk->token), &renewed, &error));
    BECAUSE("replaced", DW_GONE, who(desk->token, &error));
    IS(DW_OK, who(renewed->token, &error));
    dw_login_result_free(desk);

    dw_renewed *again = NULL;
    IS(DW_DENIED, dw_reauthenticate(engine, TEXT(renewed->token), DW_LITERAL("a guess"), NOTHING, &again, &error));
    later(10 * MINUTE);
    IS(DW_OK, dw_reauthenticate(engine, TEXT(renewed->token), DW_LITERAL(PLUM), DW_LITERAL("192.0.2.1"), &again, &error));
    TRUE(again->session->auth_time == now && dw_session_is_fresh(again->session, MINUTE));
    TRUE(!dw_session_is_fresh(renewed->session, MINUTE) || renewed->session->seen_at - renewed->session->auth_time <= MINUTE);
    dw_renewed_free(renewed);

    size_t before = how_many(ada);
    dw_receipt *receipt = NULL;
    IS(DW_OK, dw_end_session(engine, ada, phone->session->id, &receipt, &error));
    dw_receipt_free(receipt);
    IS(DW_GONE, who(phone->token, &error));
    TRUE(how_many(ada) == before - 1);
    dw_id stranger = {{0}};
    IS(DW_NOT_FOUND, dw_end_session(engine, stranger, again->session->id, &receipt, &error));
    dw_login_result_free(phone);

    dw_ended_everywhere *ended = NULL;
    IS(DW_OK, dw_logout_everywhere(engine, ada, TEXT(again->token), &ended, &error));
    TRUE(ended->kept && how_many(ada) == 1);
    IS(DW_GONE, who(again->token, &error));
    IS(DW_OK, who(ended->kept->token, &error));
    dw_renewed_free(again);

    dw_renewed *changed = NULL;
    IS(DW_OK, dw_change_password(engine, TEXT(ended->kept->token), DW_LITERAL(PLUM), DW_LITERAL(SLATE), NOTHING, &changed, &error));
    IS(DW_OK, who(changed->token, &error));
    dw_ended_everywhere_free(ended);
    dw_login_result *none = NULL;
    IS(DW_DENIED, dw_login(engine, DW_LITERAL("ada"), DW_LITERAL(PLUM), NULL, &none, &error));
    IS(DW_OK, dw_set_password(engine, ada, DW_LITERAL(PLUM), &error));
    IS(DW_GONE, who(changed->token, &error));
    dw_renewed_free(changed);

    dw_renewed *guest = NULL;
    IS(DW_OK, dw_open_session(engine, "two plums", 9, 0, NOTHING, &guest, &error));
    TRUE(guest->session->is_anonymous);
    IS(DW_ANONYMOUS, who(guest->token, &error));
    dw_session *kept = NULL;
    IS(DW_OK, dw_update_session_data(engine, TEXT(guest->token), "\0kettle", 7, 0, &kept, &error));
    dw_session_free(kept);
    dw_login_options options = {0};
    options.size = sizeof options;
    options.previous = guest->token;
    options.carry_data = 1;
    options.remember_device = 1;
    dw_login_result *carried = login("ada", PLUM, &options);
    TRUE(!strncmp(carried->device_token.ptr, "dwd_", 4));
    dw_data *data = NULL;
    IS(DW_GONE, dw_session_data(engine, TEXT(guest->token), &data, &error));
    IS(DW_OK, dw_session_data(engine, TEXT(carried->token), &data, &error));
    TRUE(data->data.len == 7 && !memcmp(data->data.ptr, "\0kettle", 7) && !data->session->is_anonymous);
    dw_data_free(data);
    dw_renewed_free(guest);

    IS(DW_OK, dw_rename(engine, ada, DW_LITERAL("ada.l"), &error));
    IS(DW_OK, who(carried->token, &error));
    IS(DW_OK, dw_disable(engine, ada, &error));
    IS(DW_GONE, who(carried->token, &error));
    dw_login_result_free(carried);
    IS(DW_DENIED, dw_login(engine, DW_LITERAL("ada.l"), DW_LITERAL(PLUM), NULL, &none, &error));
    IS(DW_OK, dw_enable(engine, ada, &error));
    IS(DW_OK, dw_mark_compromised(engine, ada, &error));
    IS(DW_MUST_CHANGE, dw_login(engine, DW_LITERAL("ada.l"), DW_LITERAL(PLUM), NULL, &none, &error));
    BECAUSE("compromised", DW_PASSWORD, dw_set_password(engine, ada, DW_LITERAL(PLUM), &error));
    IS(DW_OK, dw_set_password(engine, ada, DW_LITERAL(SLATE), &error));
}

static dw_tokens *issued(dw_text token, int refresh) {
    dw_issue_options options = {0};
    options.size = sizeof options;
    options.scope.ptr = "read";
    options.scope.len = 4;
    options.claims.ptr = "{\"tenant\":7}";
    options.claims.len = 12;
    options.refresh = refresh;
    dw_tokens *tokens = NULL;
    IS(DW_OK, dw_issue(engine, TEXT(token), DW_LITERAL("web"), DW_LITERAL("api"), &options, &tokens, &error));
    TRUE(!strcmp(tokens->scope.ptr, "read") && tokens->expires == now / 1000 * 1000 + 10 * MINUTE);
    TRUE((tokens->refresh.ptr != NULL) == (refresh != 0));
    return tokens;
}

static dw_status verified(dw_text token, dw_error **error) {
    dw_access *access = NULL;
    dw_status status = dw_verify(engine, TEXT(token), DW_LITERAL("api"), &access, error);
    if (status == DW_OK) {
        TRUE(!strcmp(access->claims.ptr, "{\"tenant\":7}") && !strcmp(access->audience.ptr, "[\"api\"]"));
        TRUE(!strcmp(access->client.ptr, "web") && !strcmp(access->scope.ptr, "read"));
    }
    dw_access_free(access);
    return status;
}

static void tokens_of(dw_id ada) {
    chapter = "tokens";
    dw_login_options options = {0};
    options.size = sizeof options;
    options.scope.ptr = "read write";
    options.scope.len = 10;
    dw_login_result *session = login("ada.l", SLATE, &options);
    dw_tokens *tokens = issued(session->token, 1), *next = NULL, *twice = NULL;
    TRUE(!memcmp(&tokens->account, &ada, sizeof ada));
    IS(DW_OK, verified(tokens->access, &error));
    BECAUSE("form", DW_TOKEN_INVALID, verified((dw_text){"a.b", 3}, &error));

    IS(DW_OK, dw_refresh(engine, TEXT(tokens->refresh), DW_LITERAL("web"), NULL, &next, &error));
    IS(DW_OK, dw_refresh(engine, TEXT(tokens->refresh), DW_LITERAL("web"), NULL, &twice, &error));
    TRUE(next->refresh.len == twice->refresh.len && !memcmp(next->refresh.ptr, twice->refresh.ptr, next->refresh.len));
    dw_tokens_free(twice);
    IS(DW_CLIENT, dw_refresh(engine, TEXT(next->refresh), DW_LITERAL("cli"), NULL, &twice, &error));
    later(13000);
    IS(DW_REUSED, dw_refresh(engine, TEXT(tokens->refresh), DW_LITERAL("web"), NULL, &twice, &error));
    BECAUSE("ended", DW_GONE, who(session->token, &error));
    BECAUSE("ended", DW_TOKEN_INVALID, verified(tokens->access, &error));
    IS(DW_TOKEN_INVALID, dw_refresh(engine, TEXT(next->refresh), DW_LITERAL("web"), NULL, &twice, &error));
    dw_tokens_free(next);
    dw_tokens_free(tokens);
    dw_login_result_free(session);

    session = login("ada.l", SLATE, &options);
    tokens = issued(session->token, 1);
    dw_string *said = NULL;
    IS(DW_OK, dw_introspect(engine, TEXT(tokens->access), DW_LITERAL("api"), &said, &error));
    TRUE(strstr(said->text.ptr, "\"active\":true"));
    dw_string_free(said);
    bool was_over = true;
    IS(DW_OK, dw_revoke_token(engine, TEXT(tokens->access), DW_LITERAL("web"), &was_over, &error));
    TRUE(!was_over);
    IS(DW_TOKEN_INVALID, verified(tokens->access, &error));
    IS(DW_OK, dw_introspect(engine, TEXT(tokens->access), DW_LITERAL("api"), &said, &error));
    TRUE(!strcmp(said->text.ptr, "{\"active\":false}"));
    dw_string_free(said);
    dw_tokens_free(tokens);

    tokens = issued(session->token, 0);
    dw_rotated *rotated = NULL;
    IS(DW_OK, dw_rotate_keys(engine, DW_ROTATE_AT_ONCE, &rotated, &error));
    TRUE(rotated->is_new);
    dw_rotated_free(rotated);
    dw_jwks_result *jwks = NULL;
    IS(DW_OK, dw_jwks(engine, &jwks, &error));
    TRUE(strstr(jwks->json.ptr, "\"Ed25519\"") && !strstr(jwks->json.ptr, "\"d\"") && jwks->max_age_ms > 0);
    dw_jwks_result_free(jwks);
    IS(DW_OK, verified(tokens->access, &error));
    IS(DW_OK, dw_revoke_all_tokens(engine, 0, &error));
    IS(DW_TOKEN_INVALID, verified(tokens->access, &error));
    IS(DW_OK, who(session->token, &error));
    dw_tokens_free(tokens);

    tokens = issued(session->token, 0);
    dw_receipt *receipt = NULL;
    IS(DW_OK, dw_logout(engine, TEXT(session->token), &receipt, &error));
    TRUE(receipt->access_dies_at == 0 && receipt->others_lag_ms == 0); /* every verification asks the store */
    dw_receipt_free(receipt);
    IS(DW_TOKEN_INVALID, verified(tokens->access, &error));
    dw_tokens_free(tokens);
    dw_login_result_free(session);
}

static void upkeep(dw_id ada) {
    chapter = "upkeep";
    dw_login_result *session = login("ada.l", SLATE, NULL), *none = NULL;
    IS(DW_OK, dw_after_restore(engine, &error));
    BECAUSE("revoked", DW_GONE, who(session->token, &error));
    dw_login_result_free(session);
    IS(DW_OK, dw_delete_account(engine, ada, &error));
    IS(DW_NOT_FOUND, dw_unlock(engine, ada, &error));
    IS(DW_DENIED, dw_login(engine, DW_LITERAL("ada.l"), DW_LITERAL(SLATE), NULL, &none, &error));
    later(25LL * HOUR);
    dw_maintained *done = NULL;
    IS(DW_OK, dw_maintain(engine, &done, &error));
    TRUE(done->purged > 0 && !done->more);
    dw_maintained_free(done);
    size_t removed = 1;
    IS(DW_OK, dw_purge(engine, 100, &removed, &error));
    TRUE(removed == 0);

    dw_event *event = NULL;
    size_t logins = 0, events = 0;
    do {
        dw_event_free(event);
        IS(DW_OK, dw_engine_event(engine, &event, &error));
        if (event) {
            events++;
            logins += !strcmp(event->operation.ptr, "login") && event->result == DW_EVENT_SUCCESS && event->has_session;
        }
    } while (event);
    TRUE(logins == 9 && events > 60 && dw_engine_events_lost(engine) == 0);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: story STORE-URL\n");
        return 2;
    }
    dw_config *config = NULL;
    uint8_t key[32];
    memset(key, 0x42, sizeof key);
    IS(DW_OK, dw_config_new(&config, &error));
    IS(DW_OK, dw_config_store(config, argv[1], strlen(argv[1]), &error));
    IS(DW_OK, dw_config_master_key(config, 1, key, sizeof key, &error));
    IS(DW_OK, dw_config_manual_clock(config, now, &error));
    IS(DW_OK, dw_config_events(config, 1000, &error));
    IS(DW_CONFIG_POLICY, dw_config_policy(config, DW_LITERAL("{\"throtle\":{}}"), &error));
    IS(DW_OK, dw_config_policy(config, DW_LITERAL("{\"argon2\":{\"memory_kib\":12288,\"passes\":1}}"), &error));
    IS(DW_OK, dw_engine_open(config, &engine, &error));
    dw_config_free(config);

    dw_id ada = accounts_and_sessions();
    puts("accounts and sessions");
    what_becomes_of_them(ada);
    puts("what becomes of them");
    tokens_of(ada);
    puts("tokens");
    upkeep(ada);
    puts("upkeep");
    dw_engine_free(engine);
    return dw_open_handles() == 0 ? 0 : 1;
}
