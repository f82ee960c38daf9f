/* future_rows.h - the rows of a future: the record itself, its labels, texts, result and error details. */
#ifndef DB_FUTURE_ROWS_H
#define DB_FUTURE_ROWS_H

#include "db/side.h"
#include "db/store.h"

#include <sqlite3.h>

/* Its prepared statements. */
struct future_rows {
	sqlite3 *db;
	struct side *side;              /* where large results are */
	sqlite3_stmt *insert, *insert_label, *insert_dependency, *insert_texts;
	sqlite3_stmt *update, *put_result, *put_details;
	sqlite3_stmt *replace, *replace_texts, *remove_dependencies;
	sqlite3_stmt *remove;
	sqlite3_stmt *find_result, *find_side, *find_details, *find_texts;
};

/* Prepare; db and side outlive it. Negative errno: call future_rows_done() all the same. */
int future_rows_init(struct future_rows *rows, sqlite3 *db, struct side *side);
void future_rows_done(struct future_rows *rows);

/* All of these block on the disk and answer as sql_errno() does. */

/* -EEXIST: the id or (uid, key) is there. -EINVAL: a label or a dependency twice, a number out of its range. */
int future_rows_insert(struct future_rows *rows, const struct future_rec *rec, const struct store_texts *texts);

/* Everything but id, uid, gid, mode, kind, profile, key, created_at_ms, labels and after, which never change.
 * result and details with data NULL are left as they are. -ENOENT: no such future. */
int future_rows_update(struct future_rows *rows, const struct future_rec *rec, struct store_blob result,
    struct store_blob details);

/* What else is new when it goes on to another operation: kind, profile, after and the texts but for the request,
 * which stays the creator's. -ENOENT: no such future; -EINVAL: a dependency twice. */
int future_rows_replace(struct future_rows *rows, const struct future_rec *rec, const struct store_texts *texts);

/* With all that belongs to it but a file of its result, which goes once that is durable. -ENOENT: no such
 * future. */
int future_rows_remove(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES]);

/* Is its result in a file of its own? 1, 0 or a negative errno. */
int future_rows_has_side(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES]);

/* Up to len bytes from offset on into a buffer the caller frees (never NULL). -ENOENT: none stored. */
int future_rows_read_result(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES], uint64_t offset,
    size_t len, void **ret_data, size_t *ret_len);
int future_rows_read_details(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES], void **ret_data,
    size_t *ret_len);

/* The texts, each NULL or the caller's to free, ret[0 .. 2] as in struct store_texts. -ENOENT. */
int future_rows_read_texts(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES], char *ret[3]);

/* Every future, ordered by id, as store_open() describes. The greatest seq met goes to ret_seq. */
int future_rows_load(sqlite3 *db, store_load_cb on_future, void *arg, uint64_t *ret_seq);

#endif
