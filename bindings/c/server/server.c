/* A web server of four threads around one engine: login, whoami, logout, with a cookie.
 *
 *     server [STORE-URL] [KEY-FILE] [--self-test]        sqlite:server.db server.key
 *
 *     POST /login     name, line feed, password          204 and the cookie
 *     GET  /whoami                                       200 and the account
 *     POST /logout                                       204, and no cookie any more
 *
 * It listens on a free port of this machine and prints it; SIGINT or SIGTERM ends it. `http.c` is
 * as much of HTTP/1.1 as that takes, one request to a connection; `self_test.c` is a client of its own. */

#define _POSIX_C_SOURCE 200809L

#include "http.h"
#include "self_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { THREADS = 4 };

typedef struct server {
    dw_engine *engine;
    int listener;
    char origin[64];
} server;

/* Over plain HTTP; with TLS leave it out and pass NULL: `__Host-session`, `Secure`. */
static const dw_cookie cookie = {.size = sizeof cookie, .insecure = 1};

static void *serve(void *given);
static void answer(const server *server, int client, const request *request);
static void log_in(const server *server, int client, const request *request);
static void whoami(const server *server, int client, const request *request);
static void log_out(const server *server, int client, const request *request);

static void stop(const char *what, dw_error *error) {
    fprintf(stderr, "%s: %s\n", what, error != NULL ? error->message.ptr : strerror(errno));
    exit(EXIT_FAILURE);
}

static dw_engine *open_engine(const char *store, const char *key_file) {
    dw_config *config = NULL;
    dw_engine *engine = NULL;
    dw_error *error = NULL;
    if (dw_config_new(&config, &error) || dw_config_store(config, store, strlen(store), &error)
        || dw_config_key_file(config, key_file, strlen(key_file), 1, &error) || dw_engine_open(config, &engine, &error))
        stop("open", error);
    dw_config_free(config);
    return engine;
}

static uint16_t listen_on_loopback(server *server) {
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&address, length) != 0
        || listen(server->listener, 64) != 0 || getsockname(server->listener, (struct sockaddr *)&address, &length) != 0)
        stop("listen", NULL);
    uint16_t port = ntohs(address.sin_port);
    snprintf(server->origin, sizeof server->origin, "http://127.0.0.1:%u", (unsigned)port);
    return port;
}

int main(int argc, char **argv) {
    int is_self_test = argc > 1 && strcmp(argv[argc - 1], "--self-test") == 0, failures = 0, got = 0;
    argc -= is_self_test;
    server server = {.engine = open_engine(argc > 1 ? argv[1] : "sqlite:server.db", argc > 2 ? argv[2] : "server.key")};
    uint16_t port = listen_on_loopback(&server);
    printf("%s\n", server.origin);
    fflush(stdout);

    /* The threads inherit the mask: a signal comes to `sigwait` alone. */
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    if (!is_self_test)
        pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    pthread_t threads[THREADS];
    for (int at = 0; at < THREADS; at++)
        if ((errno = pthread_create(&threads[at], NULL, serve, &server)) != 0)
            stop("thread", NULL);
    if (is_self_test)
        failures = self_test(server.engine, port);
    else
        sigwait(&ends, &got);

    /* On Linux this wakes each thread that waits in `accept`; elsewhere connect once for each. */
    shutdown(server.listener, SHUT_RDWR);
    for (int at = 0; at < THREADS; at++)
        pthread_join(threads[at], NULL);
    close(server.listener);
    dw_engine_free(server.engine);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void *serve(void *given) {
    const server *server = given;
    for (;;) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        struct timeval patience = {5, 0};
        request request;
        int client = accept(server->listener, (struct sockaddr *)&peer, &length);
        if (client < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EMFILE))
            continue;
        if (client < 0)
            return NULL;
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        inet_ntop(AF_INET, &peer.sin_addr, request.source, sizeof request.source);
        if (receive(client, &request))
            answer(server, client, &request);
        close(client);
    }
}

/* The client gets the code alone; the sentence is for the log. */
static void refuse(int client, dw_status status, dw_error *error) {
    unsigned code = dw_status_http(status);
    if (code >= 500 && error != NULL)
        fprintf(stderr, "%s: %s\n", dw_status_name(status), error->message.ptr);
    respond(client, code != 0 ? code : 500, NULL, "refused\n");
    dw_error_free(error);
}

static int is_for(const request *request, const char *line) {
    return strncmp(request->bytes, line, strlen(line)) == 0;
}

/* What changes something must come from a page of ours: another site's form would bring the cookie along. */
static void answer(const server *server, int client, const request *request) {
    dw_error *error = NULL;
    dw_status status = DW_OK;
    if (is_for(request, "POST ")) {
        dw_text ours = {server->origin, strlen(server->origin)};
        dw_fetch_headers from = {.size = sizeof from};
        from.host = header(request, "Host");
        from.origin = header(request, "Origin");
        from.site = header(request, "Sec-Fetch-Site");
        status = dw_check_request(&from, DW_REQUEST_WRITE, &ours, 1, &error);
    }
    if (status != DW_OK)
        refuse(client, status, error);
    else if (is_for(request, "POST /login HTTP/1.1\r\n"))
        log_in(server, client, request);
    else if (is_for(request, "GET /whoami HTTP/1.1\r\n"))
        whoami(server, client, request);
    else if (is_for(request, "POST /logout HTTP/1.1\r\n"))
        log_out(server, client, request);
    else
        respond(client, 404, NULL, "no such page\n");
}

static void log_in(const server *server, int client, const request *request) {
    dw_login_result *login = NULL;
    dw_strings *cookies = NULL;
    dw_error *error = NULL;
    dw_login_options options = {.size = sizeof options};
    options.source = (dw_text){request->source, strlen(request->source)};
    options.label = header(request, "User-Agent");
    const char *feed = memchr(request->body, '\n', request->body_len);
    size_t name_len = feed != NULL ? (size_t)(feed - request->body) : request->body_len;
    const char *password = feed != NULL ? feed + 1 : "";
    size_t password_len = feed != NULL ? request->body_len - name_len - 1 : 0;
    dw_status status =
        dw_login(server->engine, request->body, name_len, password, password_len, &options, &login, &error);
    if (status == DW_OK) {
        uint64_t max_age_ms = (uint64_t)(login->session->absolute_ends - dw_engine_now(server->engine));
        status = dw_cookie_set(&cookie, login->token.ptr, login->token.len, max_age_ms, &cookies, &error);
    }
    if (status == DW_OK)
        respond(client, 204, cookies, NULL);
    else
        refuse(client, status, error);
    dw_strings_free(cookies);
    dw_login_result_free(login);
}

/* The token in the request's cookie. A request without one is refused as one whose token opens nothing. */
static dw_status read_token(const request *request, dw_string **token, dw_error **error) {
    dw_text cookies[8];
    size_t count = headers_named(request, "Cookie", cookies, 8);
    dw_status status = dw_cookie_read(&cookie, cookies, count, token, error);
    return status == DW_OK && *token == NULL ? DW_TOKEN : status;
}

static void whoami(const server *server, int client, const request *request) {
    dw_string *token = NULL;
    dw_session *session = NULL;
    dw_error *error = NULL;
    dw_status status = read_token(request, &token, &error);
    if (status == DW_OK)
        status = dw_authenticate(server->engine, token->text.ptr, token->text.len, &session, &error);
    if (status == DW_OK) {
        char account[DW_ID_TEXT];
        dw_id_text(session->account, account);
        respond(client, 200, NULL, account);
    } else {
        refuse(client, status, error);
    }
    dw_session_free(session);
    dw_string_free(token);
}

/* Only when the session is over for good, or there is none, does the client lose its cookie: else it can try again. */
static void log_out(const server *server, int client, const request *request) {
    dw_string *token = NULL;
    dw_receipt *receipt = NULL;
    dw_strings *cookies = NULL;
    dw_error *error = NULL;
    dw_status status = read_token(request, &token, &error);
    if (status == DW_OK)
        status = dw_logout(server->engine, token->text.ptr, token->text.len, &receipt, &error);
    if ((status == DW_OK || status == DW_TOKEN) && dw_cookie_clear(&cookie, &cookies, NULL) == DW_OK) {
        respond(client, 204, cookies, NULL);
        dw_error_free(error);
    } else {
        respond(client, 503, NULL, "not logged out: try again\n");
        dw_error_free(error);
    }
    dw_strings_free(cookies);
    dw_receipt_free(receipt);
    dw_string_free(token);
}
