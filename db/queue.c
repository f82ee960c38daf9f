/* queue.c - the handover between the event loop and the writer's thread: operations there, answers back. */
#include "db/queue.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int init_wake(pthread_cond_t *wake)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	if (r)
		return -r;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (r == 0)
		r = pthread_cond_init(wake, &attr);
	pthread_condattr_destroy(&attr);
	return -r;
}

int queue_init(struct queue *queue)
{
	int r;

	memset(queue, 0, sizeof(*queue));
	r = -pthread_mutex_init(&queue->lock, NULL);
	if (r < 0)
		return r;
	r = init_wake(&queue->wake);
	if (r < 0)
		goto fail_lock;
	queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->fd >= 0)
		return 0;
	r = -errno;
	pthread_cond_destroy(&queue->wake);
fail_lock:
	pthread_mutex_destroy(&queue->lock);
	return r;
}

void queue_done(struct queue *queue)
{
	op_list_done(&queue->asked);
	op_list_done(&queue->answered);
	close(queue->fd);
	pthread_cond_destroy(&queue->wake);
	pthread_mutex_destroy(&queue->lock);
}

uint64_t queue_now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int queue_ask(struct queue *queue, struct op *op)
{
	/* One that is too big by itself is taken when it is alone. */
	if (queue->under_way >= QUEUE_OPS_MAX ||
	    (queue->under_way && queue->bytes_under_way + op->bytes > QUEUE_BYTES_MAX))
		return -ENOMEM;
	queue->under_way++;
	queue->bytes_under_way += op->bytes;
	pthread_mutex_lock(&queue->lock);
	op_list_push(&queue->asked, op);
	pthread_cond_signal(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
	return 0;
}

void queue_collect(struct queue *queue, struct op_list *ret_answered, struct queue_report *ret_report)
{
	uint64_t count;

	/* Empty is no failure: there may have been nothing to announce. */
	while (read(queue->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	memset(ret_answered, 0, sizeof(*ret_answered));
	pthread_mutex_lock(&queue->lock);
	op_list_append(ret_answered, &queue->answered);
	*ret_report = queue->report;
	pthread_mutex_unlock(&queue->lock);
	queue->under_way -= ret_answered->count;
	queue->bytes_under_way -= ret_answered->bytes;
}

void queue_stop(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->stop = true;
	pthread_cond_signal(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
}

bool queue_wait(struct queue *queue, uint64_t until_usec, struct op_list *ret_asked)
{
	struct timespec until = {
		.tv_sec = (time_t)(until_usec / 1000000),
		.tv_nsec = (long)(until_usec % 1000000) * 1000,
	};
	bool stop;
	int r = 0;

	pthread_mutex_lock(&queue->lock);
	while (!queue->asked.first && !queue->stop && until_usec && r != ETIMEDOUT) {
		if (until_usec == UINT64_MAX)
			pthread_cond_wait(&queue->wake, &queue->lock);
		else
			r = pthread_cond_timedwait(&queue->wake, &queue->lock, &until);
	}
	op_list_append(ret_asked, &queue->asked);
	stop = queue->stop;
	pthread_mutex_unlock(&queue->lock);
	return stop;
}

void queue_answer(struct queue *queue, struct op_list *answered, const struct queue_report *report)
{
	uint64_t one = 1;

	pthread_mutex_lock(&queue->lock);
	op_list_append(&queue->answered, answered);
	queue->report = *report;
	pthread_mutex_unlock(&queue->lock);
	/* It fails only when the counter is full, and then the loop has been told. */
	while (write(queue->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}
