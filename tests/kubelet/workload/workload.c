/* A container of known usage, and the pause container of every pod.
 *
 *   workload burn MILLICORES [SECONDS [STATUS]]
 *   workload hold MEBIBYTES
 *   workload idle
 *
 * burn ends after SECONDS with STATUS (0 if not given); the others never do.
 * SIGTERM ends all: as process 1 the default action would be to ignore it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NANOS_PER_SECOND 1000000000LL
/* Short against the second over which a young container is measured, long
 * against the cost of waking up. */
#define PERIOD_NANOS 10000000LL

static long long now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * NANOS_PER_SECOND + at.tv_nsec;
}

static void sleep_until(long long nanos) {
    struct timespec at = {nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

/* Burns up to the share that is due since the start, not since the last
 * period: what one period missed on a busy machine, the next ones make up. */
static void burn(long long millicores, long long seconds) {
    long long start = now(CLOCK_MONOTONIC);
    long long cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
    for (long long period = 1;; period++) {
        long long due = period * PERIOD_NANOS * millicores / 1000;
        while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start < due) {
        }
        sleep_until(start + period * PERIOD_NANOS);
        if (seconds > 0 && period * PERIOD_NANOS >= seconds * NANOS_PER_SECOND) {
            return;
        }
    }
}

static void idle(void) {
    for (;;) {
        pause();
    }
}

/* Writes to every page: untouched memory is not used memory. */
static int hold(long long mebibytes) {
    size_t size = (size_t)mebibytes << 20;
    char *memory = malloc(size);
    if (memory == NULL) {
        return 1;
    }
    memset(memory, 0x5a, size);
    /* Keeps the compiler from seeing that nobody reads it. */
    __asm__ volatile("" : : "r"(memory) : "memory");
    idle();
    return 0;
}

static void stop(int signal) {
    (void)signal;
    _exit(0);
}

/* A positive whole number, or the end of the program. */
static long long number(const char *text) {
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value <= 0) {
        fprintf(stderr, "workload: %s is no positive number\n", text);
        exit(2);
    }
    return value;
}

int main(int count, char **arguments) {
    signal(SIGTERM, stop);
    if (count >= 3 && count <= 5 && strcmp(arguments[1], "burn") == 0) {
        burn(number(arguments[2]), count > 3 ? number(arguments[3]) : 0);
        return count > 4 ? (int)number(arguments[4]) : 0;
    }
    if (count == 3 && strcmp(arguments[1], "hold") == 0) {
        return hold(number(arguments[2]));
    }
    if (count == 2 && strcmp(arguments[1], "idle") == 0) {
        idle();
    }
    fprintf(stderr, "usage: workload burn MILLICORES [SECONDS [STATUS]] | hold MEBIBYTES | idle\n");
    return 2;
}
