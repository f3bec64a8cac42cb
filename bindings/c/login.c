/* Sign-up, login, a cookie, tokens for an API, logout: a session's life, call by call.
 *
 *     login [STORE-URL] [KEY-FILE]        sqlite:login.db login.key
 *
 * Every call answers a status and may give an error. `done` below is all of this program's error handling. */

#include <doorward.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "ada"
#define PASSWORD "plum kettle orbit"

static void done(const char *what, dw_status answered, dw_status expected, dw_error **error);
static dw_engine *open_engine(const char *store, const char *key_file);
static void sign_up(const dw_engine *engine);
static dw_login_result *log_in(const dw_engine *engine);
static void authenticate(const dw_engine *engine, dw_text token, dw_status expected);
static void show_cookies(const dw_engine *engine, const dw_login_result *login);
static dw_tokens *issue(const dw_engine *engine, dw_text token);
static void verify(const dw_engine *engine, dw_text access);
static void refuse_refresh(const dw_engine *engine, dw_text refresh);
static void log_out(const dw_engine *engine, dw_text token);

int main(int argc, char **argv) {
    dw_engine *engine = open_engine(argc > 1 ? argv[1] : "sqlite:login.db", argc > 2 ? argv[2] : "login.key");
    sign_up(engine);
    dw_login_result *login = log_in(engine);
    authenticate(engine, login->token, DW_OK);
    show_cookies(engine, login);
    dw_tokens *tokens = issue(engine, login->token);
    verify(engine, tokens->access);

    log_out(engine, login->token);
    authenticate(engine, login->token, DW_GONE);
    refuse_refresh(engine, tokens->refresh);

    dw_tokens_free(tokens);
    dw_login_result_free(login);
    dw_engine_free(engine);
    printf("handles still open: %zu\n", dw_open_handles());
    return EXIT_SUCCESS;
}

/* Says what came of a call, and ends the program when that was not what we wanted. The sentence is for developers and logs;
 * what a person is told goes by the status. */
static void done(const char *what, dw_status answered, dw_status expected, dw_error **error) {
    const char *name = dw_status_name(answered);
    printf("%-14s %s", what, name != NULL ? name : "a status of a later version");
    if (*error != NULL) {
        printf(": %s", (*error)->message.ptr);
        if ((*error)->reason.ptr != NULL)
            printf(" [%s]", (*error)->reason.ptr);
    }
    printf("\n");
    dw_error_free(*error);
    *error = NULL;
    if (answered != expected)
        exit(EXIT_FAILURE);
}

/* The key file is made when it is not there. Keep it apart from the database: whoever has both can make tokens. */
static dw_engine *open_engine(const char *store, const char *key_file) {
    dw_config *config = NULL;
    dw_engine *engine = NULL;
    dw_error *error = NULL;
    done("configure", dw_config_new(&config, &error), DW_OK, &error);
    done("store", dw_config_store(config, store, strlen(store), &error), DW_OK, &error);
    done("key file", dw_config_key_file(config, key_file, strlen(key_file), 1, &error), DW_OK, &error);
    done("open", dw_engine_open(config, &engine, &error), DW_OK, &error);
    dw_config_free(config);
    return engine;
}

/* Outcomes are statuses, too: a name that is taken is no failure of this program. */
static void sign_up(const dw_engine *engine) {
    dw_id account;
    dw_error *error = NULL;
    dw_status status = dw_register(engine, DW_LITERAL(NAME), DW_LITERAL(PASSWORD), NULL, 0, &account, &error);
    done("register", status, status == DW_TAKEN ? DW_TAKEN : DW_OK, &error);
    if (status == DW_OK) {
        char text[DW_ID_TEXT];
        dw_id_text(account, text);
        printf("%-14s %s\n", "  account", text);
    }
}

/* First with a wrong password. The client's address slows whoever guesses from it. */
static dw_login_result *log_in(const dw_engine *engine) {
    dw_login_result *login = NULL;
    dw_error *error = NULL;
    dw_login_options options = {0};
    options.size = sizeof options;
    options.source = (dw_text){DW_LITERAL("192.0.2.7")};
    options.label = (dw_text){DW_LITERAL("Firefox on Linux")};
    options.scope = (dw_text){DW_LITERAL("read write")};
    dw_status status = dw_login(engine, DW_LITERAL(NAME), DW_LITERAL("not my password"), &options, &login, &error);
    done("login", status, DW_DENIED, &error);
    status = dw_login(engine, DW_LITERAL(NAME), DW_LITERAL(PASSWORD), &options, &login, &error);
    done("login", status, DW_OK, &error);
    return login;
}

static void authenticate(const dw_engine *engine, dw_text token, dw_status expected) {
    dw_session *session = NULL;
    dw_error *error = NULL;
    done("authenticate", dw_authenticate(engine, token.ptr, token.len, &session, &error), expected, &error);
    if (session != NULL)
        printf("%-14s %s, by %s\n", "  session", session->label.ptr, session->amr.ptr);
    dw_session_free(session);
}

/* The headers of the answers to a login and to a logout. The token is a password while it lives: no log may have it. */
static void show_cookies(const dw_engine *engine, const dw_login_result *login) {
    dw_strings *headers = NULL;
    dw_error *error = NULL;
    uint64_t max_age_ms = (uint64_t)(login->session->absolute_ends - dw_engine_now(engine));
    done("cookie", dw_cookie_set(NULL, login->token.ptr, login->token.len, max_age_ms, &headers, &error), DW_OK, &error);
    const char *value = strchr(headers->items[0].ptr, '=');
    printf("  Set-Cookie: %.*s=...%s\n", (int)(value - headers->items[0].ptr), headers->items[0].ptr, strchr(value, ';'));
    dw_strings_free(headers);
    done("clear it", dw_cookie_clear(NULL, &headers, &error), DW_OK, &error);
    printf("  Set-Cookie: %s\n", headers->items[0].ptr);
    dw_strings_free(headers);
}

static dw_tokens *issue(const dw_engine *engine, dw_text token) {
    dw_tokens *tokens = NULL;
    dw_error *error = NULL;
    dw_issue_options options = {0};
    options.size = sizeof options;
    options.scope = (dw_text){DW_LITERAL("read")};
    options.refresh = 1;
    dw_status status =
        dw_issue(engine, token.ptr, token.len, DW_LITERAL("web"), DW_LITERAL("api"), &options, &tokens, &error);
    done("issue", status, DW_OK, &error);
    return tokens;
}

static void verify(const dw_engine *engine, dw_text access) {
    dw_access *verified = NULL;
    dw_error *error = NULL;
    done("verify", dw_verify(engine, access.ptr, access.len, DW_LITERAL("api"), &verified, &error), DW_OK, &error);
    printf("%-14s %s for %s\n", "  granted", verified->scope.ptr, verified->client.ptr);
    dw_access_free(verified);
    dw_status status = dw_verify(engine, access.ptr, access.len, DW_LITERAL("mail"), &verified, &error);
    done("verify", status, DW_TOKEN_INVALID, &error);
}

static void refuse_refresh(const dw_engine *engine, dw_text refresh) {
    dw_tokens *tokens = NULL;
    dw_error *error = NULL;
    dw_status status = dw_refresh(engine, refresh.ptr, refresh.len, DW_LITERAL("web"), NULL, &tokens, &error);
    done("refresh", status, DW_TOKEN_INVALID, &error);
}

/* Durable when it returns. A second logout is no error. */
static void log_out(const dw_engine *engine, dw_text token) {
    dw_receipt *receipt = NULL;
    dw_error *error = NULL;
    for (int again = 0; again < 2; again++) {
        done("logout", dw_logout(engine, token.ptr, token.len, &receipt, &error), DW_OK, &error);
        printf("%-14s %s\n", "  it was", receipt->was_over ? "over before" : "live");
        dw_receipt_free(receipt);
    }
}
