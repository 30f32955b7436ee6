// A disk that forgets: preloaded into a process, it notes in a journal what every write to a file
// under POWERCUT_DIR replaces, and which files were synced since. Whoever kills the process can then
// take back what a power cut would have lost. POWERCUT_LIES=1 makes every sync a lie.
//
// Journal, native byte order: op u8, inode u64, offset u64, size of the file before u64, length of
// the write u64, length of the old bytes u64, old bytes.
//   W  a write         T  a truncation (old bytes: what was cut off)
//   S  a sync          F  the file is gone, its inode may be another's
//
// Everything happens under one lock, so the journal has the order of the disk. Syncs reach no disk:
// the page cache outlives the process.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char *dir;
static size_t dir_length;
static int lies;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

__attribute__((constructor)) static void start(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  real_rename = dlsym(RTLD_NEXT, "rename");
  dir = getenv("POWERCUT_DIR");
  lies = getenv("POWERCUT_LIES") != NULL;
  const char *path = getenv("POWERCUT_JOURNAL");
  if (dir && path) {
    dir_length = strlen(dir);
    journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) abort();
  }
}

// The file's state if it is one that forgets.
static int forgets(int fd, struct stat *st) {
  if (journal < 0 || fd == journal || fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) return 0;
  char link[32], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path);
  return n > (ssize_t)dir_length && memcmp(path, dir, dir_length) == 0 && path[dir_length] == '/';
}

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t n = real_write(journal, at, length);
    if (n <= 0) abort();
    at += n;
    length -= (size_t)n;
  }
}

// One append per record, so that a kill leaves whole records and at most one torn one at the end.
static void note(char op, uint64_t inode, uint64_t offset, uint64_t size, uint64_t length,
                 const char *old, uint64_t old_length) {
  size_t head = 1 + 5 * sizeof(uint64_t);
  char *record = malloc(head + old_length);
  if (!record) abort();
  uint64_t fields[5] = {inode, offset, size, length, old_length};
  record[0] = op;
  memcpy(record + 1, fields, sizeof fields);
  if (old_length) memcpy(record + head, old, old_length);
  put(record, head + old_length);
  free(record);
}

// Old bytes are read through a descriptor of our own: the file's may be for writing only.
static void note_old(char op, int fd, const struct stat *st, off_t offset, size_t length) {
  uint64_t size = (uint64_t)st->st_size, at = (uint64_t)offset;
  uint64_t old_length = at >= size ? 0 : size - at < length ? size - at : length;
  char *old = old_length ? malloc(old_length) : NULL;
  if (old_length) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int reader = open(link, O_RDONLY | O_CLOEXEC);
    if (!old || reader < 0 || pread(reader, old, old_length, offset) != (ssize_t)old_length) abort();
    close(reader);
  }
  note(op, st->st_ino, at, size, length, old, old_length);
  free(old);
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset) {
  struct stat st;
  if (!forgets(fd, &st)) return real_pwrite(fd, bytes, length, offset);
  pthread_mutex_lock(&lock);
  fstat(fd, &st);
  note_old('W', fd, &st, offset, length);
  ssize_t n = real_pwrite(fd, bytes, length, offset);
  pthread_mutex_unlock(&lock);
  return n;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  return write_at(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return write_at(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct stat st;
  if (!real_write) real_write = dlsym(RTLD_NEXT, "write");
  if (!forgets(fd, &st)) return real_write(fd, bytes, length);
  pthread_mutex_lock(&lock);
  fstat(fd, &st);
  off_t offset = fcntl(fd, F_GETFL) & O_APPEND ? st.st_size : lseek(fd, 0, SEEK_CUR);
  note_old('W', fd, &st, offset, length);
  ssize_t n = real_write(fd, bytes, length);
  pthread_mutex_unlock(&lock);
  return n;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  ssize_t total = 0;
  for (int i = 0; i < count; i++) {
    ssize_t n = write(fd, parts[i].iov_base, parts[i].iov_len);
    if (n < 0) return total > 0 ? total : n;
    total += n;
    if ((size_t)n < parts[i].iov_len) break;
  }
  return total;
}

int ftruncate64(int fd, off_t length) {
  struct stat st;
  if (!forgets(fd, &st)) return real_ftruncate(fd, length);
  pthread_mutex_lock(&lock);
  fstat(fd, &st);
  size_t cut = st.st_size > length ? (size_t)(st.st_size - length) : 0;
  note_old('T', fd, &st, length, cut);
  int result = real_ftruncate(fd, length);
  pthread_mutex_unlock(&lock);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int sync_file(int fd) {
  struct stat st;
  if (!lies && forgets(fd, &st)) {
    pthread_mutex_lock(&lock);
    note('S', st.st_ino, 0, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
  }
  return 0;
}

int fsync(int fd) { return sync_file(fd); }

int fdatasync(int fd) { return sync_file(fd); }

// The caller holds the lock.
static void note_gone(const char *path) {
  struct stat st;
  if (journal >= 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
    note('F', st.st_ino, 0, 0, 0, NULL, 0);
}

int unlink(const char *path) {
  pthread_mutex_lock(&lock);
  note_gone(path);
  int result = real_unlink(path);
  pthread_mutex_unlock(&lock);
  return result;
}

int rename(const char *from, const char *to) {
  pthread_mutex_lock(&lock);
  note_gone(to);
  int result = real_rename(from, to);
  pthread_mutex_unlock(&lock);
  return result;
}
