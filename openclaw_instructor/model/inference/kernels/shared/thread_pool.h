/* Threads that work on a job beside the thread that brings it.
 *
 * Nobody waits for a helper to start: a part belongs to whoever asks for it first, so a helper that wakes late finds less
 * left. Helpers sleep between jobs, after a moment awake, because queries follow one another.
 */

#ifndef OPENCLAW_INSTRUCTOR_THREAD_POOL_H
#define OPENCLAW_INSTRUCTOR_THREAD_POOL_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "processor.h"

typedef struct {
    void (*work)(void *argument);
    void *argument;
    long wanted;         /* helpers that may still join */
    atomic_long running; /* helpers that joined and have not left */
} Job;

enum {
    SPINS_BEFORE_SLEEP = 1000, /* looks for a new job before a helper sleeps: about 40 us */
    SPINS_BEFORE_YIELD = 1000  /* looks at another thread's progress before the processor is left to it */
};

static struct {
    pthread_mutex_t lock, busy;
    pthread_cond_t new_job;
    Job *job;
    atomic_long jobs; /* number of jobs so far */
    long helpers;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .busy = PTHREAD_MUTEX_INITIALIZER, .new_job = PTHREAD_COND_INITIALIZER};

static void spin(long looks) {
    relax();
    if (looks >= SPINS_BEFORE_YIELD) sched_yield();
}

/* Waits until `count` has reached `target`. */
static void wait_for(atomic_long *count, long target) {
    for (long looks = 0; atomic_load_explicit(count, memory_order_acquire) < target; looks++) spin(looks);
}

static void *help(void *unused) {
    (void)unused;
    for (long seen = 0;;) {
        for (long looks = 0; looks < SPINS_BEFORE_SLEEP && atomic_load(&pool.jobs) == seen; looks++) relax();
        pthread_mutex_lock(&pool.lock);
        while (atomic_load(&pool.jobs) == seen) pthread_cond_wait(&pool.new_job, &pool.lock);
        seen = atomic_load(&pool.jobs);
        Job *job = pool.job && pool.job->wanted-- > 0 ? pool.job : 0;
        if (job) atomic_fetch_add(&job->running, 1);
        pthread_mutex_unlock(&pool.lock);
        if (!job) continue;
        job->work(job->argument);
        atomic_fetch_sub(&job->running, 1);
    }
    return 0;
}

/* Starts afresh in a forked process, which has none of its parent's helpers; they may have held the locks. */
static void reset_pool(void) {
    pthread_mutex_init(&pool.lock, 0);
    pthread_mutex_init(&pool.busy, 0);
    pthread_cond_init(&pool.new_job, 0);
    pool.job = 0;
    pool.helpers = 0;
}

/* Works on the job with as many helpers as are wanted, or alone while they work on another one. */
static void run_job(Job *job) {
    long wanted = job->wanted;
    if (wanted < 1 || pthread_mutex_trylock(&pool.busy)) {
        job->work(job->argument);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    for (pthread_t thread; pool.helpers < wanted && !pthread_create(&thread, 0, help, 0); pool.helpers++)
        pthread_detach(thread);
    pool.job = job;
    atomic_fetch_add(&pool.jobs, 1);
    pthread_cond_broadcast(&pool.new_job);
    pthread_mutex_unlock(&pool.lock);
    job->work(job->argument);
    pthread_mutex_lock(&pool.lock);
    pool.job = 0;
    pthread_mutex_unlock(&pool.lock);
    for (long looks = 0; atomic_load(&job->running); looks++) spin(looks);
    pthread_mutex_unlock(&pool.busy);
}

#endif
