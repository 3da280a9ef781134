/* What kernels of many lanes do in threads. */

#include <pthread.h>

enum { MOST_THREADS = 256 };

/* Some work, which shares itself out, in so many threads, this one among them; a thread that does not start leaves its
 * share to the others. */
static void run_in_threads(void *(*run)(void *), void *work, int64_t threads) {
    threads = threads < MOST_THREADS ? threads : MOST_THREADS;
    pthread_t others[MOST_THREADS];
    int started[MOST_THREADS] = {0};
    for (int64_t k = 1; k < threads; k++) started[k] = pthread_create(&others[k], NULL, run, work) == 0;
    run(work);
    for (int64_t k = 1; k < threads; k++)
        if (started[k]) pthread_join(others[k], NULL);
}
