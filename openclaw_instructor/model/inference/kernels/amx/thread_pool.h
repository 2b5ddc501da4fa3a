/* Threads that take the parts of a job beside the one that brings it.
 *
 * Nobody waits for them: a part belongs to who asks for it first, so one that wakes late finds less left. They sleep
 * between jobs, after a moment awake, because queries follow one another.
 */

#ifndef OPENCLAW_INSTRUCTOR_TEAM_H
#define OPENCLAW_INSTRUCTOR_TEAM_H

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

typedef struct {
    void (*work)(void *of);
    void *of;
    long wanted;        /* helpers that may still join */
    atomic_long inside; /* and those that have not left */
} Job;

enum {
    AWAKE = 1000,   /* looks for a new job before a helper sleeps: near 40 us */
    PATIENCE = 1000 /* looks at a part of another thread before the processor is left to it */
};

static struct {
    pthread_mutex_t lock, busy;
    pthread_cond_t called;
    Job *job;
    atomic_long calls;
    long helpers;
} team = {.lock = PTHREAD_MUTEX_INITIALIZER, .busy = PTHREAD_MUTEX_INITIALIZER, .called = PTHREAD_COND_INITIALIZER};

static void be_patient(long looks) {
    _mm_pause();
    if (looks >= PATIENCE) sched_yield();
}

/* Waits until `count` has reached `parts`. */
static void wait_for(atomic_long *count, long parts) {
    for (long looks = 0; atomic_load_explicit(count, memory_order_acquire) < parts; looks++) be_patient(looks);
}

static void *help(void *unused) {
    (void)unused;
    for (long seen = 0;;) {
        for (long looks = 0; looks < AWAKE && atomic_load(&team.calls) == seen; looks++) _mm_pause();
        pthread_mutex_lock(&team.lock);
        while (atomic_load(&team.calls) == seen) pthread_cond_wait(&team.called, &team.lock);
        seen = atomic_load(&team.calls);
        Job *job = team.job && team.job->wanted-- > 0 ? team.job : 0;
        if (job) atomic_fetch_add(&job->inside, 1);
        pthread_mutex_unlock(&team.lock);
        if (!job) continue;
        job->work(job->of);
        atomic_fetch_sub(&job->inside, 1);
    }
    return 0;
}

/* A forked process has none of its parent's helpers, who may have held what follows. */
static void without_helpers(void) {
    pthread_mutex_init(&team.lock, 0);
    pthread_mutex_init(&team.busy, 0);
    pthread_cond_init(&team.called, 0);
    team.job = 0;
    team.helpers = 0;
}

/* Works on the job with the helpers that are wanted; alone where the team has another one. */
static void do_together(Job *job) {
    long wanted = job->wanted;
    if (wanted < 1 || pthread_mutex_trylock(&team.busy)) {
        job->work(job->of);
        return;
    }
    pthread_mutex_lock(&team.lock);
    for (pthread_t thread; team.helpers < wanted && !pthread_create(&thread, 0, help, 0); team.helpers++)
        pthread_detach(thread);
    team.job = job;
    atomic_fetch_add(&team.calls, 1);
    pthread_cond_broadcast(&team.called);
    pthread_mutex_unlock(&team.lock);
    job->work(job->of);
    pthread_mutex_lock(&team.lock);
    team.job = 0;
    pthread_mutex_unlock(&team.lock);
    for (long looks = 0; atomic_load(&job->inside); looks++) be_patient(looks);
    pthread_mutex_unlock(&team.busy);
}

#endif
