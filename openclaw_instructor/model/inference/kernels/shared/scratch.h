/* Scratch memory of each thread, kept from one pass to the next and freed with the thread. */

#ifndef OPENCLAW_INSTRUCTOR_SCRATCH_H
#define OPENCLAW_INSTRUCTOR_SCRATCH_H

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

/* Computes where buffers of these sizes start, each on a page; starts[count] is where the last one ends. */
static inline void lay_out(const size_t *sizes, int count, size_t *starts) {
    starts[0] = 0;
    for (int i = 0; i < count; i++) starts[i + 1] = starts[i] + (sizes[i] + PAGE - 1) / PAGE * PAGE;
}

typedef struct {
    char *memory;
    size_t size;
} Scratch;

static void free_scratch(void *scratch) {
    free(((Scratch *)scratch)->memory);
    free(scratch);
}

static void make_scratch_key(void) { pthread_key_create(&scratch_key, free_scratch); }

/* Returns at least `size` bytes with any content, or 0 without memory. A call with 0 returns what the last call did. Large
 * pages keep parts of it from evicting one another in the second-level cache. */
static char *scratch_of(size_t size) {
    pthread_once(&scratch_once, make_scratch_key);
    Scratch *scratch = pthread_getspecific(scratch_key);
    if (!scratch) {
        scratch = calloc(1, sizeof *scratch);
        if (!scratch) return 0;
        if (pthread_setspecific(scratch_key, scratch)) {
            free(scratch);
            return 0;
        }
    }
    if (scratch->size < size) {
        free(scratch->memory);
        *scratch = (Scratch){0, 0};
        size_t pages = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        char *memory = aligned_alloc(size < HUGE_PAGE ? PAGE : HUGE_PAGE, pages);
        if (!memory) return 0;
#ifdef MADV_HUGEPAGE
        if (size >= HUGE_PAGE) madvise(memory, pages, MADV_HUGEPAGE);
#endif
        *scratch = (Scratch){memory, pages};
    }
    return scratch->memory;
}

#endif
