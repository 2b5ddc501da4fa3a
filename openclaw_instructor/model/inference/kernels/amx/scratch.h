/* Memory of each thread, kept from one pass to the next and freed with the thread. */

#ifndef OPENCLAW_INSTRUCTOR_ROOM_H
#define OPENCLAW_INSTRUCTOR_ROOM_H

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };
static pthread_key_t rooms;
static pthread_once_t rooms_once = PTHREAD_ONCE_INIT;

/* Where parts of these sizes begin, each on a page, and behind the last one where they all end. */
static inline void lay_out(const size_t *sizes, int count, size_t *starts) {
    starts[0] = 0;
    for (int i = 0; i < count; i++) starts[i + 1] = starts[i] + (sizes[i] + PAGE - 1) / PAGE * PAGE;
}

typedef struct {
    char *at;
    size_t size;
} Room;

static void drop_room(void *room) {
    free(((Room *)room)->at);
    free(room);
}

static void make_rooms(void) { pthread_key_create(&rooms, drop_room); }

/* So many bytes, whatever is in them, or 0. In small pages parts of it would push one another out of the second cache. */
static char *room_of(size_t size) {
    pthread_once(&rooms_once, make_rooms);
    Room *room = pthread_getspecific(rooms);
    if (!room) {
        room = calloc(1, sizeof *room);
        if (!room || pthread_setspecific(rooms, room)) return 0;
    }
    if (room->size < size) {
        free(room->at);
        *room = (Room){0, 0};
        size_t pages = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        char *at = aligned_alloc(size < HUGE_PAGE ? PAGE : HUGE_PAGE, pages);
        if (!at) return 0;
        if (size >= HUGE_PAGE) madvise(at, pages, MADV_HUGEPAGE);
        *room = (Room){at, pages};
    }
    return room->at;
}

#endif
