/* script_server.c - a TCP or unix server that answers each request with the next step of a script. */
#include "config.h"

#include "tests/daemon/remote/script_server.h"

#include <check.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

struct conn {
	LIST_ENTRY(conn) link;
	struct script_server *server;
	struct bufferevent *bev;
	const struct script_step *step;  /* being answered */
};

struct script_server {
	struct event_base *base;
	struct evconnlistener *listener;
	LIST_HEAD(, conn) conns;
	const struct script_step *steps;
	size_t n_steps, next;
	unsigned connections, requests;
	char *last;
	int port;
	void (*on_request)(void *arg);
	void *arg;
};

static void conn_free(struct conn *conn)
{
	LIST_REMOVE(conn, link);
	bufferevent_free(conn->bev);
	free(conn);
}

static void conn_reset(struct conn *conn)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(bufferevent_getfd(conn->bev), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	conn_free(conn);
}

/* Bytes of the complete request at the front of input, or 0. */
static size_t request_length(struct evbuffer *input)
{
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	size_t head, body = 0;
	char *text, *length;

	if (end.pos < 0)
		return 0;
	head = (size_t)end.pos + 4;
	text = calloc(1, head + 1);
	ck_assert_ptr_nonnull(text);
	evbuffer_copyout(input, text, head);
	length = strcasestr(text, "\r\nContent-Length:");
	if (length)
		body = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	free(text);
	return evbuffer_get_length(input) >= head + body ? head + body : 0;
}

static void conn_answer(struct conn *conn)
{
	struct script_server *server = conn->server;
	const struct script_step *step;

	conn->step = NULL;
	if (server->next == server->n_steps)
		return;
	step = conn->step = &server->steps[server->next++];
	if (step->len || *step->bytes)
		bufferevent_write(conn->bev, step->bytes, step->len ? step->len : strlen(step->bytes));
	else if (step->then == SCRIPT_RESET)
		conn_reset(conn);
	else if (step->then == SCRIPT_CLOSE)
		conn_free(conn);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	struct conn *conn = arg;
	struct script_server *server = conn->server;
	size_t len = request_length(input);

	if (!len)
		return;
	free(server->last);
	server->last = calloc(1, len + 1);
	ck_assert_ptr_nonnull(server->last);
	evbuffer_remove(input, server->last, len);
	server->requests++;
	if (server->on_request)
		server->on_request(server->arg);
	conn_answer(conn);
}

/* What was to be said has left for the kernel. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *conn = arg;

	if (!conn->step || conn->step->then == SCRIPT_KEEP)
		return;
	if (conn->step->then == SCRIPT_REPEAT)
		bufferevent_write(bev, conn->step->repeat, strlen(conn->step->repeat));
	else if (conn->step->then == SCRIPT_RESET)
		conn_reset(conn);
	else
		conn_free(conn);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	conn_free(arg);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int len, void *arg)
{
	struct script_server *server = arg;
	struct conn *conn = calloc(1, sizeof(*conn));

	ck_assert_ptr_nonnull(conn);
	conn->server = server;
	conn->bev = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	ck_assert_ptr_nonnull(conn->bev);
	LIST_INSERT_HEAD(&server->conns, conn, link);
	server->connections++;
	bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

struct script_server *script_server_new(struct event_base *base, const char *path,
    const struct script_step *steps, size_t n_steps)
{
	struct script_server *server = calloc(1, sizeof(*server));
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr *address = path ? (struct sockaddr *)&un : (struct sockaddr *)&in;
	socklen_t len = path ? sizeof(un) : sizeof(in);

	ck_assert_ptr_nonnull(server);
	server->base = base;
	server->steps = steps;
	server->n_steps = n_steps;
	LIST_INIT(&server->conns);
	if (path)
		strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	server->listener = evconnlistener_new_bind(base, on_accept, server,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, -1, address, (int)len);
	ck_assert_ptr_nonnull(server->listener);
	if (!path) {
		ck_assert_int_eq(getsockname(evconnlistener_get_fd(server->listener), address, &len), 0);
		server->port = ntohs(in.sin_port);
	}
	return server;
}

void script_server_free(struct script_server *server)
{
	struct conn *conn;

	if (!server)
		return;
	while ((conn = LIST_FIRST(&server->conns)))
		conn_free(conn);
	evconnlistener_free(server->listener);
	free(server->last);
	free(server);
}

int script_server_port(const struct script_server *server)
{
	return server->port;
}

unsigned script_server_connections(const struct script_server *server)
{
	return server->connections;
}

unsigned script_server_requests(const struct script_server *server)
{
	return server->requests;
}

const char *script_server_last(const struct script_server *server)
{
	return server->last ? server->last : "";
}

void script_server_on_request(struct script_server *server, void (*call)(void *arg), void *arg)
{
	server->on_request = call;
	server->arg = arg;
}
