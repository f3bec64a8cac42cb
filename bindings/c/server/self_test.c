/* Client threads that log in, ask who they are, and log out while they ask. */

#define _POSIX_C_SOURCE 200809L

#include "self_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 4, LOGINS = 2, QUESTIONS = 40 };

#define PASSWORD "plum kettle orbit"

/* One client, and its browser's cookie. */
typedef struct client {
    uint16_t port;
    char name[32];
    char account[DW_ID_TEXT];
    char cookie[256];
    int asked;
    int wrong;
    pthread_mutex_t lock;
    int is_logged_out;
} client;

static void *visit(void *given);

int self_test(const dw_engine *engine, uint16_t port) {
    client clients[CLIENTS] = {{0}};
    pthread_t threads[CLIENTS];
    int asked = 0, wrong = 0, begun = 0;
    for (; begun < CLIENTS; begun++) {
        client *client = &clients[begun];
        dw_id account;
        dw_error *error = NULL;
        client->port = port;
        snprintf(client->name, sizeof client->name, "client-%d", begun);
        dw_status status =
            dw_register(engine, client->name, strlen(client->name), DW_LITERAL(PASSWORD), NULL, 0, &account, &error);
        if (status != DW_OK) {
            printf("register: %s\n", error->message.ptr);
            dw_error_free(error);
            break;
        }
        dw_id_text(account, client->account);
        pthread_mutex_init(&client->lock, NULL);
        if (pthread_create(&threads[begun], NULL, visit, client) != 0)
            break;
    }
    for (int at = 0; at < begun; at++) {
        pthread_join(threads[at], NULL);
        asked += clients[at].asked;
        wrong += clients[at].wrong;
    }
    printf("%d requests, %d wrong answers\n", asked, wrong);
    return wrong + (begun < CLIENTS);
}

/* Sends a request and gives its code; the whole answer is in `text`. 0 when there was none. */
static int request(client *client, const char *what, const char *headers, const char *body, char *text, size_t room) {
    struct sockaddr_in address = {0};
    size_t got = 0;
    ssize_t more = 0;
    int code = 0;
    char sent[1024];
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(client->port);
    snprintf(sent, sizeof sent, "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nCookie: %s\r\n%sContent-Length: %zu\r\n\r\n%s", what,
        (unsigned)client->port, client->cookie, headers, strlen(body), body);
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connection >= 0 && connect(connection, (struct sockaddr *)&address, sizeof address) == 0
        && send(connection, sent, strlen(sent), 0) == (ssize_t)strlen(sent))
        while (got + 1 < room && (more = recv(connection, text + got, room - 1 - got, 0)) > 0)
            got += (size_t)more;
    text[got] = '\0';
    if (connection >= 0)
        close(connection);
    sscanf(text, "HTTP/1.1 %d", &code);
    return code;
}

static void expect(client *client, const char *what, int answered, int expected) {
    pthread_mutex_lock(&client->lock);
    client->asked++;
    if (answered != expected) {
        client->wrong++;
        printf("%s: %s answered %d, not %d\n", client->name, what, answered, expected);
    }
    pthread_mutex_unlock(&client->lock);
}

static int is_logged_out(client *client) {
    pthread_mutex_lock(&client->lock);
    int is_logged_out = client->is_logged_out;
    pthread_mutex_unlock(&client->lock);
    return is_logged_out;
}

/* Asks while the other thread logs out: whoever asks afterwards is refused, and whoever was refused once stays so. */
static void *ask_on(void *given) {
    client *client = given;
    int was_refused = 0;
    for (int at = 0; at < QUESTIONS; at++) {
        char text[1024];
        int is_over = is_logged_out(client) || was_refused;
        int code = request(client, "GET /whoami", "", "", text, sizeof text);
        int is_who = code == 200 && strstr(text, client->account) != NULL;
        was_refused = code == 401;
        expect(client, "whoami", is_who ? 200 : code, is_over || was_refused ? 401 : 200);
    }
    return NULL;
}

static void *visit(void *given) {
    client *client = given;
    static const char elsewhere[] = "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n";
    char ours[64], text[1024], login[64];
    snprintf(ours, sizeof ours, "Origin: http://127.0.0.1:%u\r\n", (unsigned)client->port);
    for (int round = 0; round < LOGINS; round++) {
        pthread_t other;
        client->is_logged_out = 0;
        client->cookie[0] = '\0';
        expect(client, "whoami without a cookie", request(client, "GET /whoami", "", "", text, sizeof text), 401);
        snprintf(login, sizeof login, "%s\n%s", client->name, "not my password");
        expect(client, "login with a wrong password", request(client, "POST /login", ours, login, text, sizeof text), 401);
        snprintf(login, sizeof login, "%s\n%s", client->name, PASSWORD);
        expect(client, "login from elsewhere", request(client, "POST /login", elsewhere, login, text, sizeof text), 403);
        expect(client, "login", request(client, "POST /login", ours, login, text, sizeof text), 204);
        const char *cookie = strstr(text, "Set-Cookie: ");
        if (cookie != NULL)
            sscanf(cookie, "Set-Cookie: %255[^;\r]", client->cookie);
        expect(client, "logout from elsewhere", request(client, "POST /logout", elsewhere, "", text, sizeof text), 403);
        expect(client, "another page", request(client, "GET /", "", "", text, sizeof text), 404);
        if (pthread_create(&other, NULL, ask_on, client) != 0)
            expect(client, "a thread", 0, 1);
        else {
            for (int at = 0; at < 3 * round; at++)
                expect(client, "whoami", request(client, "GET /whoami", "", "", text, sizeof text), 200);
            expect(client, "logout", request(client, "POST /logout", ours, "", text, sizeof text), 204);
            pthread_mutex_lock(&client->lock);
            client->is_logged_out = 1;
            pthread_mutex_unlock(&client->lock);
            pthread_join(other, NULL);
        }
        expect(client, "whoami after logout", request(client, "GET /whoami", "", "", text, sizeof text), 401);
        expect(client, "logout again", request(client, "POST /logout", ours, "", text, sizeof text), 204);
    }
    pthread_mutex_destroy(&client->lock);
    return NULL;
}
