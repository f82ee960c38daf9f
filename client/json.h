/* json.h - JSON text to msgpack and back, for calls whose params and answers are made for people. */
#ifndef CLIENT_JSON_H
#define CLIENT_JSON_H

#include "proto/pack.h"

#include <msgpack.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 28                         /* of params: the envelope takes two levels of the message's 32 */
#define JSON_TEXT_MAX ((size_t)8 * 1024 * 1024)   /* of an answer: a message whose every byte is written as \u00xx */

/* Pack the JSON object that text is (RFC 8259, nothing else). Whole numbers become integers where 64 bits hold them.
 * 0; -EINVAL for what is not JSON, not an object, or nested too deeply; -EMSGSIZE, -ENOMEM. */
int json_read(struct pack *pack, const char *text);

/* object as JSON text, owned by the caller. Binaries that are UTF-8 become strings, others {"base64": "..."};
 * numbers that JSON has no words for become null. 0, -ENOMEM, -EMSGSIZE. */
int json_write_text(const msgpack_object *object, char **ret);

#endif
