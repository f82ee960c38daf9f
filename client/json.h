/* json.h - msgpack as JSON text, for answers that are made for people. */
#ifndef CLIENT_JSON_H
#define CLIENT_JSON_H

#include <msgpack.h>
#include <stddef.h>

#define JSON_TEXT_MAX ((size_t)8 * 1024 * 1024)   /* of an answer: a message whose every byte is written as \u00xx */

/* object as JSON text, owned by the caller. Binaries that are UTF-8 become strings, others {"base64": "..."};
 * numbers that JSON has no words for become null. 0, -ENOMEM, -EMSGSIZE. */
int json_write_text(const msgpack_object *object, char **ret);

#endif
