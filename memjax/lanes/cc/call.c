/* The call by XLA, and what kernels of many lanes do in threads. */

#include <pthread.h>

enum { MOST_THREADS = 256 };

/* What each driver has: whether a call gives what the equations have, as many arrays of as many numbers; and all that it
 * does, 0 where there is no memory for it. */
static int fits(const XLA_FFI_CallFrame *frame);
static int run_all(const XLA_FFI_CallFrame *frame);

XLA_FFI_Error *memjax_kernel(XLA_FFI_CallFrame *frame) {
    if (tell_version(frame)) return NULL;
    if (frame->stage != XLA_FFI_ExecutionStage_EXECUTE) return NULL;
    /* What is more than the text knows would be read as what comes next. */
    if (!fits(frame)) return fail(frame, XLA_FFI_Error_Code_INVALID_ARGUMENT, "lanes of other equations than their kernel's");
    const uint32_t mode = flush_denormals();
    const int fine = run_all(frame);
    restore(mode);
    return fine ? NULL : fail(frame, XLA_FFI_Error_Code_RESOURCE_EXHAUSTED, "no memory for lanes");
}

/* Whether some arrays have so many numbers. */
static int are_of(XLA_FFI_Buffer **arrays, int count, int64_t size) {
    int fine = 1;
    for (int k = 0; k < count; k++) fine = fine && size_of(arrays[k]) == size;
    return fine;
}

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
