// Time that can be moved on, as when a machine sleeps: preloaded into a process, it adds to CLOCK_REALTIME and
// CLOCK_BOOTTIME the seconds that the file named by CLOCK_AHEAD holds, and nothing while there is no such file.
// CLOCK_MONOTONIC goes on as it is, so that waits keep their length.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static const char *file;

__attribute__((constructor)) static void start(void) {
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  file = getenv("CLOCK_AHEAD");
}

static long ahead(void) {
  char text[24];
  int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length > 0 ? length : 0] = 0;
  return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t id, struct timespec *out) {
  if (!real_clock_gettime) start();
  int result = real_clock_gettime(id, out);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME)) out->tv_sec += ahead();
  return result;
}
