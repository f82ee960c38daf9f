/* call.h - calls whose answer is handed on as JSON. */
#ifndef CLIENT_CALL_H
#define CLIENT_CALL_H

#include "client/conn.h"

/* The connection is closed for good; or its object goes away. */
void call_end_all(struct futured *c, int error);
void call_detach_all(struct futured *c);

#endif
