/* A CUDA driver without a card, for a rehearsal: see `rehearse`.
 *
 * It has the functions of `libcuda.so.1` that CubeCL calls. Memory is memory of the host, kernels do nothing, and events say that each
 * launch takes the same time. What is rehearsed is everything around the kernels: the calls of the driver in their order, the PTX, which
 * is written to the folder $KILN_PTX, and the time that the host takes. The numbers that a program reads are zeros and copies of its own.
 *
 * At the end it prints how often each kind of call was made, if $KILN_CALLS is a file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int result;
#define OK 0
#define EXPORT __attribute__((visibility("default")))

static struct {
    long launches, in_graphs, replays, graphs, copies_in, copies_in_graphs, copies_out, modules, synchronised;
} calls;
static int capturing;
static long captured;
static uintptr_t next_handle = 0x1000;

static void *handle(void) { return (void *)(next_handle += 16); }

static void report(void) {
    const char *path = getenv("KILN_CALLS");
    FILE *out = path ? fopen(path, "w") : NULL;
    if (!out) return;
    fprintf(out,
            "{\"launches\": %ld, \"captured\": %ld, \"graphs\": %ld, \"replays\": %ld, \"copies_in\": %ld, \"copies_captured\": %ld, "
            "\"copies_out\": %ld, \"modules\": %ld, \"synchronised\": %ld}\n",
            calls.launches, calls.in_graphs, calls.graphs, calls.replays, calls.copies_in, calls.copies_in_graphs, calls.copies_out,
            calls.modules, calls.synchronised);
    fclose(out);
}

EXPORT result cuInit(unsigned flags) {
    (void)flags;
    static int first = 1;
    if (first) atexit(report);
    first = 0;
    return OK;
}
EXPORT result cuDriverGetVersion(int *version) { *version = 13000; return OK; }
EXPORT result cuGetErrorName(result r, const char **name) { (void)r; *name = "error"; return OK; }
EXPORT result cuGetErrorString(result r, const char **text) { (void)r; *text = "an error of the rehearsal"; return OK; }

/* One device. */
EXPORT result cuDeviceGetCount(int *count) { *count = 1; return OK; }
EXPORT result cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal == 0 ? OK : 101; }
EXPORT result cuDeviceGetName(char *name, int length, int device) {
    (void)device;
    snprintf(name, (size_t)length, "NVIDIA H100 (rehearsal)");
    return OK;
}
EXPORT result cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = (size_t)8 << 30; return OK; }
EXPORT result cuMemGetInfo_v2(size_t *free, size_t *total) { *free = *total = (size_t)8 << 30; return OK; }
EXPORT result cuDeviceGetUuid_v2(char *uuid, int device) { (void)device; memset(uuid, 7, 16); return OK; }
EXPORT result cuDeviceGetLuid(char *luid, unsigned *mask, int device) { (void)device; memset(luid, 7, 8); *mask = 1; return OK; }
EXPORT result cuDeviceGetPCIBusId(char *id, int length, int device) {
    (void)device;
    snprintf(id, (size_t)length, "0000:00:00.0");
    return OK;
}
EXPORT result cuDeviceCanAccessPeer(int *can, int a, int b) { (void)a; (void)b; *can = 0; return OK; }
EXPORT result cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    const char *asked = getenv("KILN_SM");
    int sm = asked ? atoi(asked) : 90;
    switch (attribute) {
    case 1: *value = 1024; break;        /* threads of a block */
    case 2: case 3: *value = 1024; break;
    case 4: *value = 64; break;
    case 5: *value = 2147483647; break;  /* blocks of a grid */
    case 6: case 7: *value = 65535; break;
    case 8: *value = 49152; break;       /* shared memory of a block */
    case 10: *value = 32; break;         /* threads of a warp */
    case 12: case 82: *value = 65536; break;
    case 16: *value = 132; break;        /* multiprocessors */
    case 39: *value = 2048; break;
    case 75: *value = sm / 10; break;    /* compute capability */
    case 76: *value = sm % 10; break;
    case 97: *value = sm >= 90 ? 232448 : 166912; break;
    case 115: *value = 1; break;         /* memory pools */
    default: *value = 0;
    }
    return OK;
}

EXPORT result cuDevicePrimaryCtxRetain(void **context, int device) { (void)device; *context = (void *)0x10; return OK; }
EXPORT result cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return OK; }
EXPORT result cuCtxSetCurrent(void *context) { (void)context; return OK; }
EXPORT result cuCtxGetCurrent(void **context) { *context = (void *)0x10; return OK; }
EXPORT result cuCtxSynchronize(void) { calls.synchronised++; return OK; }
EXPORT result cuCtxGetStreamPriorityRange(int *least, int *greatest) { *least = 0; *greatest = -5; return OK; }

EXPORT result cuStreamCreate(void **stream, unsigned flags) { (void)flags; *stream = handle(); return OK; }
EXPORT result cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
    (void)flags; (void)priority;
    *stream = handle();
    return OK;
}
EXPORT result cuStreamDestroy_v2(void *stream) { (void)stream; return OK; }
EXPORT result cuStreamSynchronize(void *stream) { (void)stream; calls.synchronised++; return OK; }
EXPORT result cuStreamQuery(void *stream) { (void)stream; return OK; }
EXPORT result cuStreamWaitEvent(void *stream, void *event, unsigned flags) { (void)stream; (void)event; (void)flags; return OK; }
EXPORT result cuEventCreate(void **event, unsigned flags) { (void)flags; *event = handle(); return OK; }
EXPORT result cuEventDestroy_v2(void *event) { (void)event; return OK; }
EXPORT result cuEventRecord(void *event, void *stream) { (void)event; (void)stream; return OK; }
EXPORT result cuEventSynchronize(void *event) { (void)event; return OK; }
EXPORT result cuEventQuery(void *event) { (void)event; return OK; }
/* Longer than the 20 ms for which CubeCL's tuner repeats a launch that measures the card: it would repeat a faster one ever more often. */
EXPORT result cuEventElapsedTime(float *ms, void *a, void *b) { (void)a; (void)b; *ms = 25.0f; return OK; }
EXPORT result cuEventElapsedTime_v2(float *ms, void *a, void *b) { return cuEventElapsedTime(ms, a, b); }

/* Memory. */
EXPORT result cuMemAlloc_v2(void **memory, size_t bytes) { *memory = calloc(1, bytes ? bytes : 1); return *memory ? OK : 2; }
EXPORT result cuMemAllocAsync(void **memory, size_t bytes, void *stream) { (void)stream; return cuMemAlloc_v2(memory, bytes); }
EXPORT result cuMemFree_v2(void *memory) { free(memory); return OK; }
EXPORT result cuMemFreeAsync(void *memory, void *stream) { (void)stream; free(memory); return OK; }
EXPORT result cuMemAllocHost_v2(void **memory, size_t bytes) { return cuMemAlloc_v2(memory, bytes); }
EXPORT result cuMemHostAlloc(void **memory, size_t bytes, unsigned flags) { (void)flags; return cuMemAlloc_v2(memory, bytes); }
EXPORT result cuMemFreeHost(void *memory) { free(memory); return OK; }

static void in(void) { if (capturing) { calls.copies_in_graphs++; captured++; } else calls.copies_in++; }

EXPORT result cuMemcpyHtoD_v2(void *to, const void *from, size_t bytes) { in(); memcpy(to, from, bytes); return OK; }
EXPORT result cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t bytes, void *stream) {
    (void)stream;
    return cuMemcpyHtoD_v2(to, from, bytes);
}
/* Memory that no kernel has written may hold anything, such as a NaN, at which a run would end. The host reads zeros. */
EXPORT result cuMemcpyDtoH_v2(void *to, const void *from, size_t bytes) { (void)from; calls.copies_out++; memset(to, 0, bytes); return OK; }
EXPORT result cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t bytes, void *stream) {
    (void)stream;
    return cuMemcpyDtoH_v2(to, from, bytes);
}
EXPORT result cuMemcpyDtoDAsync_v2(void *to, const void *from, size_t bytes, void *stream) {
    (void)stream;
    memmove(to, from, bytes);
    return OK;
}
struct rectangle {
    size_t from_x, from_y;
    unsigned from_type;
    const void *from_host, *from_device;
    void *from_array;
    size_t from_pitch, to_x, to_y;
    unsigned to_type;
    void *to_host, *to_device, *to_array;
    size_t to_pitch, width, height;
};
EXPORT result cuMemcpy2DAsync_v2(const struct rectangle *r, void *stream) {
    (void)stream;
    const char *from = r->from_type == 1 ? r->from_host : r->from_device;
    char *to = r->to_type == 1 ? r->to_host : r->to_device;
    if (r->from_type == 1) in();
    if (r->to_type == 1) calls.copies_out++;
    for (size_t y = 0; y < r->height; y++) {
        char *line = to + (y + r->to_y) * r->to_pitch + r->to_x;
        if (r->to_type == 1) memset(line, 0, r->width);
        else memcpy(line, from + (y + r->from_y) * r->from_pitch + r->from_x, r->width);
    }
    return OK;
}
EXPORT result cuMemsetD8Async(void *memory, unsigned char value, size_t count, void *stream) {
    (void)stream;
    memset(memory, value, count);
    return OK;
}

/* Kernels: what is loaded is written down, and nothing is run. */
EXPORT result cuModuleLoadData(void **module, const void *image) {
    const char *folder = getenv("KILN_PTX");
    calls.modules++;
    if (folder) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%05ld-%d.ptx", folder, calls.modules, (int)(next_handle & 0xffff));
        FILE *out = fopen(path, "w");
        if (out) {
            fputs(image, out);
            fclose(out);
        }
    }
    *module = handle();
    return OK;
}
EXPORT result cuModuleLoadDataEx(void **module, const void *image, unsigned count, void *options, void *values) {
    (void)count; (void)options; (void)values;
    return cuModuleLoadData(module, image);
}
EXPORT result cuModuleUnload(void *module) { (void)module; return OK; }
EXPORT result cuModuleGetFunction(void **function, void *module, const char *name) {
    (void)module; (void)name;
    *function = handle();
    return OK;
}
EXPORT result cuFuncSetAttribute(void *function, int attribute, int value) {
    (void)function; (void)attribute; (void)value;
    return OK;
}
EXPORT result cuFuncGetAttribute(int *value, int attribute, void *function) {
    (void)attribute; (void)function;
    *value = 0;
    return OK;
}
static result launch(void) {
    if (capturing) { calls.in_graphs++; captured++; } else calls.launches++;
    return OK;
}
EXPORT result cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                             unsigned shared, void *stream, void **arguments, void **extra) {
    (void)function; (void)gx; (void)gy; (void)gz; (void)bx; (void)by; (void)bz; (void)shared; (void)stream; (void)arguments; (void)extra;
    return launch();
}
EXPORT result cuLaunchKernelEx(const void *config, void *function, void **arguments, void **extra) {
    (void)config; (void)function; (void)arguments; (void)extra;
    return launch();
}

/* Graphs. */
EXPORT result cuStreamBeginCapture_v2(void *stream, int mode) { (void)stream; (void)mode; capturing = 1; captured = 0; return OK; }
EXPORT result cuStreamEndCapture(void *stream, void **graph) {
    (void)stream;
    capturing = 0;
    *graph = handle();
    return OK;
}
EXPORT result cuStreamIsCapturing(void *stream, int *status) { (void)stream; *status = capturing; return OK; }
EXPORT result cuGraphGetNodes(void *graph, void **nodes, size_t *count) {
    (void)graph;
    if (nodes)
        for (size_t i = 0; i < *count; i++) nodes[i] = (void *)(i + 1);
    *count = (size_t)captured;
    return OK;
}
EXPORT result cuGraphNodeGetType(void *node, int *type) { (void)node; *type = 0; return OK; }
EXPORT result cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags) {
    (void)graph; (void)flags;
    calls.graphs++;
    *executable = handle();
    return OK;
}
EXPORT result cuGraphUpload(void *executable, void *stream) { (void)executable; (void)stream; return OK; }
EXPORT result cuGraphLaunch(void *executable, void *stream) { (void)executable; (void)stream; calls.replays++; return OK; }
EXPORT result cuGraphExecDestroy(void *executable) { (void)executable; return OK; }
EXPORT result cuGraphDestroy(void *graph) { (void)graph; return OK; }
