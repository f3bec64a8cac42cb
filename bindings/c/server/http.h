/* As much of HTTP/1.1 as three pages take: one request to a connection, of bounded size and time. */

#ifndef HTTP_H
#define HTTP_H

#include <doorward.h>

enum { MOST = 8192 };

/* A request, read into one buffer: head and body. */
typedef struct request {
    char bytes[MOST + 1];
    const char *body;
    size_t body_len;
    char source[46];
} request;

/* Reads a request within its bounds of bytes and seconds; 0 when there is none. */
int receive(int client, request *request);

/* The first header of a name; and all of them, but at most `most`. */
dw_text header(const request *request, const char *name);
size_t headers_named(const request *request, const char *name, dw_text *values, size_t most);

/* `cookies` are values of `Set-Cookie`, or NULL; `body` is a line of text. */
void respond(int client, unsigned code, const dw_strings *cookies, const char *body);

#endif
