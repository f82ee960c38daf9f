/* handlers.h - what each method does. */
#ifndef IPC_HANDLERS_H
#define IPC_HANDLERS_H

#include "daemon/ipc/call.h"
#include "proto/error.h"

/*
 * Each takes the params of its method, read into the struct that its row of the dispatch table names; they and what
 * they borrow are gone when it returns. It has then answered the call, or keeps a reference and answers later;
 * or it returns the negative errno of error, without having answered, and the error is sent for it.
 */
typedef int (*handler)(struct call *call, const void *params, struct error *error);

int h_server_hello(struct call *call, const void *params, struct error *error);
int h_server_stats(struct call *call, const void *params, struct error *error);

int h_future_create(struct call *call, const void *params, struct error *error);
int h_future_get(struct call *call, const void *params, struct error *error);
int h_future_list(struct call *call, const void *params, struct error *error);
int h_future_cancel(struct call *call, const void *params, struct error *error);
int h_future_refresh(struct call *call, const void *params, struct error *error);
int h_future_extend(struct call *call, const void *params, struct error *error);
int h_future_retry(struct call *call, const void *params, struct error *error);
int h_future_forget(struct call *call, const void *params, struct error *error);

int h_future_wait(struct call *call, const void *params, struct error *error);
int h_future_result(struct call *call, const void *params, struct error *error);

int h_future_claim(struct call *call, const void *params, struct error *error);
int h_future_renew(struct call *call, const void *params, struct error *error);
int h_future_progress(struct call *call, const void *params, struct error *error);
int h_future_resolve(struct call *call, const void *params, struct error *error);
int h_future_reject(struct call *call, const void *params, struct error *error);

int h_future_subscribe(struct call *call, const void *params, struct error *error);
int h_future_unsubscribe(struct call *call, const void *params, struct error *error);

int h_profile_list(struct call *call, const void *params, struct error *error);
int h_profile_get(struct call *call, const void *params, struct error *error);
int h_profile_check(struct call *call, const void *params, struct error *error);
int h_profile_try(struct call *call, const void *params, struct error *error);

#endif
