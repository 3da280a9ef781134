/* What every kernel begins with: types and macros; float.c or double.c follows, and functions.c: functions without branches, which
 * compilers make whole vectors of. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xla/ffi/api/c_api.h"

#ifdef __clang__
#define WHOLE_VECTORS _Pragma("clang loop vectorize(assume_safety) interleave_count(4)")
#else
#define WHOLE_VECTORS _Pragma("GCC ivdep") _Pragma("GCC unroll 4")
#endif

/* A constant whose value compilers do not see: a comparison with one that they see is turned round, into two steps.
 * Nothing writes it, but another file might. */
#define HELD(type, name, value) __attribute__((weak, visibility("hidden"))) type name = value

/* Functions of the math library for the kind of numbers that float.c or double.c says. */
#define SQRT OF_KIND(sqrt)
#define FLOOR OF_KIND(floor)
#define CEIL OF_KIND(ceil)
#define ABS OF_KIND(fabs)
#define ASIN OF_KIND(asin)
#define NEXT OF_KIND(nextafter)

/* Products that are added round once, on every processor that can: results do not depend on how a compiler sees them. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FMA(a, b, c) OF_KIND(__builtin_fma)(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

/* The next coefficient of a polynomial p by Horner's rule. */
#define TERM(x, c) p = FMA(p, x, c);

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

/* Inputs that decay for long would else be denormal numbers, which cost a hundred times as much; XLA does likewise. */
#ifdef __SSE__
static uint32_t flush_denormals(void) {
    const uint32_t mode = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(mode | 0x8040);
    return mode;
}
static void restore(uint32_t mode) { __builtin_ia32_ldmxcsr(mode); }
#else
static uint32_t flush_denormals(void) { return 0; }
static void restore(uint32_t mode) { (void)mode; }
#endif

INLINE float f_of_u(uint32_t x) { float y; memcpy(&y, &x, 4); return y; }
INLINE uint32_t u_of_f(float x) { uint32_t y; memcpy(&y, &x, 4); return y; }
INLINE float f_of_i(int32_t x) { float y; memcpy(&y, &x, 4); return y; }
INLINE int32_t i_of_f(float x) { int32_t y; memcpy(&y, &x, 4); return y; }

static int64_t size_of(const XLA_FFI_Buffer *b) {
    int64_t n = 1;
    for (int64_t k = 0; k < b->rank; k++) n *= b->dims[k];
    return n;
}

/* Whether a call only asks for the version of the interface. */
static int tell_version(XLA_FFI_CallFrame *frame) {
    if (!frame->extension_start || frame->extension_start->type != XLA_FFI_Extension_Metadata) return 0;
    XLA_FFI_Metadata *about = ((XLA_FFI_Metadata_Extension *)frame->extension_start)->metadata;
    about->api_version.major_version = XLA_FFI_API_MAJOR;
    about->api_version.minor_version = XLA_FFI_API_MINOR;
    about->traits = 0;
    return 1;
}

static XLA_FFI_Error *fail(XLA_FFI_CallFrame *frame, XLA_FFI_Error_Code code, const char *what) {
    XLA_FFI_Error_Create_Args error = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, NULL, what, code};
    return frame->api->XLA_FFI_Error_Create(&error);
}
