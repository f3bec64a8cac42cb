/* A host that keeps the rows itself: login, tokens, sessions, logout and maintenance on the tables of `tables.c`.
 *
 *     own_store
 *
 * The tables forget when the process ends, and say so to `dw_op_open`. */

#include "store.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME "ada"
#define PASSWORD "plum kettle orbit"

/* The tables of this program. */
static void *rows_of_app;

static dw_context *open_context(void);
static void sign_up(const dw_context *context);
static dw_login_result *log_in(const dw_context *context);
static dw_status authenticate(const dw_context *context, dw_text token);
static dw_tokens *issue(const dw_context *context, dw_text token);
static dw_tokens *refresh(const dw_context *context, dw_text token);
static void verify(const dw_context *context, dw_text access, dw_status expected);
static void list_sessions(const dw_context *context, dw_id account);
static void log_out(const dw_context *context, dw_text token);
static void maintain(const dw_context *context);

/* What came of a call; the program ends when that was not what we wanted. */
static void done(const char *what, dw_status answered, dw_status expected, dw_error **error) {
    printf("%-14s %s%s%s\n", what, dw_status_name(answered), *error ? ": " : "", *error ? (*error)->message.ptr : "");
    dw_error_free(*error);
    *error = NULL;
    if (answered != expected)
        exit(EXIT_FAILURE);
}

/* Runs an operation that has begun. That a call cannot be made is a bug of this program, in whatever place. */
static void finish(const char *what, dw_status begun, dw_op **op, dw_error **error) {
    if (begun == DW_OK)
        begun = run(*op, &tables, rows_of_app, error);
    if (begun != DW_OK)
        done(what, begun, DW_OK, error);
}

int main(void) {
    rows_of_app = tables.open();
    if (rows_of_app == NULL)
        return EXIT_FAILURE;
    dw_context *context = open_context();
    sign_up(context);
    dw_login_result *desk = log_in(context), *phone = log_in(context);
    authenticate(context, desk->token);
    dw_tokens *first = issue(context, desk->token), *second = refresh(context, first->refresh);
    verify(context, second->access, DW_OK);
    list_sessions(context, desk->session->account);

    log_out(context, desk->token);
    if (authenticate(context, desk->token) != DW_GONE || authenticate(context, phone->token) != DW_OK)
        return EXIT_FAILURE;
    verify(context, second->access, DW_TOKEN_INVALID);
    list_sessions(context, desk->session->account);
    maintain(context);

    dw_tokens_free(second);
    dw_tokens_free(first);
    dw_login_result_free(phone);
    dw_login_result_free(desk);
    dw_context_free(context);
    tables.close(rows_of_app);
    printf("handles still open: %zu\n", dw_open_handles());
    return EXIT_SUCCESS;
}

/* A real host has its key in a file that only it may read: `dw_config_key_file`. */
static dw_context *open_context(void) {
    static const uint8_t key[32] = {0x42};
    dw_config *config = NULL;
    dw_context *context = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    done("configure", dw_config_new(&config, &error), DW_OK, &error);
    done("master key", dw_config_master_key(config, 1, key, sizeof key, &error), DW_OK, &error);
    finish("open", dw_op_open(config, DW_EPHEMERAL, &op, &error), &op, &error);
    done("open", dw_op_take_context(op, &context, &error), DW_OK, &error);
    dw_op_free(op);
    dw_config_free(config);
    return context;
}

static void sign_up(const dw_context *context) {
    dw_id account;
    dw_op *op = NULL;
    dw_error *error = NULL;
    finish("register", dw_op_register(context, DW_LITERAL(NAME), DW_LITERAL(PASSWORD), NULL, 0, &op, &error), &op, &error);
    done("register", dw_op_take_account(op, &account, &error), DW_OK, &error);
    dw_op_free(op);
}

static dw_login_result *log_in(const dw_context *context) {
    dw_login_result *login = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    finish("login", dw_op_login(context, DW_LITERAL(NAME), DW_LITERAL(PASSWORD), NULL, &op, &error), &op, &error);
    done("login", dw_op_take_login(op, &login, &error), DW_OK, &error);
    dw_op_free(op);
    return login;
}

static dw_status authenticate(const dw_context *context, dw_text token) {
    dw_session *session = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    finish("authenticate", dw_op_authenticate(context, token.ptr, token.len, &op, &error), &op, &error);
    dw_status status = dw_op_take_session(op, &session, &error);
    done("authenticate", status, status, &error);
    dw_session_free(session);
    dw_op_free(op);
    return status;
}

static dw_tokens *issue(const dw_context *context, dw_text token) {
    dw_tokens *tokens = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    dw_issue_options options = {0};
    options.size = sizeof options;
    options.refresh = 1;
    dw_status begun =
        dw_op_issue(context, token.ptr, token.len, DW_LITERAL("web"), DW_LITERAL("api"), &options, &op, &error);
    finish("issue", begun, &op, &error);
    done("issue", dw_op_take_tokens(op, &tokens, &error), DW_OK, &error);
    dw_op_free(op);
    return tokens;
}

static dw_tokens *refresh(const dw_context *context, dw_text token) {
    dw_tokens *tokens = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    finish("refresh", dw_op_refresh(context, token.ptr, token.len, DW_LITERAL("web"), NULL, &op, &error), &op, &error);
    done("refresh", dw_op_take_tokens(op, &tokens, &error), DW_OK, &error);
    dw_op_free(op);
    return tokens;
}

static void verify(const dw_context *context, dw_text access, dw_status expected) {
    dw_access *verified = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    finish("verify", dw_op_verify(context, access.ptr, access.len, DW_LITERAL("api"), &op, &error), &op, &error);
    done("verify", dw_op_take_access(op, &verified, &error), expected, &error);
    dw_access_free(verified);
    dw_op_free(op);
}

static void list_sessions(const dw_context *context, dw_id account) {
    dw_session_list *sessions = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    finish("sessions", dw_op_sessions(context, account, &op, &error), &op, &error);
    done("sessions", dw_op_take_session_list(op, &sessions, &error), DW_OK, &error);
    printf("%-14s %zu\n", "  live", sessions->count);
    dw_session_list_free(sessions);
    dw_op_free(op);
}

static void log_out(const dw_context *context, dw_text token) {
    dw_receipt *receipt = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    finish("logout", dw_op_logout(context, token.ptr, token.len, &op, &error), &op, &error);
    done("logout", dw_op_take_receipt(op, &receipt, &error), DW_OK, &error);
    dw_receipt_free(receipt);
    dw_op_free(op);
}

/* A host calls this every few minutes. */
static void maintain(const dw_context *context) {
    dw_maintained *maintained = NULL;
    dw_op *op = NULL;
    dw_error *error = NULL;
    finish("maintain", dw_op_maintain(context, &op, &error), &op, &error);
    done("maintain", dw_op_take_maintained(op, &maintained, &error), DW_OK, &error);
    dw_maintained_free(maintained);
    dw_op_free(op);
}
