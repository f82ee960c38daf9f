/* document.h - a document: JSON text to msgpack. */
#ifndef PROTO_DOCUMENT_H
#define PROTO_DOCUMENT_H

#include "proto/pack.h"

#define DOCUMENT_DEPTH_MAX 28   /* nested containers: the envelope takes two levels of a message's 32 */

/* Pack the JSON object that text is (RFC 8259, nothing else; no NUL in its strings). Whole numbers become integers where
 * 64 bits hold them. 0; -EINVAL for what is not JSON, not an object, or nested too deeply; -EMSGSIZE, -ENOMEM. */
int document_pack(struct pack *pack, const char *text);

/* The same for any JSON value. */
int document_pack_value(struct pack *pack, const char *text);

#endif
