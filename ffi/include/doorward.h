/*
 * # The C ABI of Doorward
 *
 * One library, `libdoorward`, and one header, `doorward.h`. It compiles as C99 and later, and as C++. This page is every rule; a
 * comment in the header says only what is particular to its function.
 *
 * ## Calls
 *
 * - Every function begins with `dw_`, and nearly every one returns a **`dw_status`**: `DW_OK`, or why it was not done as asked.
 *   Codes are lasting, grouped by tens, and only ever added to; take one that you do not know for a refusal.
 *
 *   | codes | what | whose affair |
 *   |---|---|---|
 *   | 10 | misuse: NULL, a length, a handle, the order of calls | the caller's bug; of `DW_NOT_UTF8` perhaps the client's |
 *   | 20 | configuration | the operator's |
 *   | 30 | names, passwords, terms that cannot be taken | tell the person, or the client |
 *   | 40, 50, 60 | denied, throttled, gone, reused, … | an outcome: answer the client; but `DW_UNKNOWN_KEY`, `DW_STALE`, `DW_NO_KEY` and `DW_FULL` are the service's: answer 503 |
 *   | 70 | the store, the clock, no room: it could not be decided | try again, or wake somebody |
 *   | 80 | the web helpers refuse | answer the client |
 *   | 90 | a bug of this library, contained | report it |
 *
 * - The last parameter **`dw_error **error`** may be NULL. Else it is written when the status is not `DW_OK`, and only then: a
 *   sentence for developers and logs, a fixed word for programs, and of `DW_THROTTLED` the time. Free it with `dw_error_free`.
 * - An **output** is written only on `DW_OK`, and must not be NULL. That is looked at before anything is done.
 * - What stood there before is **overwritten, not freed**: set your pointers to NULL at first, and free what they hold before you
 *   use them again.
 * - **Enums are returned, integers are taken**: an `int` that stands for an enum, or for yes (other than 0) and no (0). One out of
 *   range is refused.
 * - No panic of the library leaves it; it becomes `DW_PANIC`. When memory runs out, the process is aborted, as in most C programs.
 *
 * ## Texts
 *
 * - **In**: a pointer and a length in bytes, in UTF-8, without a zero at the end. It is read during the call only. NULL with
 *   length 0 leaves out what may be left out; NULL is refused where a text is needed. More than 16 MiB is refused, so that a
 *   length which was negative is. An empty text is not the same as one that is left out. `DW_LITERAL("text")` is both for a
 *   literal.
 * - **Out**: a `dw_text` in a result, whose memory is the library's. There is a zero after its last byte, which does not count.
 * - Structs of **options** begin with `size`: set it to `sizeof` of the struct, and all else to zero (`= {0}`); then set what you
 *   want. Zero is the default. A library that is older than your header refuses only what it does not know.
 *
 * ## Results and handles
 *
 * - A **result** (`dw_session`, `dw_tokens`, …) is a struct that the library owns and you read. Free it once, with the function of
 *   its own name: its texts are wiped then. Later versions add fields at the end: never copy one by its size, or make one. Ids, texts
 *   and what rows are made of (`dw_key`, `dw_row`, `dw_batch` and its parts, `dw_change`) stay as they are for ever.
 * - A **handle** (`dw_config`, `dw_engine`, `dw_context`, `dw_op`) looks like a pointer, and is never followed: it is looked up. One
 *   that was freed, or is of another kind, or was never one, is refused as `DW_HANDLE`. So a second free of a handle is harmless;
 *   a second free of a result is not, as with any memory.
 * - Every `_free(NULL)` does nothing. Handles may be freed in any order: what still needs another keeps it alive.
 *   `dw_open_handles()` counts those that are not freed.
 *
 * ## Threads, forks, signals
 *
 * - Engines, contexts and configurations may be used from any thread, by many at once. A `dw_op` is used by one thread at a time,
 *   and refuses a second one as `DW_IN_USE`; `dw_work_run` alone may run beside others. A result may be handed from thread to thread.
 * - A call blocks until its outcome is durable. Password hashing runs on the caller's thread, as many at once as
 *   `dw_config_hashing` says.
 * - Freeing an engine does not wait for the calls of other threads: join them first, where its store must be closed at once.
 * - **`fork`** before any thread has called this library, or `exec` afterwards: a child has its parent's locks, as they happened to
 *   be, and none of the threads. Nothing here may be called from a signal handler.
 *
 * ## Callbacks
 *
 * A random source (`dw_config_entropy`) and a progress function are called on the thread that called the library, or on one of the
 * engine's own. They return as any C function does: no `longjmp`, no C++ exception. They may call the library, but with the
 * operation that is under way; and who frees an engine must not hold a lock that they wait for.
 *
 * ## Safety
 *
 * What the library cannot check is the caller's to keep, and every function of the header asks it: a pointer that is not NULL
 * points to as many readable (for outputs, writable) bytes or things as are said, and nobody changes them during the call; arrays of
 * structs are aligned; a
 * result is freed once, and not read afterwards; a callback may be called from any thread.
 *
 * ## A store of your own
 *
 * A host that keeps the rows itself, or waits in its own event loop, opens a **context** and runs each operation step by step.
 *
 * ```text
 * dw_op_login(context, ..., &op, &error);              begins; nothing is done yet
 * dw_op_poll(op, &need, &error);                       what it needs, in `need->kind`
 *     DW_NEED_READ, _SCAN, _COMMIT, _CHANGES, _PURGE   ask your database, then dw_op_reply_...(op, need->ticket, ...)
 *     DW_NEED_WORK                                     dw_work_run(op, need->ticket, ...), on any thread
 *     DW_NEED_DONE                                     dw_op_take_login(op, &result, &error), and dw_op_free(op)
 * dw_need_free(need);                                  each time
 * ```
 *
 * A wrong or late reply changes nothing and is refused; an operation whose reply never comes is freed, and was abandoned. The
 * engine trusts your database in eight sentences:
 *
 * | promise | in one line |
 * |---|---|
 * | one snapshot | all rows of one reply stood side by side at one moment, none earlier than a commit that was answered as applied, here or elsewhere: no replicas, no caches |
 * | all or nothing | a batch is applied whole or not at all, also across a crash |
 * | compare, then write | any check, or any put whose expectation fails, makes the whole batch a conflict: nothing is changed |
 * | no upsert | a put onto a row that is not as expected writes nothing: what was ended stays ended |
 * | never refused | a batch of deletes and raises alone, without checks, is never a conflict |
 * | durable before seen | nothing shows a `durable` write that a power cut could undo |
 * | relaxed is written | a batch that is not `durable`, once applied, survives the process |
 * | the journal skips nothing | its entries are given once each, in commit order, with numbers that are never given twice |
 *
 * A key may stand twice in a read; so does its row. A purge compares the end in the same step as it removes. A raise of an epoch that
 * is at its highest is `DW_FATAL`, and changes nothing. When a commit's answer is lost, say `DW_UNKNOWN`, never `DW_RETRYABLE`: the operation looks what became of it.
 *
 * ## Linking
 *
 * `libdoorward.so` shows the functions of the header and nothing else. `libdoorward.a` has the names of `SQLite` in it as well
 * (`sqlite3_…`): a program that links another one takes the shared library.
 *
 * Written out of the sources: `DOORWARD_BLESS=1 cargo test -p doorward-ffi --test header`.
 */

#ifndef DOORWARD_H
#define DOORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The version of this header; `dw_version()` is that of the library. */
#define DW_VERSION "0.1.0"
#define DW_VERSION_MAJOR 0
#define DW_VERSION_MINOR 1
#define DW_VERSION_PATCH 0

/* A string literal as a pointer and a length: `dw_register(engine, DW_LITERAL("ada"), ...)`. */
#define DW_LITERAL(text) ("" text), (sizeof(text) - 1)

/* How long an id's text is, with the zero that ends it. */
#define DW_ID_TEXT 33

/* How many kinds of rows there are: a later version may have more. */
#define DW_KINDS 13

/* What every call answers. Codes are grouped by tens, lasting, and only ever added to: take one that you do not know for a
 * refusal. */
typedef enum dw_status {
    /* Done as asked. */
    DW_OK = 0,
    /* A pointer is NULL that must not be. */
    DW_NULL = 10,
    /* A text is not UTF-8. It may be the client's. */
    DW_NOT_UTF8 = 11,
    /* A number, a length or a text is out of range. */
    DW_VALUE = 12,
    /* The handle is freed, or none of this kind. */
    DW_HANDLE = 13,
    /* Another thread is in a call with this handle, which one at a time may use. */
    DW_IN_USE = 14,
    /* It is not the time for this call: a reply without a need, an outcome before it is there or after it was taken. */
    DW_SEQUENCE = 15,
    /* A reply is of another form than its need. */
    DW_REPLY = 16,
    /* The host's own callback has stopped it: nothing was done. */
    DW_STOPPED = 17,
    /* No store was named, or its URL is none. */
    DW_CONFIG_STORE = 20,
    /* The policy is none: the sentence says which key. */
    DW_CONFIG_POLICY = 21,
    /* Master keys, peppers or signing keys do not fit each other or the store. */
    DW_CONFIG_KEY = 22,
    /* The key file is missing, open to others, or none. */
    DW_CONFIG_KEY_FILE = 23,
    /* The store promises too little. */
    DW_CONFIG_GUARANTEES = 24,
    /* The store cannot be opened. */
    DW_CONFIG_OPEN = 25,
    /* The engine cannot be opened with these numbers. */
    DW_CONFIG_ENGINE = 26,
    /* The name cannot be one. */
    DW_NAME = 30,
    /* The password cannot be one; the reason is a word. */
    DW_PASSWORD = 31,
    /* The name is taken. */
    DW_TAKEN = 32,
    /* What is to be kept is too large. */
    DW_TOO_LARGE = 33,
    /* The lifetime is out of bounds. */
    DW_LIFETIME = 34,
    /* A client id, an audience or a scope cannot be one. */
    DW_TERM = 35,
    /* The extra claims cannot be taken. */
    DW_CLAIMS = 36,
    /* Name or password is wrong, or the account may not log in. */
    DW_DENIED = 40,
    /* Too many attempts: wait until `until`. */
    DW_THROTTLED = 41,
    /* The password is known to others, and must be changed. */
    DW_MUST_CHANGE = 42,
    /* Somebody else is logged in there. */
    DW_OTHER_ACCOUNT = 43,
    /* The account has as many sessions as it may. */
    DW_TOO_MANY_SESSIONS = 44,
    /* The text is no token of a session of this engine. */
    DW_TOKEN = 50,
    /* The session is over; the reason is a word. */
    DW_GONE = 51,
    /* A live session, but of a guest. */
    DW_ANONYMOUS = 52,
    /* No such account, or no such session of it. */
    DW_NOT_FOUND = 53,
    /* A token under a master key that this engine does not have: it is not known to be over. */
    DW_UNKNOWN_KEY = 54,
    /* The access or refresh token is not accepted; the reason is a word. */
    DW_TOKEN_INVALID = 60,
    /* The refresh token came back: its session has ended. */
    DW_REUSED = 61,
    /* The refresh token was used a moment ago, by another instance. */
    DW_CONFLICT = 62,
    /* The token is another client's. */
    DW_CLIENT = 63,
    /* More was asked for than was granted. */
    DW_SCOPE = 64,
    /* Nothing fresh enough is known of what was ended. */
    DW_STALE = 65,
    /* There is no key to sign with. */
    DW_NO_KEY = 66,
    /* More than are kept: signing keys, or tokens revoked one by one. */
    DW_FULL = 67,
    /* The store failed, nothing was done; the same call may succeed later. */
    DW_STORE_RETRYABLE = 70,
    /* The store failed, nothing was done; somebody must look at it. */
    DW_STORE_FATAL = 71,
    /* What is stored cannot be what was written. */
    DW_CORRUPT = 72,
    /* It may be done or not: nobody knows. No token was given out. */
    DW_UNRESOLVED = 73,
    /* The rows kept changing: nothing was decided, try again. */
    DW_CONTENDED = 74,
    /* No room to hash a password now: nothing was changed, try again. */
    DW_BUSY = 75,
    /* The master keys do not fit this store. */
    DW_KEY = 76,
    /* The clock cannot be right. */
    DW_CLOCK = 77,
    /* The system gave no random bytes. */
    DW_ENTROPY = 78,
    /* A token could not be signed. */
    DW_SIGNING = 79,
    /* The return target could lead away. */
    DW_WEB_TARGET = 80,
    /* The cookie's settings or a cookie of the request cannot be taken. */
    DW_WEB_COOKIE = 81,
    /* The `Authorization` header is not one bearer token. */
    DW_WEB_BEARER = 82,
    /* The request is not known to come from this site. */
    DW_WEB_CROSS_SITE = 83,
    /* More cookies than are read, or longer ones. */
    DW_WEB_TOO_MANY_COOKIES = 84,
    /* A bug of this library, contained: the call may be done or not. Please report it. */
    DW_PANIC = 90,
} dw_status;

/* How an operation ended. */
typedef enum dw_event_result {
    /* It did what was asked. */
    DW_EVENT_SUCCESS = 0,
    /* It decided against it. */
    DW_EVENT_REFUSED = 1,
    /* It could not decide. */
    DW_EVENT_FAILED = 2,
} dw_event_result;

/* What an operation needs from its host. To one that you do not know, reply `DW_FATAL` by `dw_op_reply_failed`. */
typedef enum dw_need_kind {
    /* Nothing: its outcome is there, for the `dw_op_take_` function of its result. */
    DW_NEED_DONE = 0,
    /* The rows under `keys`, all of one moment: `dw_op_reply_rows`. */
    DW_NEED_READ = 1,
    /* The first `limit` rows of `range`: `dw_op_reply_page`. */
    DW_NEED_SCAN = 2,
    /* That `batch` is applied, whole or not at all: `dw_op_reply_commit`. */
    DW_NEED_COMMIT = 3,
    /* The first `limit` entries of the journal after `after`: `dw_op_reply_changes`. */
    DW_NEED_CHANGES = 4,
    /* That at most `limit` rows and journal entries are removed whose end is at or before `now`: `dw_op_reply_purged`. */
    DW_NEED_PURGE = 5,
    /* Work: `dw_work_run`, on any thread, which replies by itself. */
    DW_NEED_WORK = 6,
} dw_need_kind;

/* What a write does. To a batch with one that you do not know, reply `DW_FATAL`. */
typedef enum dw_write_kind {
    /* Creates or replaces the row, if it is as `expect` says; else the whole batch is a conflict. */
    DW_WRITE_PUT = 1,
    /* Removes the row; without effect where there is none, and never a conflict. */
    DW_WRITE_DELETE = 2,
    /* Adds one to the row's `epoch` and gives it the batch's stamp, all else left as it is; without effect where there is
     * none, and never a conflict. */
    DW_WRITE_RAISE = 3,
} dw_write_kind;

/* What the journal tells. To a batch with one that you do not know, reply `DW_FATAL`. */
typedef enum dw_ending_kind {
    /* A session has ended. */
    DW_ENDING_SESSION = 1,
    /* Of an account all before its floor. */
    DW_ENDING_ACCOUNT = 2,
    /* Of everybody all before the keyring's floor. */
    DW_ENDING_EVERYTHING = 3,
    /* What was granted under one token. */
    DW_ENDING_GRANT = 4,
} dw_ending_kind;

/* Signing algorithms (RFC 7518, RFC 8037). */
typedef enum dw_algorithm {
    /* Ed25519. */
    DW_EDDSA = 1,
    /* ECDSA on P-256 with SHA-256. */
    DW_ES256 = 2,
    /* HMAC with SHA-256. */
    DW_HS256 = 3,
    /* RSASSA-PKCS1-v1_5 with SHA-256. */
    DW_RS256 = 4,
} dw_algorithm;

/* What the host's store promises beyond keeping rows. */
typedef enum dw_durability {
    /* What it has acknowledged survives a power cut. */
    DW_DURABLE = 1,
    /* It forgets when its process or machine stops: all accounts and sessions together. */
    DW_EPHEMERAL = 2,
} dw_durability;

/* How long a session lives: the policy says what each of them means. */
typedef enum dw_lifetime {
    /* An hour without use, a day in all. */
    DW_LIFETIME_WEB = 0,
    /* The "remember me" box: a week without use, 30 days in all. */
    DW_LIFETIME_REMEMBERED = 1,
    /* An app on a device: 30 days without use, 90 in all. */
    DW_LIFETIME_DEVICE = 2,
} dw_lifetime;

/* What is asked of where a request comes from. */
typedef enum dw_request_kind {
    /* It changes something: a page of this site must have sent it. */
    DW_REQUEST_WRITE = 0,
    /* It reads: no page of another site may have sent it. */
    DW_REQUEST_READ = 1,
    /* It is a link that logs out: a person must have followed it on a page of this site. */
    DW_REQUEST_LINK = 2,
    /* It is a link that logs out with a token of `dw_logout_token`: a page must be opened with it. */
    DW_REQUEST_OWN_LINK = 3,
} dw_request_kind;

/* When the next signing key is to sign. */
typedef enum dw_rotation {
    /* When verifiers elsewhere have had the time to fetch it: after the policy's overlap. */
    DW_ROTATE = 0,
    /* At once: who keeps a JWKS refuses its tokens until he fetches it anew. */
    DW_ROTATE_AT_ONCE = 1,
    /* Nothing is made unless it is time for it. */
    DW_ROTATE_WHEN_DUE = 2,
} dw_rotation;

/* Which requests of other sites carry a cookie. */
typedef enum dw_same_site {
    /* Links that a person follows. */
    DW_SAME_SITE_LAX = 0,
    /* None: who follows a link seems logged out on the first page. */
    DW_SAME_SITE_STRICT = 1,
} dw_same_site;

/* What became of a call of the host's store that failed. */
typedef enum dw_store_failure {
    /* Nothing was applied; the same call may succeed later. */
    DW_RETRYABLE = 1,
    /* A commit may have been applied, or may yet be: only a reread can tell. A deadline that passed, a connection that was
     * lost. Of any other call it is as `DW_RETRYABLE`. */
    DW_UNKNOWN = 2,
    /* Nothing was applied, and the same call will fail again until somebody acts. */
    DW_FATAL = 3,
    /* What is stored cannot be what was written. */
    DW_DAMAGED = 4,
} dw_store_failure;

/* What an engine is to be. A handle: made by `dw_config_new`, freed with `dw_config_free`. It may be changed and opened again
 * and again; what is open is not changed by it. */
typedef struct dw_config dw_config;

/* The engine of a host that does its own I/O. A handle: made by `dw_op_open`, freed with `dw_context_free`, usable from any
 * thread. It owns the random source, the clock and the sources' buckets. */
typedef struct dw_context dw_context;

/* An open engine. A handle: made by `dw_engine_open`, freed with `dw_engine_free`, usable from any thread. */
typedef struct dw_engine dw_engine;

/* An operation under way. A handle: made by a `dw_op_` function, freed with `dw_op_free`, used by one thread at a time. */
typedef struct dw_op dw_op;

/* A text, or bytes, that this library lends or is lent: not ended by a zero unless the library made it. */
typedef struct dw_text {
    /* Its first byte; NULL when there is none. */
    const char *ptr;
    /* How many bytes it has. */
    size_t len;
} dw_text;

/* An id: of an account, of a session, of a token. It is no secret, and opens nothing. */
typedef struct dw_id {
    /* Its bytes. */
    uint8_t bytes[16];
} dw_id;

/* Why a call was not done as asked. Freed with [`dw_error_free`]. */
typedef struct dw_error {
    /* The status that the call answered. */
    enum dw_status status;
    /* A sentence for developers and logs that says what to do: no secret, no name, no full stop. */
    struct dw_text message;
    /* A fixed word, where the status has several causes; else NULL. Why a password is refused (`too short`, `too long`,
     * `common`, `pattern`, `listed`, `login name`, `service`, `compromised`), why a session is gone (`ended`, `idle`, `expired`, `revoked`,
     * `replaced`), which rule an access token breaks (`signature`, `expired`, …; `token` of a refresh token that is none). */
    struct dw_text reason;
    /* Of `DW_THROTTLED`: when to come again, in UTC milliseconds; else 0. */
    int64_t until;
    /* Whether the same call may simply be made again, a little later. */
    bool is_transient;
    /* Whether it is known whose account it is: of `DW_REUSED`, so that somebody can be told. */
    bool has_account;
    /* The account. */
    struct dw_id account;
    /* Whether it is known which session it is: of `DW_REUSED` and `DW_ANONYMOUS`. */
    bool has_session;
    /* The session. */
    struct dw_id session;
} dw_error;

/* A host's random source: fills `len` bytes at `bytes` and returns 0, or anything else when it cannot. */
typedef int (*dw_entropy)(void *user, uint8_t *bytes, size_t len);

/* A text, or bytes. Freed with `dw_string_free`. */
typedef struct dw_string {
    /* It, with a zero after it that does not count. */
    struct dw_text text;
} dw_string;

/* What is remembered of verified access tokens. Freed with `dw_remembered_free`. */
typedef struct dw_remembered {
    /* Verifications that found their token. */
    uint64_t hits;
    /* Those that did not; 0 where none is to be remembered. */
    uint64_t misses;
    /* How many tokens are remembered now. */
    size_t tokens;
} dw_remembered;

/* Is told how far a long call has come: so many of so many steps, which are never 0. Anything but 0 stops it. */
typedef int (*dw_progress)(void *user, uint64_t done, uint64_t of);

/* A live session. Freed with `dw_session_free`, unless it is part of another result. */
typedef struct dw_session {
    /* Its id. */
    struct dw_id id;
    /* Whose it is; all zeros for a guest's. */
    struct dw_id account;
    /* Whether it is a guest's: nobody has logged in to it. `dw_authenticate` never gives one. */
    bool is_anonymous;
    /* When it began, in UTC milliseconds, as are all times. */
    int64_t created;
    /* When the password was proven last; 0 for a guest's. */
    int64_t auth_time;
    /* How, in the registered words with spaces between them (RFC 8176): `pwd`. */
    struct dw_text amr;
    /* When it ends, unless it is used before. */
    int64_t idle_ends;
    /* When it ends in any case. */
    int64_t absolute_ends;
    /* What the client calls itself, made safe to show; NULL when nobody has said. */
    struct dw_text label;
    /* When this was so, by the engine's clock. */
    int64_t seen_at;
} dw_session;

/* The live sessions of an account. Freed with `dw_session_list_free`, all at once. */
typedef struct dw_session_list {
    /* They, each behind a pointer; NULL when there are none. */
    const struct dw_session *const *items;
    /* How many there are. */
    size_t count;
} dw_session_list;

/* A login. Freed with `dw_login_result_free`. */
typedef struct dw_login_result {
    /* The session's token, for the client's cookie: it opens the session, and is nowhere else. */
    struct dw_text token;
    /* The session. */
    const struct dw_session *session;
    /* The token of the device, for a cookie of its own; NULL unless it was asked for. */
    struct dw_text device_token;
} dw_login_result;

/* A session under a new token: the former one is dead. Freed with `dw_renewed_free`. */
typedef struct dw_renewed {
    /* The new token, for the client's cookie. */
    struct dw_text token;
    /* The session. */
    const struct dw_session *session;
} dw_renewed;

/* What a logout everywhere has come to. Freed with `dw_ended_everywhere_free`. */
typedef struct dw_ended_everywhere {
    /* The session that was kept, under its new token; NULL when none was to be. */
    const struct dw_renewed *kept;
} dw_ended_everywhere;

/* What a logout has come to. Freed with `dw_receipt_free`. */
typedef struct dw_receipt {
    /* Whether it was over before: no error, and no other answer to the client. */
    bool was_over;
    /* The session. */
    struct dw_id session;
    /* When the last access token dies that could still be accepted somewhere; 0 when there is none. */
    int64_t access_dies_at;
    /* How many milliseconds other instances may still accept it. */
    uint64_t others_lag_ms;
} dw_receipt;

/* What the host keeps with a session. Freed with `dw_data_free`. */
typedef struct dw_data {
    /* The session. */
    const struct dw_session *session;
    /* The bytes, as they were given; kept in clear, so no place for secrets. */
    struct dw_text data;
} dw_data;

/* Tokens for an API. Freed with `dw_tokens_free`. */
typedef struct dw_tokens {
    /* The access token (RFC 9068). */
    struct dw_text access;
    /* The refresh token; NULL unless it was asked for. */
    struct dw_text refresh;
    /* The access token's `jti`. */
    struct dw_id token;
    /* When the access token ends. */
    int64_t expires;
    /* What was granted: words with spaces between them. */
    struct dw_text scope;
    /* Whose it is. */
    struct dw_id account;
    /* Of which session. */
    struct dw_id session;
} dw_tokens;

/* A verified access token. Freed with `dw_access_free`. */
typedef struct dw_access {
    /* Whose it is. */
    struct dw_id account;
    /* Of which session. */
    struct dw_id session;
    /* Its `jti`. */
    struct dw_id token;
    /* Which client it was made for. */
    struct dw_text client;
    /* Whom it was made for, the verifier among them: a JSON array of strings. */
    struct dw_text audience;
    /* What it allows: words with spaces between them. */
    struct dw_text scope;
    /* When it was made. */
    int64_t issued_at;
    /* When it ends. */
    int64_t expires;
    /* When the password was proven last. */
    int64_t auth_time;
    /* How: words with spaces between them. */
    struct dw_text amr;
    /* What the host has added: a JSON object. */
    struct dw_text claims;
} dw_access;

/* The public keys. Freed with `dw_jwks_result_free`. */
typedef struct dw_jwks_result {
    /* The JWKS (RFC 7517, section 5). */
    struct dw_text json;
    /* How many milliseconds it may be kept. */
    uint64_t max_age_ms;
} dw_jwks_result;

/* The next signing key. Freed with `dw_rotated_free`. */
typedef struct dw_rotated {
    /* Whether it was made now. */
    bool is_new;
    /* From when on it signs. */
    int64_t active_from;
} dw_rotated;

/* What maintenance has done. Freed with `dw_maintained_free`. */
typedef struct dw_maintained {
    /* Expired rows and journal entries removed. */
    size_t purged;
    /* Deletions of accounts that are finished now. */
    size_t deletions;
    /* Whether the next signing key was made. */
    bool rotated;
    /* Whether there is more to do than one call does. */
    bool more;
} dw_maintained;

/* What a login may say besides. Set `size` to `sizeof(dw_login_options)` and all else to zero, then what is wanted. */
typedef struct dw_login_options {
    /* `sizeof(dw_login_options)`. */
    size_t size;
    /* The client's address, as text, without a port: who guesses from it is slowed. */
    struct dw_text source;
    /* What the client calls itself: its `User-Agent`, say. It is cut at 128 bytes, and made safe to show. */
    struct dw_text label;
    /* What tokens of this session may be granted at most: words with spaces between them. */
    struct dw_text scope;
    /* How long the session lives: a `dw_lifetime`. */
    int lifetime;
    /* Other than 0: the data of the guest's session `previous` is taken along. */
    int carry_data;
    /* The token of the session that this login replaces. */
    struct dw_text previous;
    /* The device's token of an earlier login: it has an allowance of guesses of its own. */
    struct dw_text device;
    /* Other than 0: the result has a token for this device. */
    int remember_device;
} dw_login_options;

/* What may be said of a token that is issued. Set `size` to `sizeof(dw_issue_options)` and all else to zero, then what is
 * wanted. */
typedef struct dw_issue_options {
    /* `sizeof(dw_issue_options)`. */
    size_t size;
    /* Further audiences. */
    const struct dw_text *audiences;
    /* How many further audiences there are. */
    size_t audience_count;
    /* What is asked for: words with spaces between them. Left out: all that the session may grant. */
    struct dw_text scope;
    /* Further claims: a JSON object. */
    struct dw_text claims;
    /* Other than 0: a refresh token too. */
    int refresh;
} dw_issue_options;

/* What may be said of a refresh. Set `size` to `sizeof(dw_refresh_options)` and all else to zero, then what is wanted. */
typedef struct dw_refresh_options {
    /* `sizeof(dw_refresh_options)`. */
    size_t size;
    /* Less than was granted, for this access token; left out: all of it. */
    struct dw_text scope;
    /* The audiences of this access token, some of those at first; left out: all of them. */
    const struct dw_text *audiences;
    /* How many there are of those. */
    size_t audience_count;
    /* Further claims of this access token: a JSON object. */
    struct dw_text claims;
} dw_refresh_options;

/* One finished operation. It holds no secret. Freed with `dw_event_free`. */
typedef struct dw_event {
    /* When, in UTC milliseconds. */
    int64_t at;
    /* Which: `login`, `logout`, … the name of its function without `dw_`; or one that others are made of: `open`, `tick`, `rehash`,
     * `deletions`, `finish_deletion`, `trust_clock`. */
    struct dw_text operation;
    /* How it ended. */
    enum dw_event_result result;
    /* Why, in a fixed word; NULL when it succeeded. */
    struct dw_text reason;
    /* The name that was given, canonical; NULL when there was none that can be one. */
    struct dw_text name;
    /* Whether the account is known, that is: proven. */
    bool has_account;
    /* The account. */
    struct dw_id account;
    /* Whether the session is known. */
    bool has_session;
    /* The session. */
    struct dw_id session;
    /* The address that was given; NULL when there was none. */
    struct dw_text source;
} dw_event;

/* Texts. Freed with `dw_strings_free`, all at once. */
typedef struct dw_strings {
    /* The first of them; NULL when there are none. */
    const struct dw_text *items;
    /* How many there are. */
    size_t count;
} dw_strings;

/* How a cookie is to be. NULL means: `__Host-session`, path `/`, this host alone, `Secure`, `SameSite=Lax`; so does one with all
 * zeros but its `size`, which is `sizeof(dw_cookie)`. */
typedef struct dw_cookie {
    /* `sizeof(dw_cookie)`. */
    size_t size;
    /* The whole name, prefix included. */
    struct dw_text name;
    /* The paths that it is sent to. */
    struct dw_text path;
    /* The domain whose hosts all get it. */
    struct dw_text domain;
    /* Other than 0: it travels over plain HTTP too, for development; its name has no prefix then. */
    int insecure;
    /* Which requests of other sites carry it: a `dw_same_site`. */
    int same_site;
    /* How it was in earlier versions of the host, each behind a pointer: those are cleared wherever this one is. */
    const struct dw_cookie *const *former;
    /* How many there are of those. */
    size_t former_count;
} dw_cookie;

/* What a request says of where it comes from; a header that it does not have is left out. Set `size` to
 * `sizeof(dw_fetch_headers)`. */
typedef struct dw_fetch_headers {
    /* `sizeof(dw_fetch_headers)`. */
    size_t size;
    /* `Host`. */
    struct dw_text host;
    /* `Origin`. */
    struct dw_text origin;
    /* `Sec-Fetch-Site`. */
    struct dw_text site;
    /* `Sec-Fetch-Mode`. */
    struct dw_text mode;
    /* `Sec-Fetch-Dest`. */
    struct dw_text dest;
    /* `Sec-Fetch-User`. */
    struct dw_text user;
    /* `Sec-Purpose`, or `Purpose`. */
    struct dw_text purpose;
} dw_fetch_headers;

/* What a row is filed under. Keys sort by kind, then by the bytes of their ids, as strings do: the first byte that differs
 * decides, and a prefix comes first. */
typedef struct dw_key {
    /* The kind, from 1 to `DW_KINDS`; each has a lasting number. */
    uint32_t kind;
    /* What tells it from others of its kind: 16 bytes, a name's UTF-8, or nothing. */
    struct dw_text id;
} dw_key;

/* Rows of one kind, in the order of their keys. */
typedef struct dw_range {
    /* Their kind. */
    uint32_t kind;
    /* Whether only rows of one owner are asked for: of kinds 1, 7, 9 and 13, which are worth an index by owner. */
    bool has_owner;
    /* That owner. */
    struct dw_id owner;
    /* Whether only rows after a key are asked for. */
    bool has_after;
    /* That key, which does not belong to the range, and whose row may be gone. */
    struct dw_key after;
} dw_range;

/* A row's stamp: 16 bytes that change whenever the row does. */
typedef struct dw_stamp {
    /* Its bytes. */
    uint8_t bytes[16];
} dw_stamp;

/* A row that must still be as it was seen, or the whole batch is a conflict. */
typedef struct dw_check {
    /* Its key. */
    struct dw_key key;
    /* Whether there must be none. */
    bool absent;
    /* Else the stamp that it must carry. */
    struct dw_stamp stamp;
} dw_check;

/* A row. The host keeps each of its parts as it is, and understands none. */
typedef struct dw_row {
    /* What it is filed under. In a reply to `DW_NEED_READ` it is not looked at. */
    struct dw_key key;
    /* 0 in a reply to `DW_NEED_READ` where there is no such row; else 1. */
    uint8_t exists;
    /* Its stamp. */
    struct dw_stamp stamp;
    /* A counter that `DW_WRITE_RAISE` adds one to. */
    uint64_t epoch;
    /* 1 when it has an owner, else 0. */
    uint8_t has_owner;
    /* The account that owns it. */
    struct dw_id owner;
    /* 1 when it expires, else 0. */
    uint8_t has_expires;
    /* When it expires, in UTC milliseconds: `DW_NEED_PURGE` removes it. */
    int64_t expires;
    /* The record: bytes with a checksum over them, the key, the owner and the end. */
    struct dw_text record;
} dw_row;

/* One write of a batch. */
typedef struct dw_write {
    /* What it does. */
    enum dw_write_kind kind;
    /* Of `DW_WRITE_PUT`: what must be there before. Its key is the row's. */
    struct dw_check expect;
    /* Of `DW_WRITE_PUT`: the row as it is to stand. Of the others only its key counts. */
    struct dw_row row;
} dw_write;

/* What a batch appends to the journal. Of an account or of everything the entry's floor is the `epoch` of the row under
 * `key` as the batch leaves it, or `UINT64_MAX` when there is none. */
typedef struct dw_ending {
    /* What it tells. */
    enum dw_ending_kind kind;
    /* The session, the account or the grant; all zeros of everything. */
    struct dw_id subject;
    /* Of an account or of everything: the row whose epoch is the floor. */
    struct dw_key key;
    /* When the entry may be purged. */
    int64_t until;
} dw_ending;

/* One atomic change: all of it is done, or nothing. */
typedef struct dw_batch {
    /* The stamp that every row it raises receives. (Those it puts carry it already.) */
    struct dw_stamp stamp;
    /* Whether it must survive a power cut before it is acknowledged. An empty one says: all before it must. */
    bool durable;
    /* What must still be so. */
    const struct dw_check *checks;
    /* How many checks there are. */
    size_t check_count;
    /* What to write; each key once. */
    const struct dw_write *writes;
    /* How many writes there are. */
    size_t write_count;
    /* What to append to the journal, in this order. */
    const struct dw_ending *endings;
    /* How many endings there are. */
    size_t ending_count;
} dw_batch;

/* What an operation needs. Freed with `dw_need_free`; the operation goes on without it. */
typedef struct dw_need {
    /* What it is; the fields that it does not name are NULL or 0. */
    enum dw_need_kind kind;
    /* For the reply. No two needs have the same. */
    uint64_t ticket;
    /* Of `DW_NEED_READ`: the keys. */
    const struct dw_key *keys;
    /* How many keys there are. */
    size_t key_count;
    /* Of `DW_NEED_SCAN`: the range. */
    const struct dw_range *range;
    /* Of `DW_NEED_COMMIT`: the batch. */
    const struct dw_batch *batch;
    /* Of `DW_NEED_CHANGES`: the number of the last entry that is known; 0 at the beginning. */
    uint64_t after;
    /* Of `DW_NEED_PURGE`: the time to go by, in UTC milliseconds. */
    int64_t now;
    /* Of `DW_NEED_SCAN`, `DW_NEED_CHANGES`, `DW_NEED_PURGE`: how many at most. */
    size_t limit;
    /* Of `DW_NEED_WORK`: whether a password is hashed, which takes milliseconds; a signature takes microseconds. */
    bool is_hashing;
} dw_need;

/* An entry of the journal, as the host keeps it. */
typedef struct dw_change {
    /* Its number: from 1, in commit order, never given twice. */
    uint64_t number;
    /* A `dw_ending_kind`. */
    uint32_t kind;
    /* The session, the account or the grant; all zeros of everything. */
    struct dw_id subject;
    /* Of an account or of everything: the floor. */
    uint64_t floor;
    /* When it may be purged. */
    int64_t until;
} dw_change;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* The name of a status, `"DW_OK"` and so on; NULL for a number that is none. It lives as long as the library. */
const char *dw_status_name(int32_t status);

/* The status code that a web host answers with (RFC 9110, section 15); 0 for a number that is none. Of a logout that
 * failed say 503: it is not done. */
uint16_t dw_status_http(int32_t status);

/* Frees an error; NULL is nothing to free. */
void dw_error_free(dw_error *error);

/* Writes an id as 32 lower-case hexadecimal digits and a zero: `char text[DW_ID_TEXT]`. Nothing happens when `text` is NULL. */
void dw_id_text(dw_id id, char *text);

/* Reads an id from its 32 hexadecimal digits. */
dw_status dw_id_parse(const char *digits, size_t digits_len, dw_id *out, dw_error **error);

/* A configuration with all the defaults: it needs a store and a master key. */
dw_status dw_config_new(dw_config **out, dw_error **error);

/* Frees a configuration; NULL is nothing to free. */
void dw_config_free(dw_config *config);

/* Where rows live: `sqlite:PATH`, `sled:PATH`, or `memory:`, which forgets all when the engine is freed. */
dw_status dw_config_store(dw_config *config, const char *url, size_t url_len, dw_error **error);

/* A master key: 32 random bytes that are kept apart from the database, and a number that is theirs for ever. The first one
 * given makes new tokens; tokens of all of them are accepted. */
dw_status dw_config_master_key(dw_config *config, uint32_t number, const void *key, size_t key_len,
    dw_error **error);

/* The master key in this file, which only its owner may read; with `create` other than 0 it is made when it is not there. */
dw_status dw_config_key_file(dw_config *config, const char *path, size_t path_len, int create,
    dw_error **error);

/* A pepper: 32 random bytes without which nobody can try passwords on a stolen database. The first one given hashes new
 * passwords, all verify; one given with `accept_only` other than 0 hashes
 * nothing new. */
dw_status dw_config_pepper(dw_config *config, uint32_t number, const void *key, size_t key_len,
    int accept_only, dw_error **error);

/* A signing key of the host's own, from a PEM file's text: `algorithm` is a `dw_algorithm`. The first one given signs; tokens
 * of all of them are accepted. Without one, the engine derives its own and rotates them. */
dw_status dw_config_signing_pem(dw_config *config, int algorithm, const char *pem, size_t pem_len,
    dw_error **error);

/* As `dw_config_signing_pem`, from a JWK (RFC 7517), which names its algorithm. */
dw_status dw_config_signing_jwk(dw_config *config, const char *jwk, size_t jwk_len, dw_error **error);

/* As `dw_config_signing_pem`, a secret for HS256: 32 random bytes or more, and a name for it, the `kid` of its tokens. Who
 * verifies with it can sign with it. */
dw_status dw_config_signing_secret(dw_config *config, const char *kid, size_t kid_len,
    const void *secret, size_t secret_len, dw_error **error);

/* The policy, as a JSON object: what it leaves out keeps its default, and a key that it should not have is refused.
 * `dw_engine_policy` shows every key. */
dw_status dw_config_policy(dw_config *config, const char *json, size_t json_len, dw_error **error);

/* For tests: a clock that shows `now`, in UTC milliseconds, until `dw_engine_set_time` moves it. */
dw_status dw_config_manual_clock(dw_config *config, int64_t now, dw_error **error);

/* Takes the clock's word against the store's at each opening with this configuration: after a person has looked at the clock,
 * when an opening has answered `DW_CLOCK`. When the store's mark is lowered by it, all sessions are ended. */
dw_status dw_config_trust_clock(dw_config *config, dw_error **error);

/* How many passwords are hashed at once (default: as many as cores), how many may wait (128), and into how many shares the
 * waiting room is divided among sources (4). */
dw_status dw_config_hashing(dw_config *config, size_t at_once, size_t queue, size_t shares,
    dw_error **error);

/* How many verified access tokens are remembered at most, so that their signature is not looked at again. Default 4096; 0:
 * none; a larger number than 1048576 counts as that. */
dw_status dw_config_remember_tokens(dw_config *config, size_t most, dw_error **error);

/* Maintains the store on a thread of the engine's own, so many milliseconds after the end of each run, at least 1000 and at
 * most half of the policy's `max_clock_regression_ms`. Default: the host calls `dw_maintain` every few minutes, and at least
 * once in the policy's `max_clock_regression_ms`. A context has no such thread. */
dw_status dw_config_maintain_every(dw_config *config, uint64_t every_ms, dw_error **error);

/* How many events wait for `dw_engine_event`; what overflows is counted. Fetch them before the engine is freed; of an opening
 * that fails, the error tells. Default 0: nobody is told. At most 1048576. */
dw_status dw_config_events(dw_config *config, size_t capacity, dw_error **error);

/* A random source of the host's own, in the place of the system's. It is called from any thread, and must give bytes that
 * nobody can guess, never the same twice: every secret is made of them. `user` is passed on to it, and must last until this
 * configuration, its engines, contexts and operations are freed and no call is under way. */
dw_status dw_config_entropy(dw_config *config, dw_entropy fill, void *user, dw_error **error);

/* Opens an engine. The configuration may be freed afterwards. */
dw_status dw_engine_open(const dw_config *config, dw_engine **out, dw_error **error);

/* Frees an engine; NULL is nothing to free. While calls are under way in other threads, it returns at once, and its store is
 * closed when the last of them returns; else its store is closed when it returns. */
void dw_engine_free(dw_engine *engine);

/* How many handles are open in this process, of every kind: what a test looks at when all should be freed. */
size_t dw_open_handles(void);

/* The version of the library: `"0.1.0"`. `DW_VERSION` is that of the header. */
const char *dw_version(void);

/* The engine's time in UTC milliseconds: its clock's, but never earlier than before. 0 when the handle is none. */
int64_t dw_engine_now(const dw_engine *engine);

/* Moves the manual clock to `now`, in UTC milliseconds. `DW_SEQUENCE` when the engine has the system's. */
dw_status dw_engine_set_time(const dw_engine *engine, int64_t now, dw_error **error);

/* The policy in force as JSON, every key of it. */
dw_status dw_engine_policy(const dw_engine *engine, dw_string **out, dw_error **error);

/* What is remembered of verified access tokens. */
dw_status dw_engine_remembered_tokens(const dw_engine *engine, dw_remembered **out, dw_error **error);

/* Frees a `dw_remembered`; NULL is nothing to free. */
void dw_remembered_free(dw_remembered *given);

/* Copies the database to a new file, durable and checked, while the engine goes on. Nothing is overwritten. Of a `sqlite:`
 * store only: `DW_VALUE` else. `progress` may be NULL, is called on this thread with `user`, and can stop it (`DW_STOPPED`).
 * After restoring a copy, call `dw_after_restore` before the doors open. */
dw_status dw_engine_backup(const dw_engine *engine, const char *path, size_t path_len,
    dw_progress progress, void *user, dw_error **error);

/* Whether the password was proven at most so many milliseconds before: what to ask before what is sensitive
 * (ASVS 5.0, 7.5). Never for a guest's session, nor for NULL. */
bool dw_session_is_fresh(const dw_session *session, uint64_t within_ms);

/* Frees a `dw_session` and wipes its texts; NULL is nothing to free. */
void dw_session_free(dw_session *given);

/* Frees a `dw_session_list` and wipes its texts; NULL is nothing to free. */
void dw_session_list_free(dw_session_list *given);

/* Frees a `dw_login_result` and wipes its texts; NULL is nothing to free. */
void dw_login_result_free(dw_login_result *given);

/* Frees a `dw_renewed` and wipes its texts; NULL is nothing to free. */
void dw_renewed_free(dw_renewed *given);

/* Frees a `dw_ended_everywhere` and wipes its texts; NULL is nothing to free. */
void dw_ended_everywhere_free(dw_ended_everywhere *given);

/* Frees a `dw_receipt` and wipes its texts; NULL is nothing to free. */
void dw_receipt_free(dw_receipt *given);

/* Frees a `dw_data` and wipes its texts; NULL is nothing to free. */
void dw_data_free(dw_data *given);

/* Frees a `dw_tokens` and wipes its texts; NULL is nothing to free. */
void dw_tokens_free(dw_tokens *given);

/* Frees a `dw_access` and wipes its texts; NULL is nothing to free. */
void dw_access_free(dw_access *given);

/* Frees a `dw_string` and wipes its texts; NULL is nothing to free. */
void dw_string_free(dw_string *given);

/* Frees a `dw_jwks_result` and wipes its texts; NULL is nothing to free. */
void dw_jwks_result_free(dw_jwks_result *given);

/* Frees a `dw_rotated` and wipes its texts; NULL is nothing to free. */
void dw_rotated_free(dw_rotated *given);

/* Frees a `dw_maintained` and wipes its texts; NULL is nothing to free. */
void dw_maintained_free(dw_maintained *given);

/* Signs a person up: one Argon2id run, one durable commit. `source` is the client's address, or NULL. `out` is the new
 * account. After `DW_UNRESOLVED` it may be there. */
dw_status dw_register(const dw_engine *engine, const char *name, size_t name_len, const char *password,
    size_t password_len, const char *source, size_t source_len, dw_id *out, dw_error **error);

/* Begins `dw_register` at a context; its outcome is for `dw_op_take_account`. */
dw_status dw_op_register(const dw_context *context, const char *name, size_t name_len,
    const char *password, size_t password_len, const char *source, size_t source_len, dw_op **op,
    dw_error **error);

/* Sets an account's password without the present one (recovery, administrators): ends all its sessions and lifts a lock. */
dw_status dw_set_password(const dw_engine *engine, dw_id account, const char *password,
    size_t password_len, dw_error **error);

/* Begins `dw_set_password` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_set_password(const dw_context *context, dw_id account, const char *password,
    size_t password_len, dw_op **op, dw_error **error);

/* Gives an account another login name; the old one is free, and sessions live on. */
dw_status dw_rename(const dw_engine *engine, dw_id account, const char *name, size_t name_len,
    dw_error **error);

/* Begins `dw_rename` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_rename(const dw_context *context, dw_id account, const char *name, size_t name_len,
    dw_op **op, dw_error **error);

/* Lifts what guesses have brought on an account: its count, and the waits on its names. */
dw_status dw_unlock(const dw_engine *engine, dw_id account, dw_error **error);

/* Begins `dw_unlock` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_unlock(const dw_context *context, dw_id account, dw_op **op, dw_error **error);

/* Shuts an account: all its sessions are over, and nobody logs in to it. */
dw_status dw_disable(const dw_engine *engine, dw_id account, dw_error **error);

/* Begins `dw_disable` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_disable(const dw_context *context, dw_id account, dw_op **op, dw_error **error);

/* Opens a disabled account for logins again; what was ended stays ended. */
dw_status dw_enable(const dw_engine *engine, dw_id account, dw_error **error);

/* Begins `dw_enable` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_enable(const dw_context *context, dw_id account, dw_op **op, dw_error **error);

/* Says that an account's password is in other hands: all its sessions are over, and the password brings `DW_MUST_CHANGE`
 * until `dw_set_password` sets another. */
dw_status dw_mark_compromised(const dw_engine *engine, dw_id account, dw_error **error);

/* Begins `dw_mark_compromised` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_mark_compromised(const dw_context *context, dw_id account, dw_op **op, dw_error **error);

/* Deletes an account: when this returns, all its sessions are over and its login name is free. Its id is never given again. */
dw_status dw_delete_account(const dw_engine *engine, dw_id account, dw_error **error);

/* Begins `dw_delete_account` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_delete_account(const dw_context *context, dw_id account, dw_op **op, dw_error **error);

/* Logs a person in. The session's token is in the result, and nowhere else. `options` may be NULL. */
dw_status dw_login(const dw_engine *engine, const char *name, size_t name_len, const char *password,
    size_t password_len, const dw_login_options *options, dw_login_result **out, dw_error **error);

/* Begins `dw_login` at a context; its outcome is for `dw_op_take_login`. */
dw_status dw_op_login(const dw_context *context, const char *name, size_t name_len, const char *password,
    size_t password_len, const dw_login_options *options, dw_op **op, dw_error **error);

/* Proves the password of a live session again; the session goes on under a new token. `source` is the client's address, or
 * NULL. */
dw_status dw_reauthenticate(const dw_engine *engine, const char *token, size_t token_len,
    const char *password, size_t password_len, const char *source, size_t source_len, dw_renewed **out,
    dw_error **error);

/* Begins `dw_reauthenticate` at a context; its outcome is for `dw_op_take_renewed`. */
dw_status dw_op_reauthenticate(const dw_context *context, const char *token, size_t token_len,
    const char *password, size_t password_len, const char *source, size_t source_len, dw_op **op,
    dw_error **error);

/* Changes the password of a live session's account, given the present one; the session goes on under a new token, every
 * other is over. `source` is the client's address, or NULL. */
dw_status dw_change_password(const dw_engine *engine, const char *token, size_t token_len,
    const char *current, size_t current_len, const char *password, size_t password_len,
    const char *source, size_t source_len, dw_renewed **out, dw_error **error);

/* Begins `dw_change_password` at a context; its outcome is for `dw_op_take_renewed`. */
dw_status dw_op_change_password(const dw_context *context, const char *token, size_t token_len,
    const char *current, size_t current_len, const char *password, size_t password_len,
    const char *source, size_t source_len, dw_op **op, dw_error **error);

/* Says whose session this token is, if it lives. Every status but `DW_OK` means no. */
dw_status dw_authenticate(const dw_engine *engine, const char *token, size_t token_len, dw_session **out,
    dw_error **error);

/* Begins `dw_authenticate` at a context; its outcome is for `dw_op_take_session`. */
dw_status dw_op_authenticate(const dw_context *context, const char *token, size_t token_len, dw_op **op,
    dw_error **error);

/* Ends the session of this token for good: durable when it returns `DW_OK`. A second call is no error. `DW_TOKEN`: the text opens
 * nothing. After any other status it is not known to be done: keep the cookie and call again. */
dw_status dw_logout(const dw_engine *engine, const char *token, size_t token_len, dw_receipt **out,
    dw_error **error);

/* Begins `dw_logout` at a context; its outcome is for `dw_op_take_receipt`. */
dw_status dw_op_logout(const dw_context *context, const char *token, size_t token_len, dw_op **op,
    dw_error **error);

/* Ends every session of an account, but for that of `keep`, which goes on under a new token; NULL keeps none. */
dw_status dw_logout_everywhere(const dw_engine *engine, dw_id account, const char *keep, size_t keep_len,
    dw_ended_everywhere **out, dw_error **error);

/* Begins `dw_logout_everywhere` at a context; its outcome is for `dw_op_take_ended_everywhere`. */
dw_status dw_op_logout_everywhere(const dw_context *context, dw_id account, const char *keep,
    size_t keep_len, dw_op **op, dw_error **error);

/* The live sessions of an account, in the order of their ids; none for an account that is not there. */
dw_status dw_sessions(const dw_engine *engine, dw_id account, dw_session_list **out, dw_error **error);

/* Begins `dw_sessions` at a context; its outcome is for `dw_op_take_session_list`. */
dw_status dw_op_sessions(const dw_context *context, dw_id account, dw_op **op, dw_error **error);

/* Ends one session of this account; `DW_NOT_FOUND` for every other session, another account's too. */
dw_status dw_end_session(const dw_engine *engine, dw_id account, dw_id session, dw_receipt **out,
    dw_error **error);

/* Begins `dw_end_session` at a context; its outcome is for `dw_op_take_receipt`. */
dw_status dw_op_end_session(const dw_context *context, dw_id account, dw_id session, dw_op **op,
    dw_error **error);

/* Gives a live session another token; the former one is dead. */
dw_status dw_rotate_session(const dw_engine *engine, const char *token, size_t token_len,
    dw_renewed **out, dw_error **error);

/* Begins `dw_rotate_session` at a context; its outcome is for `dw_op_take_renewed`. */
dw_status dw_op_rotate_session(const dw_context *context, const char *token, size_t token_len,
    dw_op **op, dw_error **error);

/* Opens a session for nobody yet, with data of the host's; a login replaces it. `lifetime_ms` 0: the policy's. `label` is what the
 * client calls itself, or NULL. */
dw_status dw_open_session(const dw_engine *engine, const void *data, size_t data_len,
    uint64_t lifetime_ms, const char *label, size_t label_len, dw_renewed **out, dw_error **error);

/* Begins `dw_open_session` at a context; its outcome is for `dw_op_take_renewed`. */
dw_status dw_op_open_session(const dw_context *context, const void *data, size_t data_len,
    uint64_t lifetime_ms, const char *label, size_t label_len, dw_op **op, dw_error **error);

/* What the host keeps with a live session, and whose it is, a guest's too. */
dw_status dw_session_data(const dw_engine *engine, const char *token, size_t token_len, dw_data **out,
    dw_error **error);

/* Begins `dw_session_data` at a context; its outcome is for `dw_op_take_data`. */
dw_status dw_op_session_data(const dw_context *context, const char *token, size_t token_len, dw_op **op,
    dw_error **error);

/* Replaces what the host keeps with a live session: durable when it returns, and refused once the session is over.
 * `lifetime_ms` other than 0 also gives the session that lifetime, from now on. */
dw_status dw_update_session_data(const dw_engine *engine, const char *token, size_t token_len,
    const void *data, size_t data_len, uint64_t lifetime_ms, dw_session **out, dw_error **error);

/* Begins `dw_update_session_data` at a context; its outcome is for `dw_op_take_session`. */
dw_status dw_op_update_session_data(const dw_context *context, const char *token, size_t token_len,
    const void *data, size_t data_len, uint64_t lifetime_ms, dw_op **op, dw_error **error);

/* Issues an access token for a live session, to this client and for this audience; a refresh token too if the options ask for
 * it. `options` may be NULL. */
dw_status dw_issue(const dw_engine *engine, const char *token, size_t token_len, const char *client,
    size_t client_len, const char *audience, size_t audience_len, const dw_issue_options *options,
    dw_tokens **out, dw_error **error);

/* Begins `dw_issue` at a context; its outcome is for `dw_op_take_tokens`. */
dw_status dw_op_issue(const dw_context *context, const char *token, size_t token_len, const char *client,
    size_t client_len, const char *audience, size_t audience_len, const dw_issue_options *options,
    dw_op **op, dw_error **error);

/* Uses a refresh token: the next one and an access token. One that comes back ends its session (`DW_REUSED`), except within the
 * policy's grace, when it gives the same again. After `DW_UNRESOLVED` try again with the same token. `options` may be NULL. */
dw_status dw_refresh(const dw_engine *engine, const char *token, size_t token_len, const char *client,
    size_t client_len, const dw_refresh_options *options, dw_tokens **out, dw_error **error);

/* Begins `dw_refresh` at a context; its outcome is for `dw_op_take_tokens`. */
dw_status dw_op_refresh(const dw_context *context, const char *token, size_t token_len,
    const char *client, size_t client_len, const dw_refresh_options *options, dw_op **op,
    dw_error **error);

/* Verifies an access token for this audience, in the policy's revocation mode. Every status but `DW_OK` means no. */
dw_status dw_verify(const dw_engine *engine, const char *token, size_t token_len, const char *audience,
    size_t audience_len, dw_access **out, dw_error **error);

/* Begins `dw_verify` at a context; its outcome is for `dw_op_take_access`. */
dw_status dw_op_verify(const dw_context *context, const char *token, size_t token_len,
    const char *audience, size_t audience_len, dw_op **op, dw_error **error);

/* Says what an access or refresh token is, as JSON (RFC 7662, section 2.2). `audience` is the resource server that asks; NULL when
 * nobody in particular does. */
dw_status dw_introspect(const dw_engine *engine, const char *token, size_t token_len,
    const char *audience, size_t audience_len, dw_string **out, dw_error **error);

/* Begins `dw_introspect` at a context; its outcome is for `dw_op_take_string`. */
dw_status dw_op_introspect(const dw_context *context, const char *token, size_t token_len,
    const char *audience, size_t audience_len, dw_op **op, dw_error **error);

/* Revokes a token of this client (RFC 7009): a refresh token with all that came of it, or one access token. No error for a token
 * that is none; `out` is whether there was nothing to end. */
dw_status dw_revoke_token(const dw_engine *engine, const char *token, size_t token_len,
    const char *client, size_t client_len, bool *out, dw_error **error);

/* Begins `dw_revoke_token` at a context; its outcome is for `dw_op_take_revoked`. */
dw_status dw_op_revoke_token(const dw_context *context, const char *token, size_t token_len,
    const char *client, size_t client_len, dw_op **op, dw_error **error);

/* The public keys that access tokens are verified with (RFC 7517), for verifiers elsewhere. */
dw_status dw_jwks(const dw_engine *engine, dw_jwks_result **out, dw_error **error);

/* Begins `dw_jwks` at a context; its outcome is for `dw_op_take_jwks`. */
dw_status dw_op_jwks(const dw_context *context, dw_op **op, dw_error **error);

/* Makes the next signing key before it is time for it; `when` is a `dw_rotation`. What was signed before lives to its end. */
dw_status dw_rotate_keys(const dw_engine *engine, int when, dw_rotated **out, dw_error **error);

/* Begins `dw_rotate_keys` at a context; its outcome is for `dw_op_take_rotated`. */
dw_status dw_op_rotate_keys(const dw_context *context, int when, dw_op **op, dw_error **error);

/* Ends every access and refresh token of everybody, by new keys; with `and_sessions` other than 0 every session too. */
dw_status dw_revoke_all_tokens(const dw_engine *engine, int and_sessions, dw_error **error);

/* Begins `dw_revoke_all_tokens` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_revoke_all_tokens(const dw_context *context, int and_sessions, dw_op **op,
    dw_error **error);

/* What a store needs now and then: purges, finishes deletions, makes the next signing key in time. Call it every few minutes, and at
 * least once in the policy's `max_clock_regression_ms`. */
dw_status dw_maintain(const dw_engine *engine, dw_maintained **out, dw_error **error);

/* Begins `dw_maintain` at a context; its outcome is for `dw_op_take_maintained`. */
dw_status dw_op_maintain(const dw_context *context, dw_op **op, dw_error **error);

/* Removes what has expired some time ago, `limit` rows and journal entries at most; `out` is how many were removed.
 * Nothing depends on it but the store's size. */
dw_status dw_purge(const dw_engine *engine, size_t limit, size_t *out, dw_error **error);

/* Begins `dw_purge` at a context; its outcome is for `dw_op_take_purged`. */
dw_status dw_op_purge(const dw_context *context, size_t limit, dw_op **op, dw_error **error);

/* Ends every session of every account: run it once after restoring a backup, before the doors open. */
dw_status dw_after_restore(const dw_engine *engine, dw_error **error);

/* Begins `dw_after_restore` at a context; its outcome is for `dw_op_take`. */
dw_status dw_op_after_restore(const dw_context *context, dw_op **op, dw_error **error);

/* The event that waits longest, or NULL when none waits: see `dw_config_events`. */
dw_status dw_engine_event(const dw_engine *engine, dw_event **out, dw_error **error);

/* How many events found no room. They are lost. */
uint64_t dw_engine_events_lost(const dw_engine *engine);

/* The event that waits longest, as `dw_engine_event`. */
dw_status dw_context_event(const dw_context *context, dw_event **out, dw_error **error);

/* How many events found no room, as `dw_engine_events_lost`. */
uint64_t dw_context_events_lost(const dw_context *context);

/* Frees an event; NULL is nothing to free. */
void dw_event_free(dw_event *event);

/* Frees texts; NULL is nothing to free. */
void dw_strings_free(dw_strings *given);

/* The values of the `Set-Cookie` headers that give a client this token: the first sets it, the others clear what the cookie
 * was formerly. `max_age_ms` is from now to the session's absolute end. */
dw_status dw_cookie_set(const dw_cookie *cookie, const char *token, size_t token_len,
    uint64_t max_age_ms, dw_strings **out, dw_error **error);

/* The values of the `Set-Cookie` headers that take the token away from a client. */
dw_status dw_cookie_clear(const dw_cookie *cookie, dw_strings **out, dw_error **error);

/* The token in a request's `Cookie` headers; NULL when there is none. Two cookies of this name are refused. */
dw_status dw_cookie_read(const dw_cookie *cookie, const dw_text *headers, size_t header_count,
    dw_string **out, dw_error **error);

/* The token in a request's `Authorization` headers (RFC 6750, section 2.1); NULL when there is none of the scheme `Bearer`. */
dw_status dw_bearer(const dw_text *headers, size_t header_count, dw_string **out, dw_error **error);

/* Where a client may be sent after a login or a logout: the target, when it is a path of this site; else `DW_WEB_TARGET`, and
 * `/` is safe. NULL is `/`. */
dw_status dw_return_target(const char *target, size_t target_len, dw_string **out, dw_error **error);

/* The token of a link that logs out by `GET`, for pages of the session whose token this is. */
dw_status dw_logout_token(const char *session_token, size_t session_token_len, dw_string **out,
    dw_error **error);

/* Whether this is the link's token for that session; false for whatever is none. */
bool dw_is_logout_token(const char *token, size_t token_len, const char *session_token,
    size_t session_token_len);

/* Checks where a request comes from; `DW_WEB_CROSS_SITE` when it is not known to come from this site. `kind` is a
 * `dw_request_kind`; `origins` are the site's own (`https://app.example`); none: that of `Host` over TLS. */
dw_status dw_check_request(const dw_fetch_headers *headers, int kind, const dw_text *origins,
    size_t origin_count, dw_error **error);

/* Begins to open a context on the host's own store, which must keep the promises on the page of conventions. When it is done,
 * `dw_op_take_context` gives the context. `durability` is a `dw_durability`. */
dw_status dw_op_open(const dw_config *config, int durability, dw_op **op, dw_error **error);

/* Frees a context; NULL is nothing to free. Its operations under way may go on. */
void dw_context_free(dw_context *context);

/* The context's time, as `dw_engine_now`. */
int64_t dw_context_now(const dw_context *context);

/* Moves the manual clock, as `dw_engine_set_time`. */
dw_status dw_context_set_time(const dw_context *context, int64_t now, dw_error **error);

/* The policy in force, as `dw_engine_policy`. */
dw_status dw_context_policy(const dw_context *context, dw_string **out, dw_error **error);

/* What is remembered of verified access tokens, as `dw_engine_remembered_tokens`. */
dw_status dw_context_remembered_tokens(const dw_context *context, dw_remembered **out, dw_error **error);

/* Goes on to what the operation needs next; `DW_NEED_DONE` says that its outcome is there. Before the reply the same need is
 * given again. */
dw_status dw_op_poll(dw_op *op, dw_need **out, dw_error **error);

/* Replies to `DW_NEED_READ`: as many rows as keys, in their order, `exists` false where there is none. A row that was damaged
 * ends the operation as `DW_CORRUPT`. */
dw_status dw_op_reply_rows(dw_op *op, uint64_t ticket, const dw_row *rows, size_t row_count,
    dw_error **error);

/* Replies to `DW_NEED_SCAN`: the rows in the order of their keys; fewer than the limit only when there are no more. */
dw_status dw_op_reply_page(dw_op *op, uint64_t ticket, const dw_row *rows, size_t row_count,
    dw_error **error);

/* Replies to `DW_NEED_COMMIT`: `applied` is 1 when all of it is done, as durably as the batch asks; 0 when a row was not as
 * it was expected, and nothing was changed. When the commit failed, call `dw_op_reply_failed`. */
dw_status dw_op_reply_commit(dw_op *op, uint64_t ticket, int applied, dw_error **error);

/* Replies to `DW_NEED_CHANGES`: the entries in the order of their numbers, skipping none, and the number of the journal's
 * last entry, which never goes back, also when that entry was purged. */
dw_status dw_op_reply_changes(dw_op *op, uint64_t ticket, const dw_change *entries, size_t entry_count,
    uint64_t end, dw_error **error);

/* Replies to `DW_NEED_PURGE`: how many were removed; fewer than the limit say that none is left. */
dw_status dw_op_reply_purged(dw_op *op, uint64_t ticket, size_t removed, dw_error **error);

/* Replies that the host's store has failed; `failure` is a `dw_store_failure`, which says what is true. */
dw_status dw_op_reply_failed(dw_op *op, uint64_t ticket, int failure, dw_error **error);

/* Replies to `DW_NEED_WORK` that the host has no room for it: the operation ends as `DW_BUSY`. */
dw_status dw_op_reply_busy(dw_op *op, uint64_t ticket, dw_error **error);

/* Does the work of a `DW_NEED_WORK` on this thread, and replies. It waits while as many passwords are hashed as
 * `dw_config_hashing` says; where more wait already than it says, the operation ends as `DW_BUSY`. The operation may be freed
 * meanwhile: then the call answers `DW_HANDLE`. It may run beside other calls with the operation. */
dw_status dw_work_run(dw_op *op, uint64_t ticket, dw_error **error);

/* Takes the outcome of an operation without a result: the status is all of it. */
dw_status dw_op_take(dw_op *op, dw_error **error);

/* Takes the context of `dw_op_open`. */
dw_status dw_op_take_context(dw_op *op, dw_context **out, dw_error **error);

/* Frees an operation; NULL is nothing to free. One that is not done is abandoned: a commit that the host has not replied to
 * may stand or fall, and no token was given out. */
void dw_op_free(dw_op *op);

/* Frees a need; NULL is nothing to free. */
void dw_need_free(dw_need *need);

/* Takes the outcome of `dw_op_verify`. */
dw_status dw_op_take_access(dw_op *op, dw_access **out, dw_error **error);

/* Takes the outcome of `dw_op_register`. */
dw_status dw_op_take_account(dw_op *op, dw_id *out, dw_error **error);

/* Takes the outcome of `dw_op_session_data`. */
dw_status dw_op_take_data(dw_op *op, dw_data **out, dw_error **error);

/* Takes the outcome of `dw_op_logout_everywhere`. */
dw_status dw_op_take_ended_everywhere(dw_op *op, dw_ended_everywhere **out, dw_error **error);

/* Takes the outcome of `dw_op_jwks`. */
dw_status dw_op_take_jwks(dw_op *op, dw_jwks_result **out, dw_error **error);

/* Takes the outcome of `dw_op_login`. */
dw_status dw_op_take_login(dw_op *op, dw_login_result **out, dw_error **error);

/* Takes the outcome of `dw_op_maintain`. */
dw_status dw_op_take_maintained(dw_op *op, dw_maintained **out, dw_error **error);

/* Takes the outcome of `dw_op_purge`. */
dw_status dw_op_take_purged(dw_op *op, size_t *out, dw_error **error);

/* Takes the outcome of `dw_op_logout` or `dw_op_end_session`. */
dw_status dw_op_take_receipt(dw_op *op, dw_receipt **out, dw_error **error);

/* Takes the outcome of `dw_op_reauthenticate`, `dw_op_change_password`, `dw_op_rotate_session` or `dw_op_open_session`. */
dw_status dw_op_take_renewed(dw_op *op, dw_renewed **out, dw_error **error);

/* Takes the outcome of `dw_op_revoke_token`. */
dw_status dw_op_take_revoked(dw_op *op, bool *out, dw_error **error);

/* Takes the outcome of `dw_op_rotate_keys`. */
dw_status dw_op_take_rotated(dw_op *op, dw_rotated **out, dw_error **error);

/* Takes the outcome of `dw_op_authenticate` or `dw_op_update_session_data`. */
dw_status dw_op_take_session(dw_op *op, dw_session **out, dw_error **error);

/* Takes the outcome of `dw_op_sessions`. */
dw_status dw_op_take_session_list(dw_op *op, dw_session_list **out, dw_error **error);

/* Takes the outcome of `dw_op_introspect`. */
dw_status dw_op_take_string(dw_op *op, dw_string **out, dw_error **error);

/* Takes the outcome of `dw_op_issue` or `dw_op_refresh`. */
dw_status dw_op_take_tokens(dw_op *op, dw_tokens **out, dw_error **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* DOORWARD_H */
