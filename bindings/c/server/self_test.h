/* The server's own client: what `--self-test` runs. */

#ifndef SELF_TEST_H
#define SELF_TEST_H

#include <doorward.h>

/* Asks the server that listens on this port of this machine; gives how many answers were wrong. */
int self_test(const dw_engine *engine, uint16_t port);

#endif
