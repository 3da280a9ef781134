/* Tells who compiled it; needs what kernels need: headers of C, threads, and those of XLA. */

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xla/ffi/api/c_api.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

#if defined(__clang__)
#define NAME "clang " VERSION(__clang_major__, __clang_minor__, __clang_patchlevel__)
#elif defined(__GNUC__)
#define NAME "gcc " VERSION(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__)
#else
#define NAME "of an unknown kind"
#endif

char memjax_compiler[64] = NAME;
