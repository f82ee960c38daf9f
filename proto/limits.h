/* limits.h - the bounds that both sides of the socket agree on; server.hello announces them. */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

/* One message on the wire. */
#define PROTO_MESSAGE_MAX (1024 * 1024)   /* bytes */
#define PROTO_DEPTH_MAX 32                /* nested containers; msgpack-c's own stack has 32 */
#define PROTO_ITEMS_MAX 65536             /* objects in one message, keys and containers included */

/* What a request may hold. */
#define PROTO_WAIT_IDS_MAX 16384          /* ids in one wait or subscription */
#define PROTO_AFTER_MAX 4096              /* futures that one waits for, members of a group */
#define PROTO_KEY_MAX 256                 /* bytes of a creation key */
#define PROTO_LABELS_MAX 32               /* labels on one future */
#define PROTO_LABEL_MAX 256               /* bytes of a label's name, and of its value */
#define PROTO_SPEC_MAX (256 * 1024)       /* bytes of a spec as JSON text */
#define PROTO_PREFIX_MAX 16               /* leading params of a renamed notification */
#define PROTO_LIST_MAX 1000               /* futures in one page of future.list */
#define PROTO_RESULT_CHUNK_MAX (512 * 1024) /* bytes of a result in one reply */
#define PROTO_ERROR_TEXT_MAX 512          /* bytes of an error's message, NUL included */
#define PROTO_TIMEOUT_MAX 3153600000.0    /* seconds: 100 years */

#endif
