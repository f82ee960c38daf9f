/* dispatch.h - the methods by name, and what each message comes to. */
#ifndef IPC_DISPATCH_H
#define IPC_DISPATCH_H

#include <msgpack.h>

struct session;

/* Carry out one message of a client: answer it, or begin what will answer it. object is borrowed for the call. */
void dispatch_message(struct session *session, const msgpack_object *object);

#endif
