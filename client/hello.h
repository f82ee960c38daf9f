/* hello.h - server.hello: the first words on each connection. */
#ifndef CLIENT_HELLO_H
#define CLIENT_HELLO_H

#include "client/conn.h"

/* Queue it. Its answer opens the connection to all other requests. 0 or a negative errno. */
int hello_send(struct futured *c);

#endif
