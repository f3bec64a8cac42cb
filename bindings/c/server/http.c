#define _POSIX_C_SOURCE 200809L

#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

size_t headers_named(const request *request, const char *name, dw_text *values, size_t most) {
    size_t count = 0, name_len = strlen(name);
    const char *line = strstr(request->bytes, "\r\n");
    for (; line != NULL && line + 4 < request->body && count < most; line = strstr(line + 2, "\r\n")) {
        const char *value = line + 2 + name_len;
        if (strncasecmp(line + 2, name, name_len) != 0 || *value != ':')
            continue;
        do
            value++;
        while (*value == ' ' || *value == '\t');
        values[count++] = (dw_text){value, strcspn(value, "\r")};
    }
    return count;
}

dw_text header(const request *request, const char *name) {
    dw_text value = {0};
    headers_named(request, name, &value, 1);
    return value;
}

int receive(int client, request *request) {
    size_t got = 0, whole = MOST;
    time_t begun = time(NULL);
    request->body = NULL;
    while (request->body == NULL || got < whole) {
        ssize_t more = recv(client, request->bytes + got, MOST - got, 0);
        if (more <= 0 || time(NULL) - begun > 10)
            return 0;
        got += (size_t)more;
        request->bytes[got] = '\0';
        const char *end = request->body == NULL ? strstr(request->bytes, "\r\n\r\n") : NULL;
        if (end != NULL) {
            request->body = end + 4;
            dw_text length = header(request, "Content-Length");
            request->body_len = length.ptr != NULL ? strtoul(length.ptr, NULL, 10) : 0;
            whole = (size_t)(request->body - request->bytes) + request->body_len;
            if (request->body_len > MOST || whole > MOST)
                return 0;
        }
    }
    return 1;
}

void respond(int client, unsigned code, const dw_strings *cookies, const char *body) {
    char text[2048];
    int at = snprintf(text, sizeof text, "HTTP/1.1 %u -\r\nConnection: close\r\nCache-Control: no-store\r\n", code);
    for (size_t n = 0; cookies != NULL && n < cookies->count && at < (int)sizeof text; n++)
        at += snprintf(text + at, sizeof text - (size_t)at, "Set-Cookie: %s\r\n", cookies->items[n].ptr);
    if (at < (int)sizeof text && code != 204)
        at += snprintf(text + at, sizeof text - (size_t)at, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    else if (at < (int)sizeof text)
        at += snprintf(text + at, sizeof text - (size_t)at, "\r\n");
    if (at < (int)sizeof text)
        send(client, text, (size_t)at, 0);
}
